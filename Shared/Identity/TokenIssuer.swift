/// Whose tokens are accepted, and what they must say.
public struct TokenIssuer: Equatable, Sendable {
    /// The value of `iss`.
    public var issuer: String
    /// The value of `aud`, and of `project_id`.
    public var audience: String

    public init(issuer: String, audience: String) {
        self.issuer = issuer
        self.audience = audience
    }

    /// The issuer of a developer's machine, whose key `closter token` makes.
    public static let development = TokenIssuer(
        issuer: "http://localhost/closter-development", audience: "closter-development")

    /// A Stack Auth project; nil for what cannot be a project's id. Only its plain issuer: anonymous and restricted
    /// users come from other issuers and audiences.
    public static func stack(project: String) -> TokenIssuer? {
        let isID = project.utf8.allSatisfy {
            (97...122).contains($0) || (65...90).contains($0) || (48...57).contains($0) || $0 == 45 || $0 == 95
        }
        guard isID, (1...64).contains(project.utf8.count) else { return nil }
        return TokenIssuer(issuer: stackBase(project), audience: project)
    }

    /// Where Stack Auth publishes a project's keys.
    public static func stackKeys(project: String) -> String { stackBase(project) + "/.well-known/jwks.json" }

    private static func stackBase(_ project: String) -> String {
        "https://api.stack-auth.com/api/v1/projects/\(project)"
    }
}
