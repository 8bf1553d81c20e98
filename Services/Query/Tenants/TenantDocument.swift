import Documents
import EventSourcing
import Foundation
import Identity
import JSON

/// A tenant's record as its members see it. No digest of a key is in it.
enum TenantDocument {
    struct Tenant {
        var id: UUID
        /// Of the tenant's stream.
        var version: Int64
        var record: TenantRecord
        var createdAt: Timestamp
        var updatedAt: Timestamp
    }

    static let settings = [
        "return_days", "hold_hours", "offer_hours", "sku_pattern", "addresses", "languages", "features",
    ]

    static func write(_ tenant: Tenant, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("id", TypeID(prefix: "tenant", uuid: tenant.id).description)
        writer.member("version", tenant.version)
        writer.member("slug", tenant.record.slug)
        writer.member("name", tenant.record.name)
        writer.member("currency", tenant.record.currency.code)
        writer.member("time_zone", tenant.record.timeZone)
        for name in settings { writer.member(name, value: tenant.record.settings.value(of: name) ?? .null) }
        writer.member("created_at", tenant.createdAt.rfc3339)
        writer.member("updated_at", tenant.updatedAt.rfc3339)
        writer.endObject()
    }

    static func writeMembers(_ tenant: Tenant, to writer: inout JSONWriter) {
        list(tenant.record.members, to: &writer) { subject, member in
            [
                "subject": .string(subject), "name": JSONValue(member.name), "role": JSONValue(member.role),
                "permissions": names(member.permissions), "allowed": names(member.allowed),
            ]
        }
    }

    static func writeKeys(_ tenant: Tenant, to writer: inout JSONWriter) {
        list(tenant.record.keys, to: &writer) { id, key in
            [
                "id": .string(id), "kind": .string(key.kind.rawValue), "name": JSONValue(key.name),
                "status": .string(key.isRevoked ? "revoked" : key.expiresAt == nil ? "in_use" : "ending"),
                "expires_at": JSONValue(key.expiresAt?.rfc3339), "permissions": names(key.permissions),
                "allowed_origins": .array(key.allowedOrigins.map(JSONValue.string)),
            ]
        }
    }

    /// In the order of their names: whole, because a record holds only so many.
    private static func list<Entry>(
        _ entries: [String: Entry], to writer: inout JSONWriter, _ json: (String, Entry) -> JSONObject
    ) {
        let data = entries.sorted { $0.key < $1.key }.map { JSONValue.object(json($0.key, $0.value)) }
        writer.value(["data": .array(data), "next": .null])
    }

    private static func names(_ permissions: Set<Permission>) -> JSONValue {
        .array(permissions.map(\.rawValue).sorted().map(JSONValue.string))
    }
}
