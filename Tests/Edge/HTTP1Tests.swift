import Edge
import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import Synchronization
import TestSupport
import Testing

/// HTTP/1.1 as it comes over a socket, from clients good and bad.
@Suite struct HTTP1Tests {
    private let fixture: EdgeFixture

    init() throws { fixture = try EdgeFixture() }

    /// Routes that say what they were sent.
    private static func echo(_ router: EdgeRouter) {
        router.post("/echo") { request, _ in
            Response.json(Array("\"\(String(decoding: try await request.bytes(limit: 1 << 20), as: UTF8.self))\"".utf8))
        }
        router.get("/large") { _, _ in Response.json(ByteBuffer(repeating: UInt8(ascii: "x"), count: 12 << 20)) }
        router.get("/parts") { _, _ in
            Response(
                status: .ok,
                body: ResponseBody { writer in
                    for part in ["one", "two", "three"] { try await writer.write(ByteBuffer(string: part)) }
                    try await writer.finish(nil)
                })
        }
    }

    private func raw(
        limits: TransportLimits = TransportLimits(), _ body: @escaping @Sendable (RawConnection) async throws -> Void
    ) async throws {
        try await fixture.serve(limits: limits, Self.echo) { port in try await RawConnection.with(port: port, body) }
    }

    @Test func `requests sent ahead are answered in their order`() async throws {
        try await raw { connection in
            try await connection.send(
                "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\none"
                    + "GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n"
                    + "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nConnection: close\r\n\r\nthree")
            let all = try await connection.readToEnd()
            let places = ["\"one\"", "HTTP/1.1 404 Not Found", "\"three\""].compactMap { all.range(of: $0)?.lowerBound }
            #expect(places.count == 3)
            #expect(places == places.sorted())
            #expect(all.components(separatedBy: "HTTP/1.1 200 OK").count == 3)
        }
    }

    @Test func `a request may come byte by byte`() async throws {
        try await raw { connection in
            for character in "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi" {
                try await connection.send(String(character))
            }
            #expect(try await connection.read(to: "\"hi\"").hasPrefix("HTTP/1.1 200 OK\r\n"))
        }
    }

    @Test func `a body in chunks is put together`() async throws {
        try await raw { connection in
            try await connection.send("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n")
            try await connection.send("3\r\nllo\r\n0\r\n\r\nGET /livez HTTP/1.1\r\nHost: a\r\n\r\n")
            _ = try await connection.read(to: "\"hello\"")
            #expect(try await connection.read(to: "alive").contains("200 OK"))
        }
    }

    @Test func `a body is asked for only when somebody wants it`() async throws {
        try await raw { connection in
            let head = " HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
            try await connection.send("POST /echo" + head)
            #expect(try await connection.read(to: "\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n")
            try await connection.send("ok")
            _ = try await connection.read(to: "\"ok\"")
            try await connection.send("POST /nowhere" + head)
            let refused = try await connection.readToEnd()
            #expect(refused.hasPrefix("HTTP/1.1 404"))
            #expect(refused.contains("connection: close"))
        }
    }

    @Test func `a response of unknown length comes in chunks, to an old client until the end`() async throws {
        try await raw { connection in
            try await connection.send("GET /parts HTTP/1.1\r\nHost: a\r\n\r\n")
            let head = try await connection.read(to: "\r\n\r\n")
            #expect(head.contains("transfer-encoding: chunked"))
            #expect(try await connection.read(to: "0\r\n\r\n") == "3\r\none\r\n3\r\ntwo\r\n5\r\nthree\r\n0\r\n\r\n")
            try await connection.send("GET /parts HTTP/1.0\r\n\r\n")
            let old = try await connection.readToEnd()
            #expect(old.hasSuffix("\r\n\r\nonetwothree"))
            #expect(!old.contains("chunked"))
        }
    }

    @Test func `a client that has said all it has to say is still answered`() async throws {
        try await raw { connection in
            try await connection.send("GET /livez HTTP/1.1\r\nHost: a\r\n\r\n")
            connection.endSending()
            #expect(try await connection.readToEnd().hasSuffix(#"{"status":"alive"}"#))
        }
    }

