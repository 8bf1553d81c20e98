import Edge
import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import TestSupport
import Testing

/// TLS as curl and openssl see it, and as clients that are none see it.
@Suite struct TLSTests {
    @Test(arguments: [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")])
    func `both versions are spoken`(_ option: String, _ name: String) async throws {
        let fixture = try await TLSFixture()
        try await fixture.serve { port in
            let said = try await fixture.client(port, [option])
            #expect(said.text.contains("New, \(name), Cipher is"))
            #expect(said.text.contains("Verify return code: 0 (ok)"))
            #expect(said.text.contains("Compression: NONE"))
            #expect(said.text.contains(#"{"status":"alive"}"#))
        }
    }

    @Test func `older versions are refused`() async throws {
        let fixture = try await TLSFixture()
        try await fixture.serve { port in
            let said = try await fixture.client(port, ["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"])
            #expect(said.text.contains("alert protocol version"))
            #expect(!said.text.contains("alive"))
        }
    }

    @Test func `nobody makes it calculate in finite fields, which costs the server most`() async throws {
        let fixture = try await TLSFixture()
        try await fixture.serve { port in
            for group in ["ffdhe2048", "ffdhe8192"] {
                let said = try await fixture.client(port, ["-groups", group])
                #expect(said.text.contains("alert handshake failure"))
                #expect(!said.text.contains("alive"))
            }
            for group in ["X25519", "P-256", "P-384"] {
                #expect(try await fixture.client(port, ["-groups", group]).text.contains("alive"))
            }
        }
    }

    @Test func `the protocol is chosen by what the client offers`() async throws {
        let fixture = try await TLSFixture()
        try await fixture.serve { port in
            #expect(try await fixture.client(port, ["-alpn", "x,http/1.1"]).text.contains("ALPN protocol: http/1.1"))
            let silent = try await fixture.client(port)
            #expect(silent.text.contains("No ALPN negotiated"))
            #expect(silent.text.contains("alive"))
            let foreign = try await fixture.client(port, ["-alpn", "x,http/1.11"])
            #expect(foreign.text.contains("alert no application protocol"))
            #expect(!foreign.text.contains("alive"))
        }
    }

    @Test func `a connection is not negotiated twice`() async throws {
        let fixture = try await TLSFixture()
        try await fixture.serve { port in
            // The letter, and something to say, which begins it.
            let said = try await run(
                "openssl",
                ["s_client", "-connect", "127.0.0.1:\(port)", "-CAfile", fixture.path("ca.pem"), "-tls1_2"],
                input: "R\n" + String(repeating: "y\n", count: 20_000))
            #expect(said.text.contains("RENEGOTIATING"))
            #expect(said.text.contains("no renegotiation"))
        }
    }

    @Test(arguments: ["-tls1_2", "-tls1_3"]) func `a session is resumed, also under a new certificate`(
        _ version: String
    ) async throws {
        let fixture = try await TLSFixture()
        try await fixture.issue("next", "/CN=next")
        try await fixture.serve { port in
            let session = fixture.path("session")
            #expect(try await fixture.client(port, [version, "-sess_out", session]).text.contains("New, TLS"))
            #expect(try await fixture.client(port, [version, "-sess_in", session]).text.contains("Reused, TLS"))
            try fixture.replaceServer(by: "next")
            try await eventually("the certificate is the next one") {
                try await fixture.client(port).text.contains("subject=CN = next")
            }
            #expect(try await fixture.client(port, [version, "-sess_in", session]).text.contains("Reused, TLS"))
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `the end of a streamed answer is the end of its connection, where it is the last`()
        async throws
    {
        let fixture = try await TLSFixture()
        var limits = TransportLimits()
        limits.idleTime = .hours(1)
        let routes: @Sendable (EdgeRouter) -> Void = { router in
            router.get("/parts") { _, _ in
                Response(
                    status: .ok, headers: [.contentLength: "6"],
                    body: ResponseBody { writer in
                        for part in ["one", "two"] { try await writer.write(ByteBuffer(string: part)) }
                        try await writer.finish(nil)
                    })
            }
        }
        try await fixture.serve(limits: limits, routes) { port in
            let said = try await fixture.client(port, path: "/parts")
            #expect(said.text.contains("onetwo"))
        }
    }

    @Test func `large bodies go both ways`() async throws {
        let fixture = try await TLSFixture()
        let body = String(decoding: (0..<900_000).map { UInt8(ascii: "a") + UInt8($0 * $0 % 23) }, as: UTF8.self)
        try body.write(toFile: fixture.path("body"), atomically: true, encoding: .utf8)
        let routes: @Sendable (EdgeRouter) -> Void = { router in
            router.post("/echo") { request, _ in
                let bytes = try await request.bytes(limit: 1 << 20)
                return Response(
                    status: .ok,
                    body: ResponseBody { writer in
                        try await writer.write(ByteBuffer(bytes: bytes))
                        try await writer.write(ByteBuffer(bytes: bytes))
                        try await writer.finish(nil)
                    })
            }
        }
        try await fixture.serve([:], routes) { port in
            let said = try await fixture.curl(port, "/echo", ["--data-binary", "@\(fixture.path("body"))"])
            #expect(said.text == body + body)
        }
    }

    @Test func `a writer is held up by a client that does not read`() async throws {
        let fixture = try await TLSFixture()
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
        try await fixture.serve([:], routes) { port in
            let reader = Task {
                try await fixture.curl(port, "/endless", ["--limit-rate", "1k", "--output", "/dev/null"])
            }
            try await eventually("the writer waits") { written.isStill }
            #expect(written.value < 1_000)
            reader.cancel()
            _ = try? await reader.value
        }
    }

    @Test func `what comes byte by byte is understood`() async throws {
        let fixture = try await TLSFixture()
        try await fixture.serve { port in
            try await Meddler.with(port: port, piece: 1) { port, _ in
                let said = try await fixture.curl(port, "/livez")
                #expect(said.text == #"{"status":"alive"}"#)
            }
        }
    }

    @Test func `an end without a farewell is not taken for the end of a body`() async throws {
        let fixture = try await TLSFixture()
        let (ends, end) = AsyncStream.makeStream(of: String.self)
        let routes: @Sendable (EdgeRouter) -> Void = { router in
            router.post("/until") { request, _ in
                do {
                    for try await _ in request.body { end.yield("some") }
                    end.yield("whole")
                } catch {
                    end.yield("broken off")
                }
                return Response(status: .ok)
            }
        }
        try await fixture.serve([:], routes) { port in
            try await Meddler.with(port: port) { port, meddler in
                let sender = Task {
                    try await fixture.curl(
                        port, "/until",
                        [
                            "--header", "Transfer-Encoding: chunked", "--limit-rate", "100k", "--upload-file",
                            "/dev/zero", "--request", "POST",
                        ])
                }
                var seen = ends.makeAsyncIterator()
                #expect(await seen.next() == "some")
                meddler.cut()
                var last = await seen.next()
                while last == "some" { last = await seen.next() }
                #expect(last == "broken off")
                _ = try await sender.value
            }
        }
    }

    @Test func `a read is given up when its client ends without a farewell`() async throws {
        let fixture = try await TLSFixture()
        let (events, event) = AsyncStream.makeStream(of: String.self)
        let routes: @Sendable (EdgeRouter) -> Void = { router in
            router.get("/wait") { _, _ in
                event.yield("begun")
                // Long enough for the end of a connection to be seen.
                let waited: Void? = try? await Task.sleep(for: .seconds(20))
                event.yield(waited == nil ? "given up" : "seen through")
                return Response(status: .ok)
            }
        }
        try await fixture.serve([:], routes) { port in
            try await Meddler.with(port: port) { port, meddler in
                let reader = Task { try await fixture.curl(port, "/wait") }
                var seen = events.makeAsyncIterator()
                #expect(await seen.next() == "begun")
                meddler.cut()
                #expect(await seen.next() == "given up")
                _ = try await reader.value
            }
        }
    }

    @Test func `a client that has said all it has to say is still answered, and told that this is all`() async throws {
        let fixture = try await TLSFixture()
        try await fixture.serve { port in
            // Without -ign_eof it sends its farewell at the end of its input; curl would complain without ours.
            let said = try await run(
                "openssl", ["s_client", "-connect", "127.0.0.1:\(port)", "-quiet", "-no_ign_eof"],
                input: "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(!said.text.contains("unexpected eof"))
            let old = try await fixture.curl(port, "/livez", ["--http1.0"])
            #expect(old.text == #"{"status":"alive"}"#)
        }
    }

    @Test func `HTTP without TLS is told so, and anything else refused`() async throws {
        let fixture = try await TLSFixture()
        try await fixture.serve { port in
            try await RawConnection.with(port: port) { connection in
                try await connection.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                let answer = try await connection.readToEnd()
                #expect(answer.hasPrefix("HTTP/1.1 400 Bad Request\r\n"))
                #expect(answer.hasSuffix("content-length: 31\r\n\r\nThis port speaks HTTPS, only.\r\n"))
            }
            for garbage in [
                "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}", "\0\0\0\0\0\0\0\0", String(repeating: "?", count: 100_000),
            ] {
                try await RawConnection.with(port: port) { connection in
                    try? await connection.send(garbage)
                    connection.endSending()
                    _ = try? await connection.readToEnd()
                }
            }
            #expect(try await fixture.curl(port, "/livez").isSuccess)
        }
    }

    @Test(arguments: ["", "\u{16}\u{3}"]) func `a handshake that does not end is given up in time`(_ start: String)
        async throws
    {
        let fixture = try await TLSFixture()
        var limits = TransportLimits()
        limits.headTime = .milliseconds(100)
        try await fixture.serve(limits: limits) { port in
            try await RawConnection.with(port: port) { connection in
                try await connection.send(start)
                do {
                    #expect(try await connection.readToEnd() == "")
                } catch let error as IOError where error.errnoCode == ECONNRESET {
                    // The time was over before the bytes came: that is how a kernel tells.
                }
            }
        }
    }
}
