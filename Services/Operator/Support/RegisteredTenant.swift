import EventSourcing
import Foundation
import JSON
import Postgres

/// A tenant as it is kept: what the control schema and its aggregate's state say.
struct RegisteredTenant: Equatable, Sendable {
    var slug: String
    var id: String
    var shard: String
    /// Null while the tenant is registered but its first event is not there yet.
    var state: JSONValue

    init(slug: String, uuid: UUID, shard: String, state: JSONValue) {
        self.slug = slug
        id = TypeID(prefix: "tenant", uuid: uuid).description
        self.shard = shard
        self.state = state
    }

    init(_ row: Row) throws {
        let state: JSONValue = try row.bytes(3).map { try JSONValue(parsing: $0) } ?? .null
        self.init(
            slug: try row.decode(0, as: String.self), uuid: try row.decode(1, as: UUID.self),
            shard: try row.decode(2, as: String.self), state: state)
    }
}

extension RegisteredTenant {
    struct Member: Equatable, Sendable {
        var subject: String
        var name: String
        var permissions: [String]
    }

    struct Key: Equatable, Sendable {
        var id: String
        var kind: String
        var name: String
        var permissions: [String]
        var allowedOrigins: [String]
        var isRevoked: Bool

        /// Without the digest: it is of no use to a person.
        var json: JSONValue {
            [
                "id": .string(id), "kind": .string(kind), "name": .string(name),
                "permissions": .array(permissions.map { .string($0) }),
                "allowed_origins": .array(allowedOrigins.map { .string($0) }), "revoked": .bool(isRevoked),
            ]
        }
    }

    var name: String { state["name"]?.stringValue ?? "" }
    var currency: String { state["currency"]?.stringValue ?? "" }
    var timeZone: String { state["time_zone"]?.stringValue ?? "" }

    var members: [Member] { [] }
    var keys: [Key] { [] }

    var summary: JSONValue {
        [
            "slug": .string(slug), "id": .string(id), "name": .string(name), "currency": .string(currency),
            "time_zone": .string(timeZone), "shard": .string(shard),
        ]
    }

    var details: JSONValue {
        guard case .object(var object) = summary else { return summary }
        object["members"] = .array(
            members.map {
                [
                    "subject": .string($0.subject), "name": .string($0.name),
                    "permissions": .array($0.permissions.map { .string($0) }),
                ]
            })
        object["keys"] = .array(keys.map(\.json))
        return .object(object)
    }
}
