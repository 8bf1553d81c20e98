import Crypto
import Edge
import EventSourcing
import EventStore
import Foundation
import Hummingbird
import Identity
import JSON
import NIOCore
import PersonalData
import Postgres

/// `POST /v1/imports?format=shopify&currency=PLN&publish=true`: stores the file, then answers 202; `ImportRunner` does
/// the rest.
struct ImportRoutes: Routes {
    let api: CommandAPI
    let files: ImportFiles
    let runner: ImportRunner

    /// The largest file.
    static let limit = 64 << 20

    static let formats = ["shopify", ConsignorFile.format]
    static let media = ["text/csv", "application/csv", "application/octet-stream"]

    func add(to router: EdgeRouter) {
        router.post("/v1/imports", use: create)
    }

    @Sendable private func create(_ request: Request, _ context: EdgeContext) async throws -> Response {
        let tenant = try context.require(.importsWrite)
        var query = QueryParameters(request)
        let format = query.choice("format", Self.formats) ?? "shopify"
        let publish = query.flag("publish")
        let code = query.text("currency")
        let currency = code.map { Currency(code: $0) } ?? tenant.record.currency
        if currency == nil { query.fail("currency", "invalid", "must be a currency code of ISO 4217, like PLN") }
        let consignor = query.id("consignor_id", prefix: Consignor.prefix)
        let isPersonal = format == ConsignorFile.format
        if isPersonal, consignor != nil { query.fail("consignor_id", "invalid", "goes with products only") }
        try query.finish()
        if isPersonal { try context.require(.consignorsWrite) }
        guard let currency else { throw Problem(.invalidParameter, "currency is not known") }
        try request.requireContentType(Self.media)
        let stamp = Stamp(id: .version7(), at: context.receivedAt)
        let tenantCurrency = tenant.record.currency
        func decide(bytes: Int64, sha256: String) throws -> [Import.Event] {
            try Import.request(
                Import.Request(
                    format: format, currency: currency, publish: publish, bytes: bytes, sha256: sha256,
                    consignorID: consignor), in: tenantCurrency, stamp, nil)
        }
        // What can be refused without the file is refused before it is taken.
        do { _ = try decide(bytes: 0, sha256: "") } catch { throw Problem(deciding: error) ?? error }
        _ = try request.idempotencyKey()

        let token = try await api.tokens.maker(tenant.id)
        let executed: Executed
        do {
            let stored = try await files.store(
                request.parts(limit: Self.limit), tenant: tenant.id, import: stamp.id, isSealed: isPersonal)
            executed = try await api.execute(request, context, tenant.id, body: Array(stored.sha256.utf8)) { decision in
                let state = decision.begin(Import.self, stamp.id)
                if let consignor { try await decision.requireConsignor(consignor, "/consignor_id") }
                decision.append(
                    // A digest of few persons could be guessed at for ever.
                    try decide(bytes: stored.bytes, sha256: isPersonal ? "" : stored.sha256), to: state)
            }
        } catch {
            if case ExecutionFailure.outcomeUnknown = error {
            } else {
                try? await files.drop(tenant: tenant.id, import: stamp.id)
            }
            throw Problem(deciding: error) ?? error
        }
        if executed.receipt.stream != StreamID(Import.self, stamp.id) {
            // The key had been used: the first request's file is the one. What cannot be dropped now is swept later.
            try? await files.drop(tenant: tenant.id, import: stamp.id)
        }
        runner.wake()
        return api.respond(executed, .init(isCreation: true, status: .accepted), token)
    }
}

/// The files of imports, in chunks, until the import has ended. A file of persons is sealed, with a key of its own that
/// goes with it.
struct ImportFiles: Sendable {
    let pool: PostgresPool
    let keys: PersonKeys

    private static let chunkBytes = 256 << 10

    struct Stored: Sendable {
        var bytes: Int64
        /// In hex.
        var sha256: String
    }

    func store<Body: AsyncSequence & Sendable>(
        _ body: Body, tenant: TenantID, import id: UUID, isSealed: Bool
    ) async throws -> Stored where Body.Element == ByteBuffer {
        let key = isSealed ? try await keys.obtain(Self.owner(tenant, id)) : nil
        var hash = SHA256()
        var chunk: [UInt8] = []
        var number = 0
        var total: Int64 = 0
        for try await buffer in body {
            let bytes = Array(buffer.readableBytesView)
            hash.update(data: bytes)
            total += Int64(bytes.count)
            chunk += bytes
            if chunk.count >= Self.chunkBytes {
                try await store(chunk, number, tenant, id, key)
                chunk.removeAll(keepingCapacity: true)
                number += 1
            }
        }
        if !chunk.isEmpty { try await store(chunk, number, tenant, id, key) }
        let sha256 = hash.finalize().map { byte in
            let digits = String(byte, radix: 16)
            return digits.count == 1 ? "0" + digits : digits
        }.joined()
        return Stored(bytes: total, sha256: sha256)
    }

    private func store(
        _ chunk: [UInt8], _ number: Int, _ tenant: TenantID, _ id: UUID, _ key: DataKey?
    ) async throws {
        let bytes = PostgresBytes(try key?.seal(chunk, as: "chunk/\(number)") ?? chunk)
        try await pool.execute(
            ["SELECT main.store_import_chunk(\(id), \(Int32(number)), \(bytes))"], tenant: tenant.uuid)
    }

    /// Of a sealed file; nil where it is gone, or the file was never sealed.
    func key(tenant: TenantID, import id: UUID) async throws -> DataKey? { try await keys.find(Self.owner(tenant, id)) }

    private static func owner(_ tenant: TenantID, _ id: UUID) -> KeyOwner {
        KeyOwner(tenant: tenant, person: id, scope: .upload)
    }

    /// nil past the end.
    ///
    /// - Parameter key: of a sealed file.
    func chunk(
        _ number: Int, tenant: TenantID, import id: UUID, key: DataKey? = nil
    ) async throws -> [UInt8]? {
        let rows = try await pool.query(
            """
            SELECT bytes FROM main.import_chunks
            WHERE tenant_id = \(tenant.uuid) AND import_id = \(id) AND chunk = \(Int32(number))
            """, tenant: tenant.uuid, lane: .slow)
        guard let row = rows.first else { return nil }
        let bytes = try row.decode(0, as: PostgresBytes.self).bytes
        return try key?.open(bytes, as: "chunk/\(number)") ?? bytes
    }

    func drop(tenant: TenantID, import id: UUID) async throws(PostgresError) {
        try await pool.execute(
            ["SELECT main.drop_upload_key(\(id))", "SELECT main.drop_import_chunks(\(id))"], tenant: tenant.uuid)
    }
}
