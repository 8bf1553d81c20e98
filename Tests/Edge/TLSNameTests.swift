import Edge
import Foundation
import NIOCore
import Runtime
import TestSupport
import Testing

/// Certificates of several names behind one port.
@Suite struct TLSNameTests {
    private let fixture: TLSFixture

    init() async throws {
        fixture = try await TLSFixture()
        try await fixture.issue("shop", "/CN=shop", names: "DNS:shop.example,DNS:*.market.example")
    }

    private var settings: [String: String] {
        [
            "CLOSTER_TLS_CERTIFICATE": "\(fixture.path("server.pem")),\(fixture.path("shop.pem"))",
            "CLOSTER_TLS_KEY": "\(fixture.path("server.key")),\(fixture.path("shop.key"))",
        ]
    }

    /// Whom a client meets that asks for a name, or for none.
    private func subject(_ port: Int, _ name: String?, _ more: [String] = []) async throws -> String {
        let said = try await fixture.client(port, (name.map { ["-servername", $0] } ?? ["-noservername"]) + more)
        #expect(said.text.contains(#"{"status":"alive"}"#))
        return said.text.split(separator: "\n").first { $0.hasPrefix("subject=CN = ") }.map { String($0.dropFirst(13)) }
            ?? said.text
    }

    @Test(arguments: ["-tls1_2", "-tls1_3"])
    func `a client gets the certificate that is for the name it asks for, else the first`(_ version: String)
        async throws
    {
        let names: [(String?, String)] = [
            (nil, "localhost"), ("localhost", "localhost"), ("shop.example", "shop"), ("SHOP.example", "shop"),
            ("a.market.example", "shop"), ("market.example", "localhost"), ("a.b.market.example", "localhost"),
            ("unknown.example", "localhost"),
        ]
        try await fixture.serve(settings) { port in
            for (name, expected) in names {
                #expect(try await subject(port, name, [version]) == expected, "\(name ?? "none")")
            }
            // Both speak the same protocols.
            let said = try await fixture.client(port, ["-servername", "shop.example", "-alpn", "h2"])
            #expect(said.text.contains("ALPN protocol: h2"))
        }
    }

    @Test func `each is renewed when its files change, and the others stay`() async throws {
        try await fixture.serve(settings) { port in
            #expect(try await subject(port, "shop.example") == "shop")
            try await fixture.issue("shop", "/CN=renewed", names: "DNS:shop.example")
            try await eventually("the new one is used") { try await subject(port, "shop.example") == "renewed" }
            #expect(try await subject(port, "localhost") == "localhost")
            #expect(try await subject(port, "a.market.example") == "localhost")
        }
    }

    @Test func `a bad one among them is told`() async throws {
        let settings = settings.merging([
            "CLOSTER_TLS_KEY": "\(fixture.path("server.key")),\(fixture.path("server.key"))"
        ]) { $1 }
        let error = await #expect(throws: ConfigurationError.self) { try await fixture.serve(settings) { _ in } }
        #expect(error?.problems.map(\.key) == ["CLOSTER_TLS_KEY"])
        #expect(error?.problems.first?.message.contains("key values mismatch") == true)
    }
}
