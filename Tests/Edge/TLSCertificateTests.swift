import Edge
import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import Runtime
import TestSupport
import Testing

/// The certificate's files, good and bad, at the start and later.
@Suite struct TLSCertificateTests {
    private let fixture: TLSFixture

    init() async throws { fixture = try await TLSFixture() }

    @Test func `everything that is wrong with the files is told at the start`() async throws {
        try await fixture.issue("next", "/CN=next")
        _ = try await run(
            "openssl",
            [
                "ec", "-aes128", "-passout", "pass:secret", "-in", fixture.path("server.key"), "-out",
                fixture.path("locked.key"),
            ])
        try "nothing".write(toFile: fixture.path("empty"), atomically: true, encoding: .utf8)
        let cases: [([String: String], [String: String])] = [
            (["CLOSTER_TLS_CERTIFICATE": "/nowhere"], ["CLOSTER_TLS_CERTIFICATE": "No such file"]),
            (
                ["CLOSTER_TLS_CERTIFICATE": fixture.path("empty"), "CLOSTER_TLS_KEY": "/nowhere"],
                ["CLOSTER_TLS_CERTIFICATE": "no start line", "CLOSTER_TLS_KEY": "No such file"]
            ),
            (["CLOSTER_TLS_KEY": fixture.path("next.key")], ["CLOSTER_TLS_KEY": "key values mismatch"]),
            (["CLOSTER_TLS_KEY": fixture.path("locked.key")], ["CLOSTER_TLS_KEY": "interrupted or cancelled"]),
            (["CLOSTER_TLS_CLIENT_CA": fixture.path("empty")], ["CLOSTER_TLS_CLIENT_CA": "empty"]),
        ]
        for (settings, problems) in cases {
            let error = await #expect(throws: ConfigurationError.self) {
                try await fixture.serve(settings) { _ in }
            }
            #expect(Set(error?.problems.map(\.key) ?? []) == Set(problems.keys))
            for (key, text) in problems {
                let message = error?.problems.first { $0.key == key }?.message ?? ""
                #expect(message.contains(text))
            }
        }
    }

    @Test func `a new pair is used for new connections, a bad one is not, and open ones go on`() async throws {
        let fixture = fixture
        try await fixture.issue("next", "/CN=next", days: 100)
        let (gate, opener) = AsyncStream.makeStream(of: Void.self)
        let (arrivals, arrived) = AsyncStream.makeStream(of: Void.self)
        let routes: @Sendable (EdgeRouter) -> Void = { router in
            router.get("/slow") { _, _ in
                arrived.yield()
                for await _ in gate { break }
                return Response.json(Array("done".utf8))
            }
        }
        @Sendable func subject(_ port: Int) async throws -> Bool {
            try await fixture.client(port).text.contains("subject=CN = next")
        }
        @Sendable func metrics(_ port: Int) async throws -> String { try await fixture.curl(port, "/metrics").text }
        try await fixture.serve([:], routes) { port in
            let before = try await metrics(port)
            let slow = Task { try await fixture.curl(port, "/slow") }
            var arrival = arrivals.makeAsyncIterator()
            await arrival.next()

            try "broken".write(toFile: fixture.path("server.pem"), atomically: true, encoding: .utf8)
            try await eventually("the bad pair is seen") {
                try await metrics(port).contains("closter_tls_certificate_broken 1\n")
            }
            let ready = try await fixture.curl(port, "/readyz", ["--write-out", "%{http_code}"]).text
            #expect(ready.contains("the last good one is"))
            #expect(ready.hasSuffix("200"))
            #expect(try await metrics(port).contains("closter_tls_reloads_total{outcome=\"refused\"} 1\n"))
            #expect(try await subject(port) == false)

            try fixture.replaceServer(by: "next")
            try await eventually("the good pair is used") { try await subject(port) }
            let after = try await metrics(port)
            #expect(after.contains("closter_tls_certificate_broken 0\n"))
            func expiry(_ text: String) -> Double {
                text.split(separator: "\n").first { $0.hasPrefix("closter_tls_certificate_expiry_seconds ") }
                    .flatMap { Double($0.split(separator: " ")[1]) } ?? 0
            }
            #expect(abs(expiry(after) - expiry(before) - 98 * 86_400) < 3_600)
            #expect(expiry(before) > Date.now.timeIntervalSince1970)

            opener.yield()
            #expect(try await slow.value.text == "done")
        }
    }
}
