import EventSourcing
import Foundation
import JSON
import Photos
import Postgres

/// Which photos a tenant has.
struct PhotoRecords: Sendable {
    let pool: PostgresPool

    /// - Returns: false where the tenant had it already.
    func add(_ name: PhotoName, _ photo: CleanPhoto, by actor: String, to tenant: TenantID) async throws -> Bool {
        let rows = try await pool.execute(
            [
                """
                INSERT INTO main.photos (tenant_id, name, width, height, bytes, added_by)
                VALUES (\(tenant.uuid), \(name.description), \(Int32(photo.size.width)), \(Int32(photo.size.height)),
                    \(Int64(photo.bytes.count)), \(actor))
                ON CONFLICT (tenant_id, name) DO NOTHING
                """
            ], tenant: tenant.uuid)
        return rows.last?.affected == 1
    }

    /// - Returns: false where the tenant does not have it.
    func remove(_ name: PhotoName, of tenant: TenantID) async throws -> Bool {
        let rows = try await pool.execute(
            ["DELETE FROM main.photos WHERE tenant_id = \(tenant.uuid) AND name = \(name.description)"],
            tenant: tenant.uuid)
        return rows.last?.affected == 1
    }

    /// Refuses uploaded photos that the tenant does not have.
    ///
    /// - Parameter body: of a request about an item, or about the items in its `items`.
    func require(namedIn body: JSONObject, of tenant: TenantID) async throws {
        var named: [(name: String, pointer: String)] = []
        func look(_ item: JSONValue?, _ pointer: String) {
            for (index, photo) in (item?["photos"]?.arrayValue ?? []).enumerated() {
                guard let name = photo.stringValue.flatMap({ PhotoName(path: $0.trimmed) }) else { continue }
                named.append((name.description, "\(pointer)/photos/\(index)"))
            }
        }
        look(.object(body), "")
        for (index, item) in (body["items"]?.arrayValue ?? []).enumerated() { look(item, "/items/\(index)") }
        guard !named.isEmpty else { return }
        let rows = try await pool.query(
            """
            SELECT name FROM main.photos WHERE tenant_id = \(tenant.uuid) AND name = ANY (\(named.map(\.name)))
            """, tenant: tenant.uuid)
        let known = Set(try rows.map { try $0.decode(0, as: String.self) })
        let errors = named.filter { !known.contains($0.name) }.map {
            FieldError(pointer: $0.pointer, code: .photoUnknown, detail: "there is no such photo: upload it first")
        }
        guard errors.isEmpty else { throw InvalidFields(errors: errors) }
    }
}
