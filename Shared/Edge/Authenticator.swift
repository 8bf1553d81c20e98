import EventSourcing
import HTTPTypes
import Hummingbird
public import Identity
public import Logging
import Postgres
public import Runtime

/// Finds out who is asking, and for which tenant.
///
/// Operators send a token and `Closter-Tenant`, and must be members of that tenant; storefronts send `Closter-Key`,
/// which names its tenant itself. Whether a tenant is unknown or just not yours is not told.
public struct Authenticator: Sendable {
    private let verifier: TokenVerifier?
    private let directory: TenantDirectory
    private let platformOperators: Set<String>
    private let purpose: TenantDirectory.Purpose

    /// - Parameters:
    ///   - verifier: nil where no operators are known.
    ///   - platformOperators: subjects that may create tenants.
    ///   - purpose: `.read` lets reads go on with slightly old records while the database is away.
    public init(
        verifier: TokenVerifier?, directory: TenantDirectory, platformOperators: Set<String> = [],
        purpose: TenantDirectory.Purpose
    ) {
        self.verifier = verifier
        self.directory = directory
        self.platformOperators = platformOperators
        self.purpose = purpose
    }

    /// As the configuration says.
    public static func make(
        _ configuration: ServiceConfiguration, directory: TenantDirectory, purpose: TenantDirectory.Purpose,
        logger: Logger
    ) throws(ConfigurationError) -> Authenticator {
        let verifier: TokenVerifier?
        switch configuration.issuer {
        case nil: verifier = nil
        case .development(let path): verifier = .development(jwksPath: path, logger: logger)
        case .stack(let project, let url):
            guard let stack = TokenVerifier.stack(project: project, jwksURL: url, logger: logger) else {
                throw ConfigurationError(
                    service: configuration.service,
                    problems: [.init(key: "CLOSTER_STACK_PROJECT", message: "is not the id of a project")])
            }
            verifier = stack
        }
        return Authenticator(
            verifier: verifier, directory: directory, platformOperators: configuration.platformOperators,
            purpose: purpose)
    }

    /// - Parameters:
    ///   - needsTenant: false where the path is not about a tenant, whatever `Closter-Tenant` says.
    ///   - isLinked: whether a publishable key may come as a parameter of the address.
    func access(_ request: Request, needsTenant: Bool, isLinked: Bool = false) async throws -> Access {
        let authorization = try request.header(.authorization)
        let key = try request.header(.closterKey)
        if isLinked, authorization == nil, key == nil, let linked = request.uri.queryParameters["key"].map(String.init)
        {
            // Addresses are kept, shown and passed on: no secret may stand in one.
            guard APIKey(linked)?.kind == .publishable else { throw Self.invalidKey }
            return try await keyAccess(linked, slug: try request.header(.closterTenant))
        }
        switch (authorization, key) {
        case (nil, nil): throw Problem(.unauthenticated)
        case (.some, .some): throw Problem(.invalidHeader, "Send either Authorization or Closter-Key, not both.")
        case (.some(let authorization), nil):
            let slug = needsTenant ? try request.header(.closterTenant) : nil
            return try await operatorAccess(authorization, slug: slug)
        case (nil, .some(let key)):
            return try await keyAccess(key, slug: try request.header(.closterTenant))
        }
    }

    private func operatorAccess(_ authorization: String, slug: String?) async throws -> Access {
        let parts = authorization.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer", let verifier else {
            throw Problem(.unauthenticated, "Authorization must be a Bearer token.")
        }
        let claims: TokenClaims
        do {
            claims = try await verifier.verify(parts[1].trimmed)
        } catch TokenError.unavailable {
            throw Problem(.unavailable, TokenError.unavailable.explanation)
        } catch {
            throw Problem(.unauthenticated, error.explanation)
        }
        var access = Access(
            principal: .operator(
                subject: claims.subject, name: claims.name, isPlatform: platformOperators.contains(claims.subject)),
            validUntil: .now + (claims.expiresAt - Timestamp.now))
        if let slug {
            let found = try await directory.find(slug: slug, for: purpose)
            guard let tenant = found.tenant, let member = tenant.record.members[claims.subject] else {
                throw Problem(.unknownTenant)
            }
            access.tenant = tenant
            access.permissions = member.allowed
            access.validUntil = min(access.validUntil, found.validUntil)
        }
        return access
    }

    private static let invalidKey = Problem(.unauthenticated, "The key is not a valid one.")

    private func keyAccess(_ text: String, slug: String?) async throws -> Access {
        guard let key = APIKey(text) else { throw Self.invalidKey }
        let found = try await directory.find(slug: key.slug, for: purpose)
        let now = Timestamp.now
        guard let tenant = found.tenant, let (id, record) = tenant.record.key(matching: key), record.isValid(at: now)
        else { throw Self.invalidKey }
        // The key names its tenant; a header that names another is a mistake that must not go unnoticed.
        if let slug, slug != tenant.slug { throw Problem(.unknownTenant) }
        let principal: Principal =
            switch key.kind {
            case .publishable: .publishable(keyID: id)
            case .secret: .secret(keyID: id, buyer: nil)
            }
        let validUntil = record.expiresAt.map { min(found.validUntil, .now + ($0 - now)) } ?? found.validUntil
        return Access(
            principal: principal, tenant: tenant, permissions: key.kind == .secret ? record.permissions : [],
            allowedOrigins: record.allowedOrigins, validUntil: validUntil)
    }
}
