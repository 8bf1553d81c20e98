import EventSourcing
import Foundation
import Identity
import JSON
import Postgres

/// A tenant as it is kept: its place in the control schema, and its record.
struct RegisteredTenant: Equatable, Sendable {
    var slug: String
    var id: String
    var shard: String
    /// Nil while the tenant is registered and its first event is not there yet.
    var record: TenantRecord?

    init(slug: String, uuid: UUID, shard: String, record: TenantRecord?) {
        self.slug = slug
        id = TypeID(prefix: "tenant", uuid: uuid).description
        self.shard = shard
        self.record = record
    }

    init(_ row: Row) throws {
        self.init(
            slug: try row.decode(0, as: String.self), uuid: try row.decode(1, as: UUID.self),
            shard: try row.decode(2, as: String.self), record: try row.bytes(3).map(TenantRecord.init(stored:)))
    }
}

extension RegisteredTenant {
    struct Member: Equatable, Sendable {
        var subject: String
        var name: String
        var permissions: [String]

        var json: JSONValue {
            [
                "subject": .string(subject), "name": .string(name),
                "permissions": .array(permissions.map { .string($0) }),
            ]
        }
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

    var name: String { record?.name ?? "(being created)" }
    var currency: String { record?.currency.code ?? "?" }
    var timeZone: String { record?.timeZone ?? "?" }

    /// By subject.
    var members: [Member] {
        (record?.members ?? [:]).sorted { $0.key < $1.key }.map { subject, member in
            Member(
                subject: subject, name: member.name ?? subject, permissions: member.permissions.map(\.rawValue).sorted()
            )
        }
    }

    /// By id, which is by age.
    var keys: [Key] {
        (record?.keys ?? [:]).sorted { $0.key < $1.key }.map { id, key in
            Key(
                id: id, kind: key.kind.rawValue, name: key.name ?? "",
                permissions: key.permissions.map(\.rawValue).sorted(), allowedOrigins: key.allowedOrigins,
                isRevoked: key.isRevoked)
        }
    }

    var summary: JSONValue { .object(settings) }

    var details: JSONValue {
        var object = settings
        object["members"] = .array(members.map(\.json))
        object["keys"] = .array(keys.map(\.json))
        return .object(object)
    }

    private var settings: JSONObject {
        [
            "slug": .string(slug), "id": .string(id), "name": .string(name), "currency": .string(currency),
            "time_zone": .string(timeZone), "shard": .string(shard),
        ]
    }
}
