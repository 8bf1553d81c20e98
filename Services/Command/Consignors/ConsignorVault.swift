import Documents
import EventSourcing
import Foundation
import JSON
import PersonalData
import Postgres

/// Seals what requests bring of persons, opens what states hold of them, and shreds the keys of the erased.
struct ConsignorVault: Sendable {
    let keys: PersonKeys
    let pool: PostgresPool

    /// Makes the person's key of this scope where there is none and something is to be sealed.
    func seal(
        _ fields: Personal<JSONObject>, _ scope: PersonScope, of person: UUID, _ tenant: TenantID
    ) async throws -> Consignor.SealedFields {
        Consignor.SealedFields(
            clear: fields, sealed: try await sealed(fields.reveal(), scope, of: person, tenant, as: { $0 }))
    }

    /// An import's base, as events store it: a field of which the file said nothing is not in it.
    func sealBase(_ base: Personal<JSONObject>, of person: UUID, _ tenant: TenantID) async throws -> JSONObject {
        let said = JSONObject(base.reveal().members.filter { !$0.value.isNull }.map { ($0.key, $0.value) })
        return try await sealed(said, .contact, of: person, tenant, as: Self.baseField)
    }

    func known(of record: ConsignorRecord, _ tenant: TenantID) async throws -> Consignor.Known {
        Consignor.Known(
            contact: try await open(record.contact, .contact, of: record.id, tenant, as: { $0 }),
            tax: try await open(record.tax, .tax, of: record.id, tenant, as: { $0 }))
    }

    func base(of record: ConsignorRecord, _ tenant: TenantID) async throws -> Personal<JSONObject> {
        try await open(record.imported ?? [:], .contact, of: record.id, tenant, as: Self.baseField)
    }

    /// Of those whose states say that they are erased; others keep their keys.
    func shred(_ persons: [UUID], _ tenant: TenantID) async throws(PostgresError) {
        try await pool.execute(["SELECT main.shred_erased(\(persons))"], tenant: tenant.uuid)
    }

    /// What the file said of a field is another value than the field's, and neither opens in the other's place.
    private static func baseField(_ name: String) -> String { "import_base/\(name)" }

    private func sealed(
        _ fields: JSONObject, _ scope: PersonScope, of person: UUID, _ tenant: TenantID, as name: (String) -> String
    ) async throws -> JSONObject {
        guard fields.members.contains(where: { !$0.value.isNull }) else { return fields }
        let key = try await keys.obtain(KeyOwner(tenant: tenant, person: person, scope: scope))
        return JSONObject(
            try fields.members.map { field in
                (field.key, field.value.isNull ? .null : .string(try key.seal(field.value, as: name(field.key))))
            })
    }

    private func open(
        _ fields: JSONObject, _ scope: PersonScope, of person: UUID, _ tenant: TenantID, as name: (String) -> String
    ) async throws -> Personal<JSONObject> {
        guard !fields.isEmpty else { return Personal([:]) }
        guard let key = try await keys.find(KeyOwner(tenant: tenant, person: person, scope: scope)) else {
            throw PersonalDataError.damaged(field: "key")
        }
        return Personal(
            JSONObject(
                try fields.members.map { field in
                    (field.key, try key.open(field.value.stringValue ?? "", as: name(field.key)))
                }))
    }
}
