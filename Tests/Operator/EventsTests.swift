import Foundation
import JSON
import TestSupport
import Testing

@testable import Operator

@Suite struct `Events` {
    private static func document(_ position: Int64) -> String {
        """
        {"position":\(position),"type":"ItemReceived","category":"item","stream_id":"item_x","version":1,"data":{},\
        "actor":"operator:ada","correlation_id":"c\(position)","recorded_at":"2026-01-30T10:00:00.002310Z"}
        """
    }

    private static func line(_ position: Int64) -> String {
        "\(position)  2026-01-30T10:00:00.002310Z  ItemReceived  item_x  1  operator:ada  c\(position)\n"
    }

    private static func page(_ positions: [Int64], next: String?) -> Response {
        let next = next.map { "\"\($0)\"" } ?? "null"
        return .json(200, #"{"data":[\#(positions.map(document).joined(separator: ","))],"next":\#(next)}"#)
    }

    private static func stream(_ positions: Int64...) -> Response {
        let events = positions.map { "id: \($0)\nevent: ItemReceived\ndata: \(document($0))\n\n" }.joined()
        return Response(status: 200, body: Array("retry: 1500\n\n:\n\n\(events)".utf8))
    }

    @Test func `are printed page by page, one a line`() async throws {
        let transport = FakeTransport { _, number in
            number == 1 ? Self.page([3, 4], next: "4") : Self.page([7], next: nil)
        }
        let run = await closter(
            ["events", "--after", "2", "--category", "item", "--type", "A B"], transport: transport)
        #expect(run.status == 0)
        #expect(run.out == Self.line(3) + Self.line(4) + Self.line(7))
        #expect(
            transport.requests.map(\.url) == [
                "http://query.test/v1/events?after=2&limit=200&category=item&type=A%20B",
                "http://query.test/v1/events?after=4&limit=200&category=item&type=A%20B",
            ])
    }

    @Test func `end where there have been enough`() async throws {
        let transport = FakeTransport { request, _ in
            request.url.contains("limit=3") ? Self.page([1, 2, 3], next: "3") : Response(status: 500)
        }
        let run = await closter(["events", "--limit", "3", "--json"], transport: transport)
        #expect(run.status == 0)
        let lines = run.out.split(separator: "\n")
        #expect(try lines.map { try JSONValue(parsing: String($0))["position"]?.integerValue } == [1, 2, 3])
        #expect(transport.requests.count == 1)
    }

