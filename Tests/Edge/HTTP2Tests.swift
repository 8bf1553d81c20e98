import Edge
import Foundation
import Hummingbird
import NIOCore
import Runtime
import Synchronization
import TestSupport
import Testing

/// HTTP/2 as it comes over a socket: streams beside each other, their windows and their ends.
@Suite struct HTTP2Tests {
    private let fixture: EdgeFixture

    init() throws { fixture = try EdgeFixture() }

    private static func echo(_ router: EdgeRouter) {
        router.post("/echo") { request, _ in
            Response.json(Array("\"\(String(decoding: try await request.bytes(limit: 1 << 20), as: UTF8.self))\"".utf8))
        }
        router.post("/count") { request, _ in
            var count = 0
            for try await part in request.body { count += part.readableBytes }
            return Response.json(Array("\(count)".utf8))
        }
    }

    private func serve(
        limits: TransportLimits = TransportLimits(), _ routes: (EdgeRouter) -> Void = HTTP2Tests.echo,
        _ body: @escaping @Sendable (HTTP2Client) async throws -> Void
    ) async throws {
        try await fixture.serve(limits: limits, routes) { port in try await HTTP2Client.with(port: port, body) }
    }

    // MARK: Requests

    @Test func `a hundred requests beside each other are each answered`() async throws {
        try await serve { client in
            var streams: [Int] = []
            for _ in 0..<100 { streams.append(try await client.ask("POST", "/echo", isWhole: false)) }
            for round in 0..<3 {
                for stream in streams {
                    try await client.send(data: Array("\(stream),".utf8), isLast: round == 2, on: stream)
                }
            }
            for stream in streams.reversed() {
                #expect(try await client.answer(stream).text == "\"\(stream),\(stream),\(stream),\"")
            }
        }
    }

    @Test func `a body is asked for only when somebody wants it`() async throws {
        try await serve { client in
            let fields = [("expect", "100-continue"), ("content-length", "2")]
            let wanted = try await client.ask("POST", "/echo", fields, isWhole: false)
            try await client.until { $0.interim[wanted] == ["100"] }
            try await client.send(data: Array("ok".utf8), isLast: true, on: wanted)
            #expect(try await client.answer(wanted).text == "\"ok\"")
            let unwanted = try await client.ask("POST", "/nowhere", fields, isWhole: false)
            #expect(try await client.answer(unwanted).status == "404")
            #expect(client.interim[unwanted] == nil)
        }
    }

    @Test func `an answer before the end of its request ends the stream and nothing else`() async throws {
        try await serve { client in
            let stream = try await client.ask("POST", "/nowhere", isWhole: false)
            try await client.until { $0.answers[stream]?.reset != nil }
            let answer = try await client.answer(stream)
            #expect(answer.status == "404")
            #expect(answer.isWhole)
            #expect(answer.reset == 0)
            #expect(try await client.answer(client.ask("GET", "/livez")).status == "200")
        }
    }

    @Test func `a trailer ends a body`() async throws {
        try await serve { client in
            let stream = try await client.ask("POST", "/echo", isWhole: false)
            try await client.send(data: Array("hi".utf8), on: stream)
            try await client.send(.headers, HTTP2Client.block([("x-sum", "1")]), flags: 5, on: stream)
            #expect(try await client.answer(stream).text == "\"hi\"")
        }
    }

    @Test(arguments: [20, 200_000]) func `a body that drips is refused in time, and no other`(
        _ length: Int
    ) async throws {
        var limits = TransportLimits()
        limits.bodyTime = .milliseconds(100)
        try await serve(limits: limits) { client in
            let stream = try await client.ask(
                "POST", "/echo", [("content-length", "\(length)")], isWhole: false)
            try await client.send(data: [0x61], on: stream)
            #expect(try await client.answer(stream).status == "408")
            #expect(try await client.answer(client.ask("GET", "/livez")).status == "200")
        }
    }

    // MARK: Windows

