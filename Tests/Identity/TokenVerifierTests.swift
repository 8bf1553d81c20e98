import Crypto
import EventSourcing
import Foundation
import JSON
import JWTKit
import Testing

@testable import Identity

@Suite struct TokenVerifierTests {
    private let clock = ManualClock()
    private let issuer = DevelopmentIssuer()

    private func verifier(_ keys: [DevelopmentIssuer]? = nil) -> TokenVerifier {
        let jwks = (keys ?? [issuer])[0].jwks
        return TokenVerifier(
            issuer: TokenIssuer(issuer: "https://api.stack-auth.com/api/v1/projects/p1", audience: "p1"),
            source: KeySource(logger: silent, now: { [clock] in clock.instant }) {
                KeySource.Fetched(bytes: jwks, maxAge: .seconds(3_600))
            }, now: { [clock] in clock.time })
    }

    private func token(_ change: (inout JSONObject) -> Void = { _ in }) throws -> String {
        var claims = stackClaims(at: clock.time)
        change(&claims)
        return try issuer.sign(claims)
    }

    @Test func `a good token tells who its bearer is`() async throws {
        let claims = try await verifier().verify(try token())

        #expect(claims.subject == "user-1")
        #expect(claims.name == "Anna")
        #expect(claims.expiresAt == Timestamp(seconds: clock.time.microseconds / 1_000_000 + 600))
    }

    @Test func `a token that JWTKit signed is understood`() async throws {
        // given a token by another implementation than ours
        struct Claims: JWTPayload {
            var iss = "https://api.stack-auth.com/api/v1/projects/p1"
            var aud = ["p1"]
            var sub = "user-2"
            var branch_id = "main"
            var role = "authenticated"
            var is_anonymous = false
            var is_restricted = false
            var iat: Int64
            var exp: Int64
            func verify(using algorithm: some JWTAlgorithm) throws {}
        }
        let key = P256.Signing.PrivateKey()
        let signer = DevelopmentIssuer(key: key)
        let keys = JWTKeyCollection()
        await keys.add(ecdsa: try ES256PrivateKey(backing: key), kid: JWKIdentifier(string: signer.keyIdentifier))
        let now = clock.time.microseconds / 1_000_000
        let token = try await keys.sign(
            Claims(iat: now, exp: now + 60), kid: JWKIdentifier(string: signer.keyIdentifier))

        #expect(try await verifier([signer]).verify(token).subject == "user-2")
    }

