import Edge
import Foundation
import Runtime
import TestSupport
import Testing

/// Clients that show a certificate of their own.
@Suite struct TLSClientTests {
    private let fixture: TLSFixture

    init() async throws {
        fixture = try await TLSFixture()
        try await fixture.issue("anna", "/O=Closter/CN=Anna Żak")
        try await fixture.authority("other")
        try await fixture.issue("mallory", "/CN=Anna", by: "other")
    }

    private func certificate(_ name: String) -> [String] {
        ["--cert", fixture.path("\(name).pem"), "--key", fixture.path("\(name).key")]
    }

    @Test func `nobody is asked without an authority`() async throws {
        let fixture = fixture
        try await fixture.serve { port in
            let asked = try await fixture.client(port)
            #expect(asked.text.contains("No client certificate CA names sent"))
            #expect(try await fixture.curl(port, "/whoami", certificate("mallory")).text == "nobody")
        }
    }

    @Test func `a certificate that may be shown is told, one that nobody vouches for refused`() async throws {
        let fixture = fixture
        try await fixture.serve(["CLOSTER_TLS_CLIENT_CA": fixture.path("ca.pem")]) { port in
            #expect(try await fixture.curl(port, "/whoami").text == "nobody")
            #expect(try await fixture.curl(port, "/whoami", certificate("anna")).text == "CN=Anna \\C5\\BBak,O=Closter")
            let foreign = try await fixture.curl(port, "/whoami", certificate("mallory"))
            #expect(!foreign.isSuccess)
            #expect(foreign.text.contains("unknown ca"))
        }
    }

    @Test func `a certificate that must be shown is missed`() async throws {
        let fixture = fixture
        let settings = ["CLOSTER_TLS_CLIENT_CA": fixture.path("ca.pem"), "CLOSTER_TLS_CLIENTS": "required"]
        try await fixture.serve(settings) { port in
            let nobody = try await fixture.curl(port, "/whoami")
            #expect(nobody.text.contains("certificate required"))
            #expect(try await fixture.curl(port, "/whoami", certificate("anna")).text == "CN=Anna \\C5\\BBak,O=Closter")
        }
    }

    @Test(arguments: ["-tls1_2", "-tls1_3"]) func `a resumed session is still the same client's, under the same rules`(
        _ version: String
    ) async throws {
        let fixture = fixture
        let session = fixture.path("session")
        let shown = ["-cert", fixture.path("anna.pem"), "-key", fixture.path("anna.key")]
        try "".write(toFile: fixture.path("clients.pem"), atomically: true, encoding: .utf8)
        @Sendable func trust(_ name: String) throws {
            let copy = try Data(contentsOf: URL(filePath: fixture.path("\(name).pem")))
            try copy.write(to: URL(filePath: fixture.path("clients.pem")), options: .atomic)
        }
        try trust("ca")
        try await fixture.serve(["CLOSTER_TLS_CLIENT_CA": fixture.path("clients.pem")]) { port in
            _ = try await fixture.client(port, [version, "-sess_out", session] + shown)
            let again = try await fixture.client(port, [version, "-sess_in", session], path: "/whoami")
            #expect(again.text.contains("Reused, TLS"))
            #expect(again.text.contains("CN=Anna \\C5\\BBak,O=Closter"))
            // Who vouches for her no longer does.
            try trust("other")
            try await eventually("the other authority is trusted") {
                try await fixture.curl(port, "/whoami", certificate("mallory")).text == "CN=Anna"
            }
            let later = try await fixture.client(port, [version, "-sess_in", session], path: "/whoami")
            #expect(later.text.contains("New, TLS"))
            #expect(later.text.contains("nobody"))
        }
    }
}