    @Test func `a sender is held up by a handler that does not read, by no more than its window`() async throws {
        let (gate, opener) = AsyncStream.makeStream(of: Void.self)
        var limits = TransportLimits()
        limits.bodyTime = .seconds(4)
        try await serve(limits: limits) { router in
            Self.echo(router)
            router.post("/slow") { request, _ in
                for await _ in gate { break }
                var count = 0
                for try await part in request.body { count += part.readableBytes }
                return Response.json(Array("\(count)".utf8))
            }
        } _: { client in
            let part = [UInt8](repeating: 0x61, count: 16 << 10)
            let stream = try await client.ask("POST", "/slow", isWhole: false)
            try await client.until { $0.windows[stream] == 256 << 10 && $0.windows[0] == 1 << 20 }
            for _ in 0..<16 { try await client.send(data: part, on: stream) }
            #expect(client.windows[stream] == 0)
            // Another one has a window of its own meanwhile; and the time for bodies passes.
            let other = try await client.ask("POST", "/count", isWhole: false)
            try await client.send(body: Array(repeating: 0x62, count: 1 << 20), on: other)
            let quick = try await client.answer(other)
            #expect(quick.text == "\(1 << 20)", "\(quick.text)")
            let dripping = try await client.ask("POST", "/count", isWhole: false)
            #expect(try await client.answer(dripping).status == "408")
            #expect(client.windows[stream] == 0)
            #expect(!client.isOver(stream))
            opener.yield()
            try await client.send(body: Array(repeating: 0x61, count: 20 << 20), on: stream)
            let answer = try await client.answer(stream)
            #expect(answer.text == "\((20 << 20) + (256 << 10))", "\(answer.text)")
        }
    }

    @Test func `bodies that nobody wants do not use up the connection's window`() async throws {
        try await serve { client in
            // Until then a stream has the window that the RFC gives it.
            try await client.until { $0.windows[0] == 1 << 20 }
            for _ in 0..<16 {
                let unwanted = try await client.ask("POST", "/nowhere", isWhole: false)
                for _ in 0..<8 { try await client.send(data: Array(repeating: 0x61, count: 16 << 10), on: unwanted) }
                let answer = try await client.answer(unwanted)
                #expect(answer.status == "404", "\(answer.text)")
            }
            let wanted = try await client.ask("POST", "/count", isWhole: false)
            try await client.send(body: Array(repeating: 0x62, count: 2 << 20), on: wanted)
            #expect(try await client.answer(wanted).text == "\(2 << 20)")
        }
    }

    @Test func `a writer is held up by a client that does not take`() async throws {
        let written = Mutex(0)
        try await serve { router in
            Self.echo(router)
            router.get("/endless") { _, _ in
                Response(
                    status: .ok,
                    body: ResponseBody { writer in
                        let part = ByteBuffer(repeating: 0x61, count: 8 << 10)
                        while true {
                            try await writer.write(part)
                            written.withLock { $0 += part.readableBytes }
                        }
                    })
            }
        } _: { client in
            client.takes = false
            let stream = try await client.ask("GET", "/endless")
            try await client.until { $0.answers[stream]?.body.count == 65_535 }
            // What the window let go, and what may wait.
            try await eventually("the writer waits") { written.withLock { $0 } >= 65_535 + (56 << 10) }
            #expect(written.withLock { $0 } <= 65_535 + (64 << 10))
            // The connection's window is used up: answers without a body still come.
            #expect(try await client.answer(client.ask("HEAD", "/livez")).status == "200")
            try await client.send(.window, [0, 1, 0, 0])
            try await client.send(.window, [0, 1, 0, 0], on: stream)
            try await client.until { $0.answers[stream]?.body.count == 65_535 + 65_536 }
            try await client.reset(stream)
            #expect(try await client.answer(client.ask("HEAD", "/livez")).status == "200")
        }
    }

    @Test func `a client that takes nothing is given up`() async throws {
        let (ends, ended) = AsyncStream.makeStream(of: Void.self)
        var limits = TransportLimits()
        limits.idleTime = .seconds(3)
        try await serve(limits: limits) { router in
            router.get("/large") { _, _ in
                Response(
                    status: .ok,
                    body: ResponseBody { writer in
                        defer { ended.yield() }
                        while true { try await writer.write(ByteBuffer(repeating: 0x61, count: 64 << 10)) }
                    })
            }
        } _: { client in
            client.takes = false
            let stream = try await client.ask("GET", "/large")
            #expect(try await client.answer(stream).reset == 8)
            for await _ in ends { break }
        }
    }

    // MARK: Ends

    @Test func `a read is given up when its client resets it, a write is seen through`() async throws {
        let (events, event) = AsyncStream.makeStream(of: String.self)
        let (gate, opener) = AsyncStream.makeStream(of: Void.self)
        try await serve { router in
            router.get("/wait") { _, _ in
                event.yield("reading")
                await withTaskCancellationHandler {
                    for await _ in AsyncStream<Void>(unfolding: { try? await Task.sleep(for: .seconds(60)) }) {}
                } onCancel: {
                    event.yield("given up")
                }
                return Response(status: .ok)
            }
            router.post("/wait") { _, _ in
                event.yield("writing")
                for await _ in gate { break }
                event.yield(Task.isCancelled ? "given up" : "written")
                return Response(status: .ok)
            }
        } _: { client in
            var seen = events.makeAsyncIterator()
            let read = try await client.ask("GET", "/wait")
            #expect(await seen.next() == "reading")
            try await client.reset(read)
            #expect(await seen.next() == "given up")
            let write = try await client.ask("POST", "/wait")
            #expect(await seen.next() == "writing")
            try await client.reset(write)
            opener.yield()
            #expect(await seen.next() == "written")
        }
    }

