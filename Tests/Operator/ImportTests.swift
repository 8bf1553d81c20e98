import Foundation
import JSON
import Testing

@testable import Operator

@Suite struct `Importing` {
    static let id = "import_01h455vb4pex5vsknk084sn02q"
    static let done = """
        {"id":"\(id)","status":"done","counts":{"created":2,"changed":0,"unchanged":1,"rejected":0,"noted":0},
         "lines":[{"line":2,"outcome":"created","reason":null,"item_id":"item_a","listing_id":"listing_a"},
                  {"line":3,"outcome":"created","reason":null,"item_id":"item_b","listing_id":null},
                  {"line":4,"outcome":"unchanged","reason":null}]}
        """
    static let rejected = """
        {"id":"\(id)","status":"done","counts":{"created":1,"changed":0,"unchanged":0,"rejected":1,"noted":0},
         "lines":[{"line":2,"outcome":"created"},
                  {"line":3,"outcome":"rejected","reason":"the price 1.234,50 is not a number"}]}
        """

    /// Accepts the file, then answers the polls one after the other.
    static func service(_ polls: [String]) -> FakeTransport {
        FakeTransport { request, number in
            request.method == "POST"
                ? .json(202, #"{"id":"\#(id)","version":1}"#) : .json(200, polls[min(number - 2, polls.count - 1)])
        }
    }

    static func withFile(_ body: (String) async throws -> Void) async throws {
        try await withFolder { folder in
            try write("Handle,Title\na,A\nb,B\nc,C\n", to: folder + "/a.csv")
            try await body(folder + "/a.csv")
        }
    }

    @Test func `hands in the file, follows it and sums up`() async throws {
        try await Self.withFile { file in
            let running = #"{"id":"\#(Self.id)","status":"running","counts":null,"lines":[]}"#
            let transport = Self.service([running, running, Self.done])

            let run = await closter(["import", file], transport: transport)

            #expect(run.status == 0)
            #expect(run.out == "\(Self.id) done: 2 created, 0 changed, 1 unchanged, 0 rejected, 0 noted\n")
            #expect(run.err.isEmpty)
            let upload = try #require(transport.requests.first)
            #expect(upload.url == "http://command.test/v1/imports?format=shopify&publish=true")
            #expect(upload.header("closter-tenant") == "demo")
            #expect(
                transport.requests.dropFirst().map { $0.url.components(separatedBy: Self.id).last }
                    == ["?lines=none", "?lines=none", "?lines=none", "?lines=rejected"])
            #expect(run.pauses.count == 2)
        }
    }

    @Test func `names each rejected line and ends with 1`() async throws {
        try await Self.withFile { file in
            let run = await closter(["import", file], transport: Self.service([Self.rejected]))
            #expect(run.status == 1)
            #expect(
                run.out == """
                    \(Self.id) done: 1 created, 0 changed, 0 unchanged, 1 rejected, 0 noted
                    line 3 rejected: the price 1.234,50 is not a number

                    """)
        }
    }

    @Test func `names every line when asked`() async throws {
        try await Self.withFile { file in
            let run = await closter(["import", file, "--verbose"], transport: Self.service([Self.done]))
            #expect(run.out.contains("line 2 created [item_a, listing_a]\nline 3 created [item_b]\nline 4 unchanged\n"))
        }
    }

    @Test func `gives scripts the report as it is`() async throws {
        try await Self.withFile { file in
            let run = await closter(["import", file, "--json"], transport: Self.service([Self.rejected]))
            #expect(run.status == 1)
            let (printed, answered) = (try JSONValue(parsing: run.out), try JSONValue(parsing: Self.rejected))
            #expect(printed == answered)
        }
    }

    @Test func `passes on the options`() async throws {
        try await Self.withFile { file in
            let transport = Self.service([Self.done])
            let run = await closter(
                ["import", file, "--no-publish", "--currency", "EUR", "--no-wait"], transport: transport)
            #expect(run.out == "\(Self.id): handed in\n")
            #expect(
                transport.requests.map(\.url)
                    == ["http://command.test/v1/imports?format=shopify&publish=false&currency=EUR"])
        }
    }

    @Test func `that failed ends with 2 and its reason`() async throws {
        try await Self.withFile { file in
            let failed = #"{"id":"\#(Self.id)","status":"failed","reason":"no header","counts":null,"lines":[]}"#
            let run = await closter(["import", file], transport: Self.service([failed]))
            #expect(run.status == 2)
            #expect(run.err == "closter: \(Self.id) failed: no header\n")
        }
    }

    @Test func `survives a reader that is a moment behind`() async throws {
        try await Self.withFile { file in
            let transport = FakeTransport { request, number in
                if request.method == "POST" { return .json(202, #"{"id":"\#(Self.id)"}"#) }
                return number < 4 ? .json(404, #"{"title":"Not found","status":404}"#) : .json(200, Self.done)
            }
            #expect(await closter(["import", file], transport: transport).status == 0)
        }
    }

    @Test func `draws a bar for people only`() async throws {
        try await Self.withFile { file in
            let running = #"{"id":"\#(Self.id)","status":"running","counts":{"created":1,"noted":1},"lines":[]}"#
            let run = await closter(
                ["import", file], interactive: true, transport: Self.service([running, Self.done]))
            #expect(run.err.contains("66 %  2 of 3 rows"))
            #expect(run.err.hasSuffix("\r\u{1B}[K"))
        }
    }

    @Test func `refuses what is no file, an empty one and one too large before anything is sent`() async throws {
        try await withFolder { folder in
            try write("", to: folder + "/empty.csv")
            try write("", to: folder + "/large.csv")
            let handle = try #require(FileHandle(forWritingAtPath: folder + "/large.csv"))
            try handle.truncate(atOffset: UInt64(ImportCommand.largestFile + 1))
            try handle.close()
            let transport = Self.service([Self.done])
            for (file, reason) in [
                ("/none.csv", "there is no file"), ("", "is a folder"), ("/empty.csv", "is empty"),
                ("/large.csv", "is larger than 64 MiB"),
            ] {
                let run = await closter(["import", folder + file], transport: transport)
                #expect(run.status == 2)
                #expect(run.err.contains(reason))
            }
            #expect(transport.requests.isEmpty)
        }
    }
}
