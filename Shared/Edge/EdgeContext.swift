public import EventSourcing
public import Foundation
public import Hummingbird
public import Identity
import Logging

/// What a handler knows of its request besides the request itself.
public struct EdgeContext: RequestContext {
    public var coreContext: CoreRequestContextStorage
    /// Follows the request through every event, task and log line. From `X-Correlation-Id`, or made here.
    public internal(set) var correlationID: UUID
    /// W3C trace context, taken up or begun here.
    public internal(set) var traceparent: String
    /// When the request's head was read: the time of its intents.
    public internal(set) var receivedAt: Timestamp
    /// The subject of the certificate that the client has shown and that our authority vouches for, as RFC 2253 writes it;
    /// nil where it has shown none, or speaks no TLS.
    public internal(set) var clientSubject: String?
    var access: Access?

    public init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        correlationID = .version7()
        traceparent = ""
        receivedAt = .now
    }

    /// Who asks. 401 on a route outside `/v1`, where nobody is asked who they are.
    public func principal() throws(Problem) -> Principal {
        guard let access else { throw Problem(.unauthenticated) }
        return access.principal
    }

    /// The tenant the request is about.
    public func tenant() throws(Problem) -> Tenant {
        guard let access else { throw Problem(.unauthenticated) }
        guard let tenant = access.tenant else {
            throw Problem(.invalidHeader, "Closter-Tenant must name the tenant this is about.")
        }
        return tenant
    }

    /// The tenant, for a principal that has the permission; 403 for one that has not.
    @discardableResult
    public func require(_ permission: Permission) throws(Problem) -> Tenant {
        let tenant = try tenant()
        guard access?.permissions.allows(permission) == true else {
            throw Problem(.forbidden, "This needs the permission \(permission).")
        }
        return tenant
    }

    /// The principal, for an operator of the platform; 403 for everybody else.
    @discardableResult
    public func requirePlatformOperator() throws(Problem) -> Principal {
        let principal = try principal()
        guard case .operator(_, _, isPlatform: true) = principal else {
            throw Problem(.forbidden, "Only operators of the platform may do this.")
        }
        return principal
    }

    /// Whether the principal sees a tenant's inside: its members do, its storefronts' keys see what is published.
    public var seesEverything: Bool { access?.principal.isOperator ?? false }

    /// The metadata of what this request causes.
    public func metadata(commandID: UUID, causationID: UUID? = nil) throws(Problem) -> Metadata {
        let principal = try principal()
        return Metadata(
            actor: principal.actor, onBehalfOf: principal.onBehalfOf, commandID: commandID,
            correlationID: correlationID, causationID: causationID, traceparent: traceparent, requestedAt: receivedAt)
    }

    /// A parameter of the path, percent-decoded.
    public func parameter(_ name: String) throws(Problem) -> String {
        guard let raw = coreContext.parameters.get(name) else { throw Problem(.notFound) }
        // Most have nothing to decode, and Foundation takes long to find that out.
        guard raw.utf8.contains(UInt8(ascii: "%")) else { return String(raw) }
        guard let text = raw.removingPercentEncoding, !text.contains("\0") else { throw Problem(.notFound) }
        return text
    }

    /// A TypeID of the path; 404 for what cannot be one, as for one that does not exist.
    public func id(_ name: String, prefix: String) throws(Problem) -> UUID {
        guard let uuid = TypeID.uuid(of: try parameter(name), prefix: prefix) else { throw Problem(.notFound) }
        return uuid
    }
}

/// Who asks, about which tenant, and what they may do there.
struct Access: Sendable {
    var principal: Principal
    var tenant: Tenant?
    var permissions: Set<Permission> = []
    /// Of the key, if it is one: origins whose scripts may read the answer.
    var allowedOrigins: [String] = []
    /// Until when it holds without another look.
    var validUntil: ContinuousClock.Instant
}
