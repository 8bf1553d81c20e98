/// Why a token was not accepted. Never holds the token.
public enum TokenError: Error, Equatable, Sendable {
    /// Not three parts of base64url with JSON objects in the first two.
    case malformed
    /// Anything but ES256, `none` above all.
    case wrongAlgorithm
    /// No `kid`, or one that the issuer does not publish.
    case unknownKey
    case badSignature
    case expired
    /// `iat` or `nbf` in the future.
    case notYetValid
    case wrongIssuer
    case wrongAudience
    /// A claim that must have one value is missing or has another.
    case wrongClaim(String)
    /// The issuer's keys could not be had: the token may be good.
    case unavailable

    /// One sentence for whoever sent the token.
    public var explanation: String {
        switch self {
        case .malformed: "The token is not a JSON Web Token."
        case .wrongAlgorithm: "The token is not signed with ES256."
        case .unknownKey: "The token's key is not one of the issuer's."
        case .badSignature: "The token's signature does not fit."
        case .expired: "The token has expired."
        case .notYetValid: "The token is not valid yet."
        case .wrongIssuer: "The token comes from another issuer."
        case .wrongAudience: "The token is meant for another audience."
        case .wrongClaim(let name): "The token's claim \(name) is missing or not what it must be."
        case .unavailable: "The issuer's keys cannot be reached."
        }
    }
}
