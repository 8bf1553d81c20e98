import Crypto

/// A key of a tenant's storefront: `cpk_<slug>_<secret>` (publishable) or `csk_<slug>_<secret>` (secret).
///
/// The secret is 160 random bits in base32, so its SHA-256 can be stored without a salt. Only the hash is ever stored,
/// and printing a key shows its kind and tenant, never its secret.
public struct APIKey: Hashable, Sendable, CustomStringConvertible, CustomReflectable {
    /// STORED NAMES: only ever add.
    public enum Kind: String, CaseIterable, Sendable {
        case publishable, secret

        var prefix: String {
            switch self {
            case .publishable: "cpk"
            case .secret: "csk"
            }
        }
    }

    public let kind: Kind
    public let slug: String
    private let secret: String

    private static let alphabet = Array("0123456789abcdefghjkmnpqrstvwxyz".utf8)
    private static let secretLength = 32

    /// A new key from the system's random generator.
    public static func generate(_ kind: Kind, slug: String) -> APIKey {
        var random = SystemRandomNumberGenerator()
        let secret = (0..<secretLength).map { _ in alphabet[Int.random(in: 0..<32, using: &random)] }
        return APIKey(kind: kind, slug: slug, secret: String(decoding: secret, as: UTF8.self))
    }

    private init(kind: Kind, slug: String, secret: String) {
        self.kind = kind
        self.slug = slug
        self.secret = secret
    }

    /// Nil for anything that cannot be a key; whether it is one only the tenant's record tells.
    public init?(_ text: String) {
        let parts = text.split(separator: "_", omittingEmptySubsequences: false)
        guard parts.count == 3, let kind = Kind.allCases.first(where: { $0.prefix == parts[0] }),
            TenantRecord.isValid(slug: String(parts[1])), parts[2].utf8.count == Self.secretLength,
            parts[2].utf8.allSatisfy(Self.alphabet.contains)
        else { return nil }
        self.init(kind: kind, slug: String(parts[1]), secret: String(parts[2]))
    }

    /// The key itself: to be shown once and sent over TLS, never logged.
    public var text: String { "\(kind.prefix)_\(slug)_\(secret)" }

    /// SHA-256 of the text, in lower-case hex.
    public var hash: String { Hex.encode(SHA256.hash(data: Array(text.utf8))) }

    /// Compares without telling by its time where two hashes differ.
    static func isEqual(_ left: String, _ right: String) -> Bool {
        let left = Array(left.utf8)
        let right = Array(right.utf8)
        guard left.count == right.count else { return false }
        return zip(left, right).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }

    public var description: String { "\(kind.prefix)_\(slug)_<redacted>" }
    public var customMirror: Mirror { Mirror(self, children: ["kind": kind, "slug": slug]) }
}

enum Hex {
    private static let digits = Array("0123456789abcdef".utf8)

    static func encode(_ bytes: some Sequence<UInt8>) -> String {
        String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
