import ArgumentParser
import Foundation
import TestSupport
import Testing

@testable import Operator

/// What the documents say is compared with what is there.
@Suite struct `The documents` {
    private static let checkout = TestDatabase.checkout

    private static func text(_ path: String) throws -> String {
        try String(contentsOf: checkout.appending(path: path), encoding: .utf8)
    }

    private static func files(_ folder: String, suffix: String) throws -> [String] {
        let root = checkout.appending(path: folder).resolvingSymlinksInPath()
        let found = FileManager.default.enumerator(atPath: root.path)?.compactMap { $0 as? String } ?? []
        return found.filter { $0.hasSuffix(suffix) }.map { folder + "/" + $0 }.sorted()
    }

    private static func matches(_ pattern: String, in text: String) throws -> [[String]] {
        let expression = try NSRegularExpression(pattern: pattern)
        return expression.matches(in: text, range: NSRange(text.startIndex..., in: text)).map { match in
            (0..<match.numberOfRanges).map { index in
                Range(match.range(at: index), in: text).map { String(text[$0]) } ?? ""
            }
        }
    }

    private static func sources() throws -> String {
        try (files("Services", suffix: ".swift") + files("Shared", suffix: ".swift")).map(text).joined(separator: "\n")
    }

    @Test func `tell every version of every stored event`() throws {
        let told = try Self.text("doc/events.md")
        let fixtures = try Self.files("Tests/Events/Fixtures", suffix: ".json")
        #expect(!fixtures.isEmpty)
        for path in fixtures {
            let parts = try #require(path.split(separator: "/").last).split(separator: ".")
            let isTold = told.contains("| `\(parts[0])` \(parts[1].dropFirst()) |")
            #expect(isTold, "\(path)")
        }
    }

    @Test func `tell every route`() throws {
        let told = try Self.text("doc/SPEC.md")
        let routes = try Self.matches(#"router\.(get|post|patch|put|delete)\("([^"]+)""#, in: Self.sources())
        #expect(routes.count > 20)
        for route in routes {
            let path = route[2].split(separator: "/").map { part in
                part.hasPrefix(":") ? "{\(part.dropFirst())}" : String(part)
            }.joined(separator: "/")
            let line = "(?m)^\(route[1].uppercased()) +/\(NSRegularExpression.escapedPattern(for: path))([ ?]|$)"
            let isTold = try !Self.matches(line, in: told).isEmpty
            #expect(isTold, "\(route[1]) /\(path)")
        }
    }

    @Test func `name metrics that exist`() throws {
        let sources = try Self.sources()
        let pattern = "closter_[a-z_]+_(total|seconds|size|positions|leading|stopped|waiting)"
        let told = try Set(Self.matches(pattern, in: Self.text("doc/runbook.md")).map(\.[0]))
        #expect(told.count > 5)
        for name in told {
            let isThere = sources.contains("\"\(name)\"")
            #expect(isThere, "\(name)")
        }
    }

    @Test func `link to what is there`() throws {
        let pages =
            try Self.files("doc", suffix: ".md") + Self.files("tasks", suffix: ".md") + ["README.md"]
        for page in pages {
            let folder = Self.checkout.appending(path: page).deletingLastPathComponent()
            for link in try Self.matches(#"\]\(([^)#:]+)(#[^)]*)?\)"#, in: Self.text(page)) {
                let target = folder.appending(path: link[1]).standardizedFileURL
                #expect(FileManager.default.fileExists(atPath: target.path), "\(page): \(link[1])")
            }
        }
    }

    @Test func `say nothing of the machine they were written on`() throws {
        let pages =
            try Self.files("doc", suffix: ".md") + Self.files("tasks", suffix: ".md") + ["README.md"]
        for page in pages {
            let text = try Self.text(page)
            let found = ["/tmp/", "/home/", "/opt/", "localhost:54"].filter(text.contains)
            #expect(found.isEmpty, "\(page)")
        }
    }

    @Test func `show only commands that the tool has`() async throws {
        let pages = try ["README.md", "doc/runbook.md", "doc/SPEC.md"].map(Self.text).joined(separator: "\n")
        let commands = Closter.configuration.subcommands.compactMap { $0.configuration.commandName }
        let shown = try Set(Self.matches("closter ([a-z]+)", in: pages).map(\.[1])).intersection(commands)
        #expect(shown == Set(commands))
        for command in shown {
            let run = await closter([command, "--help"], environment: [:])
            #expect(run.out.contains("USAGE: closter \(command)"), "\(command)")
        }
    }
}