    @Test func `handlers of streams that were reset are bounded`() async throws {
        let (gate, opener) = AsyncStream.makeStream(of: Void.self)
        let running = Atomic(0)
        try await serve { router in
            router.post("/wait") { _, _ in
                running.add(1, ordering: .relaxed)
                for await _ in gate { break }
                return Response(status: .ok)
            }
        } _: { client in
            defer { opener.finish() }
            for _ in 0..<256 {
                let stream = try await client.ask("POST", "/wait")
                try await client.reset(stream)
            }
            try await eventually("all are handled") { running.load(ordering: .relaxed) == 256 }
            let refused = try await client.ask("GET", "/livez")
            #expect(try await client.answer(refused).reset == 7)
            opener.finish()
            try await eventually("some have ended") {
                let stream = try await client.ask("GET", "/livez")
                return try await client.answer(stream).status == "200"
            }
        }
    }

    @Test func `a stream that breaks off is not taken for whole`() async throws {
        struct Broken: Error {}
        try await serve { router in
            router.get("/broken") { _, _ in
                Response(
                    status: .ok,
                    body: ResponseBody { writer in
                        try await writer.write(ByteBuffer(string: "half"))
                        throw Broken()
                    })
            }
        } _: { client in
            let answer = try await client.answer(client.ask("GET", "/broken"))
            #expect(answer.reset == 2)
            #expect(!answer.isWhole)
        }
    }

    @Test func `a connection that rests is told to go`() async throws {
        var limits = TransportLimits()
        limits.idleTime = .seconds(3)
        try await serve(limits: limits) { client in
            #expect(try await client.answer(client.ask("GET", "/livez")).status == "200")
            try await client.untilClosed()
            #expect(client.goaways.map(\.code) == [0])
        }
    }

    @Test func `a head that does not come to its end is the connection's`() async throws {
        var limits = TransportLimits()
        limits.headTime = .milliseconds(100)
        try await serve(limits: limits) { client in
            try await client.until { $0.windows[0] == 1 << 20 }
            try await client.send(.headers, HTTP2Client.block([(":method", "GET")]), flags: 0, on: 1)
            try await client.untilClosed()
            #expect(client.goaways.map(\.code) == [11])
        }
    }

    @Test func `a client that has said all it has to say is still answered`() async throws {
        let (gate, opener) = AsyncStream.makeStream(of: Void.self)
        try await serve { router in
            router.get("/late") { _, _ in
                for await _ in gate { break }
                return Response.json(Array("\"late\"".utf8))
            }
        } _: { client in
            let stream = try await client.ask("GET", "/late")
            // It has answered all that the server says at first, and says nothing of what it gets.
            try await client.until { $0.windows[0] == 1 << 20 }
            client.takes = false
            client.endSending()
            try await client.until { !$0.goaways.isEmpty }
            opener.yield()
            #expect(try await client.answer(stream).text == "\"late\"")
            try await client.untilClosed()
        }
    }

    @Test func `a server that is told to stop says so, answers what it has, and ends`() async throws {
        let (arrivals, arrived) = AsyncStream.makeStream(of: Void.self)
        let (gate, opener) = AsyncStream.makeStream(of: Void.self)
        let (ports, port) = AsyncStream.makeStream(of: Int.self)
        let router = Edge.makeRouter()
        router.get("/slow") { _, _ in
            arrived.yield()
            for await _ in gate { break }
            return Response.json(Array("\"done\"".utf8))
        }
        let server = Edge.application(router, environment: fixture.environment, authenticator: nil) { port.yield($0) }
        let group = ServiceGroupBox(server, logger: fixture.environment.logger)
        let running = Task { try await group.run() }
        var numbers = ports.makeAsyncIterator()
        let number = try #require(await numbers.next())
        try await HTTP2Client.with(port: number) { client in
            let first = try await client.ask("GET", "/slow")
            for await _ in arrivals { break }
            await group.stop()
            try await client.until { $0.goaways.count == 2 && $0.pings == 1 }
            #expect(client.goaways.map(\.last) == [0x7fff_ffff, UInt32(first)])
            opener.yield()
            #expect(try await client.answer(first).text == "\"done\"")
            try await client.untilClosed()
        }
        try await running.value
    }
}
