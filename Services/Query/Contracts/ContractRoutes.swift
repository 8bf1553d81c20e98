import Documents
import Edge
import EventSourcing
import Foundation
import HTTPTypes
import Hummingbird
import Identity
import JSON
import Postgres

/// What is worked out from a contract by those who ask: `GET /v1/contracts/{id}/readiness` and `/split`. From the
/// operational tables and so current; by the same pure functions that decide.
struct ContractRoutes: Sendable {
    var pool: PostgresPool
    var standpoints: Standpoints

    func add(to router: EdgeRouter) {
        router.get("/v1/contracts/:id/readiness", use: readiness)
        router.get("/v1/contracts/:id/split", use: split)
    }

    /// Whether it could be activated now, and what every rule says to it.
    @Sendable private func readiness(_ request: Request, _ context: EdgeContext) async throws -> Response {
        let tenant = try context.operatorsTenant()
        let id = try context.id("id", prefix: ContractRecord.category)
        var parameters = QueryParameters(request)
        try parameters.finish()
        let standpoint = try await standpoints.tables(for: tenant, request)
        let contract = try await contract(id, of: tenant.id)
        let consignor = try await states(ConsignorRecord.self, "consignor", [contract.consignorID], of: tenant.id)
        let items = try await states(ItemRecord.self, "item", contract.itemIDs, of: tenant.id)
        return answer(
            ContractAnswers.readiness(
                .init(
                    contract: contract, consignor: consignor[contract.consignorID], items: items,
                    now: context.receivedAt)), standpoint)
    }

    /// See `ContractAnswers.split`.
    @Sendable private func split(_ request: Request, _ context: EdgeContext) async throws -> Response {
        let tenant = try context.operatorsTenant()
        let id = try context.id("id", prefix: ContractRecord.category)
        var parameters = QueryParameters(request)
        for name in ["item", "price"] where !parameters.contains(name) {
            parameters.fail(name, "required", name == "price" ? "is required: minor units" : "is required")
        }
        let itemName = parameters.text("item", mayBeEmpty: false)
        let amount = parameters.integer("price", in: 1...Money.limit)
        let item = itemName.flatMap { TypeID.uuid(of: $0, prefix: "item") }
        if itemName != nil, item == nil { parameters.fail("item", "invalid", "must be an item's identifier") }
        try parameters.finish()
        guard let item, let amount, let price = Money(amount: amount, currency: tenant.currency) else {
            throw Problem(.invalidParameter, "item and price are required")
        }
        let standpoint = try await standpoints.tables(for: tenant, request)
        let contract = try await contract(id, of: tenant.id)
        let listing = try await listing(of: item, tenant.id)
        do throws(ContractAnswers.NoSplit) {
            return answer(
                try ContractAnswers.split(of: item, at: price, contract, listing, now: context.receivedAt), standpoint)
        } catch {
            switch error {
            case .itemNotOnContract: throw Problem(.notFound, "the item is not on the contract")
            case .termsMissing: throw Problem(.notFound, "no terms were set: there is no split")
            case .beyondMoney:
                throw Problem(
                    .invalidParameter, "the price cannot be split",
                    errors: [.init(pointer: "/price", code: "out_of_range", detail: "beyond what money can say")])
            }
        }
    }

    private func contract(_ id: UUID, of tenant: TenantID) async throws -> ContractRecord {
        guard let contract = try await states(ContractRecord.self, ContractRecord.category, [id], of: tenant)[id] else {
            throw Problem(.notFound, "there is no such contract")
        }
        return contract
    }

    private func states<Record: StoredRecord>(
        _ record: Record.Type, _ category: String, _ ids: [UUID], of tenant: TenantID
    ) async throws -> [UUID: Record] {
        let rows = try await pool.query(
            """
            SELECT stream_id, state FROM main.aggregates
            WHERE tenant_id = \(tenant.uuid) AND category = \(category) AND stream_id = ANY (\(ids))
            """, tenant: tenant.uuid)
        var records: [UUID: Record] = [:]
        for row in rows { records[try row.decode(0)] = try Record(stored: row.bytes(1) ?? []) }
        return records
    }

    /// The listing that the item was sold on; else its open one, the last that was made; else the last that ended.
    private func listing(of item: UUID, _ tenant: TenantID) async throws -> ListingRecord? {
        let rows = try await pool.query(
            """
            SELECT state FROM main.aggregates
            WHERE tenant_id = \(tenant.uuid) AND category = 'listing'
              AND stream_id = ANY (ARRAY(SELECT main.listings_of(\(TypeID(prefix: "item", uuid: item).description))))
            """, tenant: tenant.uuid)
        let listings = try rows.map { try ListingRecord(stored: $0.bytes(0) ?? []) }
        func rank(_ listing: ListingRecord) -> (Int, UInt128) {
            (listing.endReason == .sold ? 2 : listing.status.isOpen ? 1 : 0, listing.id.bits)
        }
        return listings.max { rank($0) < rank($1) }
    }

    private func answer(_ bytes: [UInt8], _ standpoint: Standpoint) -> Response {
        var headers = HTTPFields()
        Caching.writeNever(to: &headers)
        standpoint.write(to: &headers)
        return Response.json(bytes, headers: headers)
    }
}
