import EventSourcing
import Foundation
import JSON
import Testing

@testable import Identity

@Suite final class DevelopmentIssuerTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    private var keyPath: String { folder.appending(path: "secrets/issuer.jwk").path }
    private var jwksPath: String { folder.appending(path: "secrets/issuer.jwks.json").path }

    deinit { try? FileManager.default.removeItem(at: folder) }

    private func open() throws -> DevelopmentIssuer {
        try DevelopmentIssuer.open(keyPath: keyPath, jwksPath: jwksPath, stackProject: nil)
    }

    @Test func `it makes its files, the private one for its owner alone`() throws {
        let issuer = try open()

        let mode = try FileManager.default.attributesOfItem(atPath: keyPath)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        let published = try JSONValue(parsing: [UInt8](Data(contentsOf: URL(filePath: jwksPath))))
        #expect(published["keys"]?[0]?["kid"]?.stringValue == issuer.keyIdentifier)
        #expect(published["keys"]?[0]?["d"] == nil)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.appending(path: "secrets").path).count == 2)
    }

    @Test func `it keeps its key, and publishes it again when the JWKS is lost`() throws {
        let issuer = try open()
        try FileManager.default.removeItem(atPath: jwksPath)

        #expect(try open().keyIdentifier == issuer.keyIdentifier)
        #expect([UInt8](try Data(contentsOf: URL(filePath: jwksPath))) == issuer.jwks)
    }

    @Test func `a verifier with its JWKS accepts its tokens for a day`() async throws {
        let token = try open().token(subject: "operator-demo", name: "Operator")
        let verifier = TokenVerifier.development(jwksPath: jwksPath, logger: silent)

        let claims = try await verifier.verify(token)

        #expect(claims.subject == "operator-demo")
        #expect(claims.name == "Operator")
        #expect(claims.expiresAt > .now + .seconds(86_300))
        #expect(claims.expiresAt <= .now + .seconds(86_400))
    }

    @Test func `a verifier of a real project refuses its tokens`() async throws {
        let issuer = try open()
        let verifier = TokenVerifier(
            issuer: try #require(TokenIssuer.stack(project: "p1")),
            source: KeySource(logger: silent, fetch: KeyFetching.file(jwksPath)))

        await #expect(throws: TokenError.wrongIssuer) { try await verifier.verify(issuer.token(subject: "x")) }
    }

    @Test func `it refuses to work where a real project is configured`() {
        #expect(throws: DevelopmentIssuer.Failure.realProjectConfigured) {
            try DevelopmentIssuer.open(keyPath: keyPath, jwksPath: jwksPath, stackProject: "p1")
        }
        #expect(!FileManager.default.fileExists(atPath: keyPath))
    }

    @Test func `a damaged key file is refused, not replaced`() throws {
        _ = try open()
        try Data("{}".utf8).write(to: URL(filePath: keyPath))

        #expect(throws: DevelopmentIssuer.Failure.unusableKeyFile(path: keyPath)) { try open() }
        #expect(try Data(contentsOf: URL(filePath: keyPath)) == Data("{}".utf8))
    }

    @Test func `its tokens have the shape of Stack Auth's`() throws {
        let parts = try open().token(subject: "s", name: "N", email: "e@example.com").split(separator: ".")
        let header = try JSONValue(parsing: try #require(Base64URL.decode(parts[0].utf8)))
        let claims = try JSONValue(parsing: try #require(Base64URL.decode(parts[1].utf8)))

        #expect(header["alg"]?.stringValue == "ES256")
        #expect(
            Set(claims.objectValue?.keys ?? []) == [
                "iss", "aud", "sub", "project_id", "branch_id", "role", "is_anonymous", "is_restricted",
                "email_verified", "iat", "exp", "name", "email",
            ])
    }
}
