import AsyncHTTPClient
import Crypto
import EventSourcing
import JSON
import JWTKit
public import Logging
import Synchronization

/// Verifies operators' tokens against one issuer.
///
/// The algorithm (ES256) and the issuer are fixed here; a token chooses nothing but which of the issuer's published
/// keys signed it. A token that was verified is remembered by its digest until it expires or the issuer's keys change,
/// so that a busy operator costs one signature check.
public final class TokenVerifier: Sendable {
    public static let maximumTokenBytes = 8 * 1024

    private struct Verified {
        /// The key that signed it, and the generation of the keys it was found in.
        var key: String
        var generation: Int
        var claims: TokenClaims
    }

    private static let maximumRemembered = 4_096

    private let issuer: TokenIssuer
    private let source: KeySource
    private let now: @Sendable () -> Timestamp
    private let remembered = Mutex<[SHA256Digest: Verified]>([:])

    /// Accepts tokens of the development issuer, whose public keys are in a file.
    public static func development(jwksPath: String, logger: Logger) -> TokenVerifier {
        TokenVerifier(issuer: .development, source: KeySource(logger: logger, fetch: KeyFetching.file(jwksPath)))
    }

    /// Accepts tokens of a Stack Auth project; nil for what cannot be a project's id.
    /// - Parameter jwksURL: where the project's keys are, nil for Stack Auth's own address.
    public static func stack(project: String, jwksURL: String? = nil, logger: Logger) -> TokenVerifier? {
        guard let issuer = TokenIssuer.stack(project: project) else { return nil }
        let url = jwksURL ?? TokenIssuer.stackKeys(project: project)
        return TokenVerifier(
            issuer: issuer,
            source: KeySource(logger: logger, fetch: KeyFetching.url(url, client: KeyFetching.client)))
    }

    init(issuer: TokenIssuer, source: KeySource, now: @escaping @Sendable () -> Timestamp = { .now }) {
        self.issuer = issuer
        self.source = source
        self.now = now
    }

    /// Who the token was issued to.
    public func verify(_ token: String) async throws(TokenError) -> TokenClaims {
        guard token.utf8.count <= Self.maximumTokenBytes else { throw .malformed }
        let digest = SHA256.hash(data: Array(token.utf8))
        if let known = remembered.withLock({ $0[digest] }),
            known.generation == (try await source.set(holding: known.key)).generation
        {
            guard now() - TokenClaims.leeway < known.claims.expiresAt else { throw .expired }
            return known.claims
        }
        let parts = token.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 3 else { throw .malformed }
        let key = try Self.keyIdentifier(header: parts[0])
        let (set, generation) = try await source.set(holding: key)
        do {
            // The header names this key and ES256, and the set holds nothing but ES256 keys.
            _ = try await set.keys.verify(token, as: SignatureOnly.self)
        } catch {
            throw .badSignature
        }
        guard let bytes = Base64URL.decode(parts[1]), let payload = try? JSONValue(parsing: bytes) else {
            throw .malformed
        }
        let claims = try TokenClaims(payload: payload, issuer: issuer)
        try TokenClaims.checkTimes(payload: payload, now: now())
        remembered.withLock { remembered in
            if remembered.count >= Self.maximumRemembered { remembered.removeAll(keepingCapacity: true) }
            remembered[digest] = Verified(key: key, generation: generation, claims: claims)
        }
        return claims
    }

    private static func keyIdentifier(header: some Collection<UInt8>) throws(TokenError) -> String {
        guard let bytes = Base64URL.decode(header), let json = try? JSONValue(parsing: bytes), json.objectValue != nil
        else { throw .malformed }
        guard json["alg"]?.stringValue == "ES256" else { throw .wrongAlgorithm }
        // Extensions that must be understood are not (RFC 7515 §4.1.11).
        guard json["crit"] == nil else { throw .malformed }
        guard let identifier = json["kid"]?.stringValue, !identifier.isEmpty else { throw .unknownKey }
        return identifier
    }
}

/// Lets JWTKit check the signature alone; the claims are read by rules of our own.
private struct SignatureOnly: JWTPayload {
    func verify(using algorithm: some JWTAlgorithm) throws {}
}