    @Test(arguments: [
        ("BLAH\r\n\r\n", "400 Bad Request", "bad_request"),
        ("GET / HTTP/3.7\r\n\r\n", "400 Bad Request", "bad_request"),
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", "400 Bad Request", "bad_request"),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx", "400 Bad Request",
            "bad_request"
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "400 Bad Request", "bad_request"
        ),
        ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", "400 Bad Request", "bad_request"),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: \u{1}\r\n\r\n", "400 Bad Request", "bad_request"),
        (
            "GET /\(String(repeating: "a", count: 20_000)) HTTP/1.1\r\nHost: a\r\n\r\n",
            "431 Request Header Fields Too Large",
            "head_too_large"
        ),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nX: \(String(repeating: "a", count: 20_000))\r\n\r\n",
            "431 Request Header Fields Too Large", "head_too_large"
        ),
        (
            "GET / HTTP/1.1\r\nHost: a\r\n\(String(repeating: "X: a\r\n", count: 200))\r\n",
            "431 Request Header Fields Too Large", "head_too_large"
        ),
    ])
    func `what is no request is refused and the connection closed`(
        _ bytes: String, _ status: String, _ code: String
    ) async throws {
        try await raw { connection in
            try await connection.send(bytes)
            let answer = try await connection.readToEnd()
            #expect(answer.hasPrefix("HTTP/1.1 \(status)\r\n"))
            #expect(answer.contains("connection: close\r\n"))
            #expect(answer.contains("\"code\":\"\(code)\""))
        }
    }

    @Test func `a last answer arrives, whatever its client has sent behind its request`() async throws {
        let last = "GET /nowhere HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        for count in [1, 60, 1_000] {
            try await raw { connection in
                try await connection.send(String(repeating: last, count: count))
                let all = try await connection.readToEnd()
                #expect(all.components(separatedBy: "HTTP/1.1 404 Not Found").count == 2)
            }
        }
    }

    @Test func `what is wrong behind a good request is refused after its answer`() async throws {
        try await raw { connection in
            try await connection.send("GET /livez HTTP/1.1\r\nHost: a\r\n\r\n?!\r\n\r\n")
            let all = try await connection.readToEnd()
            #expect(all.hasPrefix("HTTP/1.1 200 OK"))
            #expect(all.contains("HTTP/1.1 400 Bad Request"))
        }
    }

    @Test func `a head that does not come to its end is refused in time`() async throws {
        var limits = TransportLimits()
        limits.headTime = .milliseconds(100)
        try await raw(limits: limits) { connection in
            try await connection.send("GET /livez HTTP/1.1\r\nHost:")
            #expect(try await connection.readToEnd().hasPrefix("HTTP/1.1 408 Request Timeout\r\n"))
        }
    }

    @Test(arguments: [20, 200_000]) func `a body that drips is refused in time`(_ length: Int) async throws {
        var limits = TransportLimits()
        limits.bodyTime = .milliseconds(100)
        try await raw(limits: limits) { connection in
            try await connection.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: \(length)\r\n\r\nabc")
            #expect(try await connection.readToEnd().hasPrefix("HTTP/1.1 408 Request Timeout\r\n"))
        }
    }

    @Test(arguments: ["Connection: close\r\n", ""])
    func `a last answer is whole, however slowly it is taken`(field: String) async throws {
        try await raw { connection in
            try await connection.send("GET /large HTTP/1.1\r\nHost: a\r\n\(field)\r\n")
            if field.isEmpty { connection.endSending() }
            let head = try await connection.read(to: "\r\n\r\n")
            #expect(head.lowercased().contains("content-length: \(12 << 20)"))
            // Whether the end of what it sends was seen before the answer's head was written is the network's affair.
            if !field.isEmpty { #expect(head.contains("connection: close")) }
            #expect(try await connection.readToEnd().utf8.count == 12 << 20)
        }
    }

    @Test func `a connection that rests too long is closed`() async throws {
        var limits = TransportLimits()
        limits.idleTime = .seconds(3)
        try await raw(limits: limits) { connection in
            try await connection.send("GET /livez HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try await connection.readToEnd().hasSuffix(#"{"status":"alive"}"#))
        }
    }

    @Test func `a writer is held up by a client that does not read`() async throws {
        let written = Counted()
        let routes: @Sendable (EdgeRouter) -> Void = { router in
            router.get("/endless") { _, _ in
                Response(
                    status: .ok,
                    body: ResponseBody { writer in
                        let part = ByteBuffer(repeating: 0x61, count: 64 << 10)
                        while true {
                            try await writer.write(part)
                            written.set(written.value + 1)
                        }
                    })
            }
        }
        try await fixture.serve(routes) { port in
            try await RawConnection.with(port: port) { connection in
                try await connection.send("GET /endless HTTP/1.1\r\nHost: a\r\n\r\n")
                // What lies between us is full, and nothing more is taken.
                try await eventually("the writer waits") { written.isStill }
                #expect(written.value < 1_000)
            }
        }
    }

    @Test func `a sender is held up by a handler that does not read`() async throws {
        let (gate, opener) = AsyncStream.makeStream(of: Void.self)
        let routes: @Sendable (EdgeRouter) -> Void = { router in
            router.post("/slow") { request, _ in
                for await _ in gate { break }
                var count = 0
                for try await part in request.body { count += part.readableBytes }
                return Response.json(Array("\(count)".utf8))
            }
        }
        let size = 64 << 20
        try await fixture.serve(routes) { port in
            try await RawConnection.with(port: port) { connection in
                try await connection.send("POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: \(size)\r\n\r\n")
                let sent = Counted()
                let sending = connection.send(ByteBuffer(repeating: 0x61, count: 1 << 20), times: 64) { sent.set($0) }
                try await eventually("the sender waits") { sent.isStill }
                #expect(sent.value < 64)
                opener.yield()
                try await sending.value
                #expect(try await connection.read(to: "\(size)").contains("200 OK"))
            }
        }
    }

    @Test func `a read is given up when its client goes, a write is seen through`() async throws {
        let (events, event) = AsyncStream.makeStream(of: String.self)
        let (gate, opener) = AsyncStream.makeStream(of: Void.self)
        let routes: @Sendable (EdgeRouter) -> Void = { router in
            router.get("/wait") { _, _ in
                Response(
                    status: .ok,
                    body: ResponseBody { writer in
                        try await writer.write(ByteBuffer(string: "wait"))
                        event.yield("reading")
                        await withTaskCancellationHandler {
                            for await _ in AsyncStream<Void>(unfolding: { try? await Task.sleep(for: .seconds(60)) }) {}
                        } onCancel: {
                            event.yield("given up")
                        }
                    })
            }
            router.post("/wait") { _, _ in
                event.yield("writing")
                for await _ in gate { break }
                event.yield(Task.isCancelled ? "given up" : "written")
                return Response(status: .ok)
            }
        }
        try await fixture.serve(routes) { port in
            var seen = events.makeAsyncIterator()
            try await RawConnection.with(port: port) { connection in
                try await connection.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(await seen.next() == "reading")
            }
            #expect(await seen.next() == "given up")
            try await RawConnection.with(port: port) { connection in
                try await connection.send("POST /wait HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(await seen.next() == "writing")
            }
            opener.yield()
            #expect(await seen.next() == "written")
        }
    }
}

/// A number that grows, and a look at whether it has stopped.
final class Counted: Sendable {
    private let number = Atomic(0)
    private let looks = Mutex((last: 0, same: 0))

    var value: Int { number.load(ordering: .relaxed) }
    func set(_ value: Int) { number.store(value, ordering: .relaxed) }

    /// Whether it has not moved for many looks.
    var isStill: Bool {
        looks.withLock { looks in
            looks.same = value == looks.last && value > 0 ? looks.same + 1 : 0
            looks.last = value
            return looks.same > 20
        }
    }
}
