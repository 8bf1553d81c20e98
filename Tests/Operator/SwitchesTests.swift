import Foundation
import JSON
import Testing

@testable import Operator

@Suite struct `Read switches` {
    private static func environment(_ folder: String) -> [String: String] {
        ["CLOSTER_READ_SWITCHES": folder + "/switches.yaml"]
    }

    private static func read(_ folder: String, _ name: String = "switches.yaml") throws -> String {
        try String(contentsOfFile: folder + "/" + name, encoding: .utf8)
    }

    @Test func `in force are asked of the query service`() async throws {
        let transport = FakeTransport { _, _ in
            .json(
                200,
                #"{"data":[{"resource":"items","use":"shadow","percent":25,"origin":"tenant"}],"file":{"state":"good","taken_at":null}}"#
            )
        }
        for arguments in [["switches"], ["switches", "show"]] {
            let run = await closter(arguments + ["--tenant", "acme"], transport: transport)
            #expect(run.status == 0)
            #expect(run.out == "RESOURCE  USE     PERCENT  BY\nitems     shadow  25       tenant\n")
        }
        let request = try #require(transport.requests.first)
        #expect(request.url == "http://query.test/v1/read-switches")
        #expect(request.header("closter-tenant") == "acme")
    }

    @Test(arguments: ["broken", "missing"])
    func `of a file that is not in force are told as such`(state: String) async {
        let transport = FakeTransport { _, _ in .json(200, #"{"data":[],"file":{"state":"\#(state)"}}"#) }
        let run = await closter(["switches"], transport: transport)
        #expect(run.status == 1)
        #expect(run.err == "closter: warning: the file is \(state): what was last good is in force\n")
    }

    @Test func `are set in the file, which is made, and kept beside it`() async throws {
        try await withFolder { folder in
            let environment = Self.environment(folder)
            let first = await closter(["switches", "set", "listings", "shadow"], environment: environment)
            #expect(first.status == 0)
            #expect(first.out == "listings: shadow\n")
            #expect(first.err.isEmpty)
            #expect(!FileManager.default.fileExists(atPath: folder + "/switches.yaml.bak"))

            let made = try Self.read(folder)
            try FileManager.default.setAttributes(
                [.posixPermissions: 0o640], ofItemAtPath: folder + "/switches.yaml")
            let second = await closter(
                ["switches", "set", "items", "tables", "--percent", "25", "--tenant", "acme", "--json"],
                environment: environment)
            #expect(try JSONValue(parsing: second.out)["percent"] == 25)
            #expect(try Self.read(folder, "switches.yaml.bak") == made)
            let mode = try FileManager.default.attributesOfItem(atPath: folder + "/switches.yaml")[.posixPermissions]
            #expect(mode as? Int == 0o640)
            #expect(!FileManager.default.fileExists(atPath: folder + "/switches.yaml.new"))

            let check = await closter(["switches", "check", "--json"], environment: environment)
            #expect(check.status == 0)
            let rules = try JSONValue(parsing: check.out)["rules"]?.arrayValue ?? []
            #expect(
                rules.map { "\($0["tenant"] ?? .null) \($0["resource"] ?? .null) \($0["use"] ?? .null)" } == [
                    #"null "default" "projections""#, #"null "listings" "shadow""#, #""acme" "items" "tables""#,
                ])
        }
    }

    @Test func `lose their comments, and it is said`() async throws {
        try await withFolder { folder in
            try write("# why\ndefault: tables\n", to: folder + "/switches.yaml")
            let run = await closter(
                ["switches", "set", "default", "projections"], environment: Self.environment(folder))
            #expect(run.status == 0)
            #expect(run.err.contains("comments are lost"))
            #expect(try Self.read(folder, "switches.yaml.bak") == "# why\ndefault: tables\n")
        }
    }

    @Test func `that say so already leave the file alone`() async throws {
        try await withFolder { folder in
            try write("# why\ndefault: tables\n", to: folder + "/switches.yaml")
            let run = await closter(["switches", "set", "default", "tables"], environment: Self.environment(folder))
            #expect(run.status == 0)
            #expect(try Self.read(folder) == "# why\ndefault: tables\n")
        }
    }

    @Test func `are written where a link leads`() async throws {
        try await withFolder { folder in
            try write("default: tables\n", to: folder + "/real.yaml")
            try FileManager.default.createSymbolicLink(
                atPath: folder + "/switches.yaml", withDestinationPath: "real.yaml")
            _ = await closter(["switches", "set", "items", "shadow"], environment: Self.environment(folder))
            #expect(try Self.read(folder, "real.yaml").contains("items: shadow"))
            #expect((try? FileManager.default.destinationOfSymbolicLink(atPath: folder + "/switches.yaml")) != nil)
        }
    }

    @Test func `that are broken are neither taken nor overwritten`() async throws {
        try await withFolder { folder in
            try write("resources:\n  things: tables\n", to: folder + "/switches.yaml")
            let check = await closter(["switches", "check"], environment: Self.environment(folder))
            #expect(check.status == 1)
            #expect(check.out.contains("line 2"))
            let set = await closter(["switches", "set", "items", "tables"], environment: Self.environment(folder))
            #expect(set.status == 2)
            #expect(set.err.contains("line 2"))
            #expect(try Self.read(folder) == "resources:\n  things: tables\n")

            let missing = await closter(["switches", "check", folder + "/none.yaml"])
            #expect(missing.status == 2)
        }
    }
}
