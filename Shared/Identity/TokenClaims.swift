public import EventSourcing
import JSON

/// What a verified token says of its bearer. It says who, never what they may do.
public struct TokenClaims: Equatable, Sendable {
    /// The longest a clock may be off, in either direction.
    static let leeway: Duration = .seconds(30)

    public var subject: String
    public var name: String?
    public var expiresAt: Timestamp

    public init(subject: String, name: String? = nil, expiresAt: Timestamp) {
        self.subject = subject
        self.name = name
        self.expiresAt = expiresAt
    }

    /// Reads the claims of a token whose signature has been verified. The rules are Stack Auth's; the development
    /// issuer signs tokens of the same shape.
    init(payload: JSONValue, issuer: TokenIssuer) throws(TokenError) {
        guard case .object = payload else { throw .malformed }
        guard payload["iss"]?.stringValue == issuer.issuer else { throw .wrongIssuer }
        guard Self.audience(payload) == issuer.audience else { throw .wrongAudience }
        // A token made before there were anonymous users says nothing of them; it is not taken on trust.
        guard payload["is_anonymous"]?.boolValue == false else { throw .wrongClaim("is_anonymous") }
        guard payload["is_restricted"]?.boolValue == false else { throw .wrongClaim("is_restricted") }
        guard payload["branch_id"]?.stringValue == "main" else { throw .wrongClaim("branch_id") }
        guard payload["role"]?.stringValue == "authenticated" else { throw .wrongClaim("role") }
        if let project = payload["project_id"], project.stringValue != issuer.audience {
            throw .wrongClaim("project_id")
        }
        guard let subject = payload["sub"]?.stringValue, (1...200).contains(subject.utf8.count) else {
            throw .wrongClaim("sub")
        }
        guard let expiry = Self.seconds(payload["exp"]) else { throw .wrongClaim("exp") }
        guard Self.seconds(payload["iat"]) != nil else { throw .wrongClaim("iat") }
        if let notBefore = payload["nbf"], Self.seconds(notBefore) == nil { throw .wrongClaim("nbf") }
        self.init(subject: subject, name: payload["name"]?.stringValue, expiresAt: expiry)
    }

    /// Checks what depends on the clock.
    static func checkTimes(payload: JSONValue, now: Timestamp) throws(TokenError) {
        if let expiry = seconds(payload["exp"]), now - leeway >= expiry { throw .expired }
        for name in ["iat", "nbf"] {
            if let start = seconds(payload[name]), now + leeway < start { throw .notYetValid }
        }
    }

    /// `aud` as text, or as an array of exactly one.
    private static func audience(_ payload: JSONValue) -> String? {
        if let values = payload["aud"]?.arrayValue { return values.count == 1 ? values[0].stringValue : nil }
        return payload["aud"]?.stringValue
    }

    /// A NumericDate; fractions are legal (RFC 7519 §2) and cut off.
    private static func seconds(_ value: JSONValue?) -> Timestamp? {
        let limit: Int64 = 1 << 40
        switch value {
        case .integer(let seconds) where (0..<limit).contains(seconds): return Timestamp(seconds: seconds)
        case .number(let text):
            guard let seconds = Double(text), seconds >= 0, seconds < Double(limit) else { return nil }
            return Timestamp(seconds: Int64(seconds))
        default: return nil
        }
    }
}