    @Test func `are followed over streams that end, break off or do not come, each printed once`() async throws {
        let transport = FakeTransport { _, number throws(TransportFailure) in
            switch number {
            case 1: Self.stream(5, 6)
            case 2: throw TransportFailure(kind: .unreachable, message: "no connection")
            case 3: .json(503, #"{"title":"Temporarily unavailable"}"#)
            default: Self.stream(6, 7, 8, 9)
            }
        }
        let run = await closter(["events", "--follow", "--after", "4", "--limit", "4"], transport: transport)
        #expect(run.status == 0)
        #expect(run.out == [5, 6, 7, 8].map(Self.line).joined())
        #expect(run.err.isEmpty)
        let requests = transport.requests
        #expect(requests.map { $0.header("last-event-id") } == [nil, "6", "6", "6"])
        #expect(requests[0].url == "http://query.test/v1/events?follow=true&after=4")
        #expect(requests[0].header("accept") == "text/event-stream")
        #expect(requests[0].header("closter-tenant") == "demo")
        #expect(run.pauses == [.milliseconds(1500), .milliseconds(200), .milliseconds(400)])
    }

    @Test func `that may not be followed end with 2`() async throws {
        let refused = FakeTransport { _, _ in .json(403, #"{"title":"Not allowed"}"#) }
        let run = await closter(["events", "--follow"], transport: refused)
        #expect(run.status == 2)
        #expect(run.err == "closter: Not allowed\n")
        #expect(refused.requests.count == 1)
    }

    @Test func `of a service that is not there end with 2, after some attempts`() async throws {
        let transport = FakeTransport { _, _ throws(TransportFailure) in
            throw TransportFailure(kind: .unreachable, message: "no connection")
        }
        let run = await closter(["events", "--follow"], transport: transport)
        #expect(run.status == 2)
        #expect(run.err.contains("is it running?"))
        #expect(transport.requests.count == EventFeed.attempts)
    }

    @Test func `of something else than the service end with 2`() async throws {
        let transport = FakeTransport { _, _ in Response(status: 200, body: Array("data: <html>\n\n".utf8)) }
        let run = await closter(["events", "--follow"], transport: transport)
        #expect(run.status == 2)
        #expect(run.err.contains("is http://query.test its address?"))
    }

    @Test(arguments: [
        ["events", "--after", "-1"], ["events", "--after=-1"], ["events", "--limit", "0"], ["events", "--since", "5"],
    ])
    func `asked for in a way that makes no sense end with 2`(arguments: [String]) async {
        let run = await closter(arguments)
        #expect(run.status == 2)
        #expect(run.err.hasPrefix("closter: "))
    }

    @Test func `explain themselves`() async {
        let run = await closter(["events", "--help"], environment: [:])
        #expect(run.status == 0)
        #expect(run.out.contains("USAGE: closter events"))
        #expect(await closter(["events"], environment: [:]).err.contains(" is not set"))
    }

    @Test func `end when nobody reads them any more`() throws {
        let event = try JSONValue(parsing: Self.document(1))
        var read = EventsCommand.Printer(console: Console(out: { _ in }, err: { _ in }), json: false, limit: nil)
        let goesOn = read.take(event)
        #expect(goesOn)
        let deaf = Console(out: { _ in }, err: { _ in }, reads: { false })
        var unread = EventsCommand.Printer(console: deaf, json: true, limit: nil)
        let goesOnUnread = unread.take(event)
        #expect(!goesOnUnread)
    }

    @Test func `followed over a socket end with 0 at Ctrl-C`() async throws {
        try await LocalServer.with({ _, _ in
            .init(
                headers: ["Content-Type": "text/event-stream"],
                body: String(decoding: Self.stream(1, 2).body, as: UTF8.self), staysOpen: true)
        }) { server in
            let process = Process()
            process.executableURL = URL(filePath: Programs.path("closter"))
            process.arguments = ["events", "--follow"]
            process.environment = [
                "CLOSTER_QUERY_URL": server.url, "CLOSTER_OPERATOR_TOKEN": "t", "CLOSTER_TENANT": "demo",
            ]
            let output = Pipe()
            process.standardOutput = output
            try process.run()
            var text = ""
            while !text.hasSuffix(Self.line(2)) {
                let part = output.fileHandleForReading.availableData
                if part.isEmpty { break }
                text += String(decoding: part, as: UTF8.self)
            }
            #expect(text == Self.line(1) + Self.line(2))
            process.interrupt()
            process.waitUntilExit()
            #expect(process.terminationReason == .exit)
            #expect(process.terminationStatus == 0)
        }
    }
}

@Suite struct `A stream of server-sent events` {
    private func read(_ text: String, pieces size: Int = .max) throws -> [ServerSentEvent] {
        var reader = ServerSentEventReader()
        let bytes = Array(text.utf8)
        return try stride(from: 0, to: bytes.count, by: min(size, max(bytes.count, 1))).flatMap { start in
            try reader.read(bytes[start..<min(start + min(size, bytes.count), bytes.count)])
        }
    }

    private static let text = """
        \u{FEFF}: a comment
        retry: 3000

        id: 1
        event: ItemReceived
        data: {"title":"Żakiet"}

        data
        data:two
        data:  three
        unknown: field

        id: 2
        event: without data

        data: x

        data: not complete
        """

    private static let events = [
        ServerSentEvent(id: "1", type: "ItemReceived", data: #"{"title":"Żakiet"}"#),
        ServerSentEvent(id: "1", type: "message", data: "\ntwo\n three"),
        ServerSentEvent(id: "2", type: "message", data: "x"),
    ]

    @Test(arguments: [1, 2, 3, 7, 1000], ["\n", "\r", "\r\n"])
    func `is read the same in whatever pieces and with whatever line ends`(size: Int, end: String) throws {
        let text = Self.text.replacingOccurrences(of: "\n", with: end)
        #expect(try read(text, pieces: size) == Self.events)
    }

    @Test func `says when to come back, in milliseconds`() throws {
        var reader = ServerSentEventReader()
        _ = try reader.read(Array("retry: 250\nretry: soon\n".utf8))
        #expect(reader.retry == .milliseconds(250))
    }

    @Test func `is refused when an event does not end`() throws {
        var reader = ServerSentEventReader()
        let piece = Array(repeating: UInt8(ascii: "x"), count: ServerSentEventReader.largest)
        _ = try reader.read(piece)
        #expect(throws: ServerSentEventReader.TooLarge.self) { try reader.read([0x78]) }
    }
}