    struct Spoilt: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var error: TokenError
        var change: @Sendable (inout JSONObject, Timestamp) -> Void
    }

    private static func seconds(_ time: Timestamp, _ offset: Int64) -> JSONValue {
        .integer(time.microseconds / 1_000_000 + offset)
    }

    static let spoilt: [Spoilt] = [
        .init(testDescription: "anonymous issuer", error: .wrongIssuer) { claims, _ in
            claims["iss"] = "https://api.stack-auth.com/api/v1/projects-anonymous-users/p1"
        },
        .init(testDescription: "restricted issuer", error: .wrongIssuer) { claims, _ in
            claims["iss"] = "https://api.stack-auth.com/api/v1/projects-restricted-users/p1"
        },
        .init(testDescription: "issuer of another project", error: .wrongIssuer) { claims, _ in
            claims["iss"] = "https://api.stack-auth.com/api/v1/projects/p2"
        },
        .init(testDescription: "issuer with a slash", error: .wrongIssuer) { claims, _ in
            claims["iss"] = "https://api.stack-auth.com/api/v1/projects/p1/"
        },
        .init(testDescription: "no issuer", error: .wrongIssuer) { claims, _ in claims["iss"] = nil },
        .init(testDescription: "development issuer", error: .wrongIssuer) { claims, _ in
            claims["iss"] = "http://localhost/closter-development"
        },
        .init(testDescription: "anonymous audience", error: .wrongAudience) { claims, _ in claims["aud"] = "p1:anon" },
        .init(testDescription: "restricted audience", error: .wrongAudience) { claims, _ in
            claims["aud"] = "p1:restricted"
        },
        .init(testDescription: "two audiences", error: .wrongAudience) { claims, _ in claims["aud"] = ["p1", "p1:anon"]
        },
        .init(testDescription: "no audience", error: .wrongAudience) { claims, _ in claims["aud"] = nil },
        .init(testDescription: "anonymous", error: .wrongClaim("is_anonymous")) { claims, _ in
            claims["is_anonymous"] = true
        },
        .init(testDescription: "silent on anonymous", error: .wrongClaim("is_anonymous")) { claims, _ in
            claims["is_anonymous"] = nil
        },
        .init(testDescription: "restricted", error: .wrongClaim("is_restricted")) { claims, _ in
            claims["is_restricted"] = true
        },
        .init(testDescription: "restricted as text", error: .wrongClaim("is_restricted")) { claims, _ in
            claims["is_restricted"] = "false"
        },
        .init(testDescription: "another branch", error: .wrongClaim("branch_id")) { claims, _ in
            claims["branch_id"] = "preview"
        },
        .init(testDescription: "no branch", error: .wrongClaim("branch_id")) { claims, _ in claims["branch_id"] = nil },
        .init(testDescription: "another role", error: .wrongClaim("role")) { claims, _ in claims["role"] = "anon" },
        .init(testDescription: "another project", error: .wrongClaim("project_id")) { claims, _ in
            claims["project_id"] = "p2"
        },
        .init(testDescription: "no subject", error: .wrongClaim("sub")) { claims, _ in claims["sub"] = nil },
        .init(testDescription: "empty subject", error: .wrongClaim("sub")) { claims, _ in claims["sub"] = "" },
        .init(testDescription: "no expiry", error: .wrongClaim("exp")) { claims, _ in claims["exp"] = nil },
        .init(testDescription: "expiry as text", error: .wrongClaim("exp")) { claims, _ in claims["exp"] = "never" },
        .init(testDescription: "no issue time", error: .wrongClaim("iat")) { claims, _ in claims["iat"] = nil },
        .init(testDescription: "expired 31 s ago", error: .expired) { claims, time in
            claims["exp"] = seconds(time, -31)
        },
        .init(testDescription: "issued in 31 s", error: .notYetValid) { claims, time in
            claims["iat"] = seconds(time, 31)
        },
        .init(testDescription: "valid in 31 s", error: .notYetValid) { claims, time in
            claims["nbf"] = seconds(time, 31)
        },
    ]

    @Test(arguments: spoilt)
    func `a token that breaks one rule is refused`(spoilt: Spoilt) async throws {
        let token = try token { spoilt.change(&$0, clock.time) }

        await #expect(throws: spoilt.error) { try await verifier().verify(token) }
    }

    @Test(arguments: [("exp", Int64(-29)), ("iat", Int64(29)), ("nbf", Int64(29))])
    func `clocks may differ by less than half a minute`(claim: String, offset: Int64) async throws {
        let token = try token { $0[claim] = .integer(clock.time.microseconds / 1_000_000 + offset) }

        #expect(try await verifier().verify(token).subject == "user-1")
    }

    @Test(arguments: ["none", "None", "HS256", "RS256", "ES384", "es256", ""])
    func `no algorithm but ES256 is accepted, whatever the signature`(algorithm: String) async throws {
        let token = try issuer.sign(
            stackClaims(at: clock.time), header: ["alg": .string(algorithm), "kid": .string(issuer.keyIdentifier)])

        await #expect(throws: TokenError.wrongAlgorithm) { try await verifier().verify(token) }
    }

    @Test func `a token without a signature is refused`() async throws {
        let parts = try token().split(separator: ".")

        await #expect(throws: TokenError.badSignature) { try await verifier().verify("\(parts[0]).\(parts[1]).") }
    }

    @Test func `a payload that was changed does not fit its signature`() async throws {
        let parts = try token().split(separator: ".")
        let other = try token { $0["sub"] = "user-2" }.split(separator: ".")

        await #expect(throws: TokenError.badSignature) {
            try await verifier().verify("\(parts[0]).\(other[1]).\(parts[2])")
        }
    }

    @Test func `a HMAC with the public key as its secret is refused`() async throws {
        // given the classic confusion of algorithms, under the good key's name
        let header: JSONObject = ["alg": "HS256", "kid": .string(issuer.keyIdentifier)]
        let input =
            Base64URL.encode(JSONValue.object(header).bytes) + "."
            + Base64URL.encode(JSONValue.object(stackClaims(at: clock.time)).bytes)
        let code = HMAC<SHA256>.authenticationCode(for: Array(input.utf8), using: SymmetricKey(data: issuer.jwks))

        await #expect(throws: TokenError.wrongAlgorithm) {
            try await verifier().verify(input + "." + Base64URL.encode(Array(code)))
        }
    }

    @Test func `a key that comes with the token is not looked at`() async throws {
        // given a stranger's token that brings its own key
        let stranger = DevelopmentIssuer()
        let jwk = try #require(try JSONValue(parsing: stranger.jwks)["keys"]?[0])
        let claims = stackClaims(at: clock.time)
        let underItsOwnName = try stranger.sign(
            claims, header: ["alg": "ES256", "kid": .string(stranger.keyIdentifier), "jwk": jwk])
        let underOurName = try stranger.sign(
            claims, header: ["alg": "ES256", "kid": .string(issuer.keyIdentifier), "jwk": jwk])
        let withURL = try stranger.sign(
            claims, header: ["alg": "ES256", "kid": "x", "jku": "http://127.0.0.1:1/jwks.json"])

        await #expect(throws: TokenError.unknownKey) { try await verifier().verify(underItsOwnName) }
        await #expect(throws: TokenError.badSignature) { try await verifier().verify(underOurName) }
        await #expect(throws: TokenError.unknownKey) { try await verifier().verify(withURL) }
    }

    @Test func `a header without kid or with critical extensions is refused`() async throws {
        let claims = stackClaims(at: clock.time)
        let nameless = try issuer.sign(claims, header: ["alg": "ES256"])
        let critical = try issuer.sign(
            claims, header: ["alg": "ES256", "kid": .string(issuer.keyIdentifier), "crit": ["b64"]])

        await #expect(throws: TokenError.unknownKey) { try await verifier().verify(nameless) }
        await #expect(throws: TokenError.malformed) { try await verifier().verify(critical) }
    }

    @Test(arguments: [
        "", "a", "a.b", "a.b.c", "....", "e30.e30.e30.e30", "!!!.e30.e30", "W10.e30.e30",
        String(repeating: "a", count: 9_000),
    ])
    func `what is no token is refused`(text: String) async {
        await #expect(throws: TokenError.self) { try await verifier().verify(text) }
    }

    @Test func `a header that names its algorithm twice is refused`() async throws {
        let parts = try token().split(separator: ".")
        let header = Base64URL.encode(
            Array(#"{"alg":"none","alg":"ES256","kid":"\#(issuer.keyIdentifier)"}"#.utf8))

        await #expect(throws: TokenError.malformed) { try await verifier().verify("\(header).\(parts[1]).\(parts[2])") }
    }

    @Test func `a token that was accepted before is refused once it has expired`() async throws {
        let verifier = verifier()
        let token = try token()
        _ = try await verifier.verify(token)
        _ = try await verifier.verify(token)

        clock.advance(by: .seconds(629))
        _ = try await verifier.verify(token)
        clock.advance(by: .seconds(1))

        await #expect(throws: TokenError.expired) { try await verifier.verify(token) }
    }

    @Test func `a token that was accepted before is refused once its key is withdrawn`() async throws {
        let other = DevelopmentIssuer()
        let published = Box(issuer.jwks)
        let verifier = TokenVerifier(
            issuer: TokenIssuer(issuer: "https://api.stack-auth.com/api/v1/projects/p1", audience: "p1"),
            source: KeySource(logger: silent, now: { [clock] in clock.instant }) {
                KeySource.Fetched(bytes: published.value, maxAge: .seconds(60))
            }, now: { [clock] in clock.time })
        let token = try token()
        _ = try await verifier.verify(token)

        published.value = other.jwks
        clock.advance(by: .seconds(61))

        await #expect(throws: TokenError.unknownKey) { try await verifier.verify(token) }
    }

    @Test func `a token that was accepted before is refused once its key's name stands for another key`() async throws {
        let other = try #require(try JSONValue(parsing: DevelopmentIssuer().jwks)["keys"]?[0]?.objectValue)
        var renamed = other
        renamed["kid"] = .string(issuer.keyIdentifier)
        let replacement: JSONValue = ["keys": [.object(renamed)]]
        let published = Box(issuer.jwks)
        let verifier = TokenVerifier(
            issuer: TokenIssuer(issuer: "https://api.stack-auth.com/api/v1/projects/p1", audience: "p1"),
            source: KeySource(logger: silent, now: { [clock] in clock.instant }) {
                KeySource.Fetched(bytes: published.value, maxAge: .seconds(60))
            }, now: { [clock] in clock.time })
        let token = try token()
        _ = try await verifier.verify(token)

        published.value = replacement.bytes
        clock.advance(by: .seconds(61))

        await #expect(throws: TokenError.badSignature) { try await verifier.verify(token) }
    }
}
