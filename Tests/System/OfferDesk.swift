import EventSourcing
import EventStore
import Foundation
import JSON
import Logging
import Postgres
import TestSupport
import Testing

@testable import Command

/// An item that is offered, and those who make offers for it.
struct Desk: Sendable {
    let instance: Instance
    let item: String
    /// Published, one for each channel.
    let listings: [String]

    /// - Parameter minimum: of a contract under which the item is consigned, in minor units; nil: it is the store's own.
    init(_ instance: Instance, channels: [String] = ["storefront"], minimum: Int64? = nil) async throws {
        self.instance = instance
        if let minimum {
            item = try await instance.consignedItem(minimum: minimum)
        } else {
            let item = try await instance.write("POST", "/v1/items", ["title": "Coat", "condition": "good"])
            self.item = item["id"].stringValue ?? ""
        }
        var listings: [String] = []
        for channel in channels {
            let listing = try await instance.write(
                "POST", "/v1/listings",
                [
                    "item_id": .string(item), "price": ["amount": 500, "currency": "PLN"],
                    "channel": .string(channel),
                ])
            listings.append(listing["id"].stringValue ?? "")
            _ = try await instance.write("POST", "/v1/listings/\(listings[listings.count - 1])/publish")
        }
        self.listings = listings
    }

    /// By the storefront's back end.
    func make(
        _ amount: Int64, by buyer: String, on listing: Int = 0, key: String? = UUID.version7().text
    ) async throws -> Instance.Answer {
        var headers = instance.asBackEnd.merging(["Content-Type": "application/json"]) { $1 }
        headers["Idempotency-Key"] = key
        let body: JSONValue = [
            "listing_id": .string(listings[listing]), "price": ["amount": .integer(amount), "currency": "PLN"],
            "buyer": ["platform": "shop", "external_id": .string(buyer)],
        ]
        return try await instance.send("POST", .command, "/v1/offers", headers, body: body.bytes)
    }

    /// The id of an offer that was made.
    func offer(_ amount: Int64, by buyer: String, on listing: Int = 0) async throws -> String {
        let answer = try await make(amount, by: buyer, on: listing)
        guard answer.status == 201 else { throw Instance.Failure(answer.text) }
        return answer["id"].stringValue ?? ""
    }

    func send(
        _ kind: String, _ id: String, _ action: String, _ body: JSONValue? = nil, as headers: [String: String]? = nil
    ) async throws -> Instance.Answer {
        var all = (headers ?? instance.asOperator).merging(["Idempotency-Key": UUID.version7().text]) { $1 }
        if body != nil { all["Content-Type"] = "application/json" }
        return try await instance.send("POST", .command, "/v1/\(kind)/\(id)/\(action)", all, body: body?.bytes)
    }

    /// What must be a success.
    func act(
        _ offer: String, _ action: String, _ body: JSONValue? = nil, as headers: [String: String]? = nil
    ) async throws -> Instance.Answer {
        let answer = try await send("offers", offer, action, body, as: headers)
        guard answer.status == 200 else { throw Instance.Failure("\(action): \(answer.text)") }
        return answer
    }

    func refusal(
        _ offer: String, _ action: String, _ body: JSONValue? = nil, as headers: [String: String]? = nil
    ) async throws -> [String] {
        try await refusal("offers", offer, action, body, as: headers)
    }

    func refusal(
        _ kind: String, _ id: String, _ action: String, _ body: JSONValue? = nil, as headers: [String: String]? = nil
    ) async throws -> [String] {
        let answer = try await send(kind, id, action, body, as: headers)
        let errors = answer["errors"].arrayValue ?? []
        return ["\(answer.status)"]
            + errors.map { "\($0["pointer"]?.stringValue ?? "") \($0["code"]?.stringValue ?? "")" }
    }

    func atOnce<Value: Sendable>(
        _ numbers: Range<Int>, _ body: @escaping @Sendable (Int) async throws -> Value
    ) async throws -> [Value] {
        try await withThrowingTaskGroup(of: (Int, Value).self) { group in
            for number in numbers { group.addTask { (number, try await body(number)) } }
            return try await group.reduce(into: []) { $0.append($1) }.sorted { $0.0 < $1.0 }.map(\.1)
        }
    }

    // MARK: - What is there

    /// As it is read once all that was written is projected.
    func read(_ offer: String, as headers: [String: String]) async throws -> Instance.Answer {
        let last = try await head()
        return try await instance.read(
            "/v1/offers/\(offer)", headers.merging(["Closter-After": last, "Prefer": "wait=10"]) { $1 })
    }

    /// Of all offers for the item, the first of them first.
    func statuses() async throws -> [String] {
        let last = try await head()
        let answer = try await instance.read(
            "/v1/offers?item_id=\(item)&limit=200",
            instance.asOperator.merging(["Closter-After": last, "Prefer": "wait=10"]) { $1 })
        return (answer["data"].arrayValue ?? []).reversed().compactMap { $0["status"]?.stringValue }
    }

    func allocation() async throws -> String? {
        try await state("item", item)["allocation"]?.stringValue ?? "free"
    }

    func events(of offer: String) async throws -> [JSONValue] {
        try await instance.read("/v1/streams/offer/\(offer)")["data"].arrayValue ?? []
    }

    /// What rules have decided, in the order of the log.
    func rulings() async throws -> [JSONValue] {
        let rows = try await rows("SELECT data FROM main.events WHERE category = 'decision' ORDER BY position")
        return try rows.map { try JSONValue(parsing: $0.bytes(0) ?? []) }
    }

    /// The one that the item is under.
    func contract() async throws -> String {
        let rows = try await rows("SELECT stream_id FROM main.events WHERE category = 'contract' LIMIT 1")
        return TypeID(prefix: "contract", uuid: try #require(rows.first).decode(0)).description
    }

    func metadata(of offer: String) async throws -> JSONValue {
        let id = TypeID(offer)?.uuid ?? UUID(bits: 0)
        let rows = try await rows("SELECT metadata FROM main.events WHERE stream_id = \(id) ORDER BY position LIMIT 1")
        return try JSONValue(parsing: rows.first?.bytes(0) ?? [])
    }

    /// A token of the log's end.
    private func head() async throws -> String {
        let row = try #require(
            try await rows(
                "SELECT s.epoch, t.tenant_id, main.head() FROM closter.shards s, closter.tenants t WHERE s.name = 'main'"
            ).first)
        return PositionToken(
            shard: "main", epoch: try row.decode(0, as: Int64.self), tenant: TenantID(try row.decode(1, as: UUID.self)),
            position: try row.decode(2, as: Int64.self)
        ).text
    }

    private func state(_ category: String, _ id: String) async throws -> JSONValue {
        let id = TypeID(id)?.uuid ?? UUID(bits: 0)
        let rows = try await rows(
            "SELECT state FROM main.aggregates WHERE category = \(category) AND stream_id = \(id)")
        return try JSONValue(parsing: rows.first?.bytes(0) ?? [])
    }

    private func rows(_ statement: SQL) async throws -> Rows {
        let administrator = try await instance.database.connect()
        let rows = try await administrator.query(statement)
        await administrator.close()
        return rows
    }

    // MARK: - Time

    /// Runs what is due at a time, in the test's own process.
    func run(at time: Timestamp) async throws {
        let logger = Logger(label: "test")
        let configuration = try instance.database.configuration(as: "closter_command")
        let pool = PostgresPool(configuration, logger: logger)
        let appender = Appender(configuration, logger: logger)
        let reader = StateReader(pool: pool)
        let runner = DueRunner(
            intents: DueIntents(pool: pool),
            executor: Executor(appender: appender, reader: reader, doorbell: nil, logger: logger), reader: reader,
            handlers: CommandService.dueHandlers, clock: { time }, logger: logger)
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await pool.run() }
            group.addTask { await appender.run() }
            await runner.runDue()
            group.cancelAll()
        }
    }

    // MARK: - Proof

    /// Event by event: an item is held by one offer at most, by one that is accepted, and sold once.
    func checkLog() async throws {
        let rows = try await rows(
            """
            SELECT type, stream_id, data, command_id FROM main.events
            WHERE category IN ('offer', 'item') ORDER BY position
            """)
        var accepted: Set<UUID> = []
        var holder: UUID?
        var sales = 0
        var intent: UUID?
        func settle() {
            #expect(accepted.count <= 1)
            #expect(holder == accepted.first)
        }
        for row in rows {
            let command = try row.decode(3, as: UUID.self)
            if command != intent { settle() }
            intent = command
            let stream = try row.decode(1, as: UUID.self)
            switch try row.decode(0, as: String.self) {
            case "OfferAccepted": accepted.insert(stream)
            case "OfferWithdrawn", "OfferHoldLapsed", "OfferSuperseded", "OfferFulfilled": accepted.remove(stream)
            case "ItemAllocationChanged":
                let data = try JSONValue(parsing: row.bytes(2) ?? [])
                let offer = data["offer_id"]?.stringValue.flatMap { TypeID($0)?.uuid }
                holder = data["allocation"] == "held" ? offer : nil
                if data["allocation"] == "sold" { sales += 1 }
            default: break
            }
        }
        settle()
        #expect(sales <= 1)
    }

    /// Log, tables, claims and projections agree.
    func verified() async throws {
        try await eventually("everything is projected and nothing differs") {
            try await instance.tool(["verify"]).status == 0
        }
    }
}

extension Instance {
    /// An item of a consignor's under an active contract, which lets it go for no less.
    func consignedItem(minimum: Int64) async throws -> String {
        func made(_ path: String, _ body: JSONValue) async throws -> String {
            try await write("POST", path, body)["id"].stringValue ?? ""
        }
        let digest = JSONValue.string(String(repeating: "a", count: 64))
        let consignor = try await made("/v1/consignors", ["name": "Jan"])
        _ = try await made(
            "/v1/consignors/\(consignor)/terms",
            ["document": digest, "method": "paper", "agreed_at": "2026-03-10T11:00:00Z"])
        let item = try await made(
            "/v1/items", ["title": "Coat", "condition": "good", "consignor_id": .string(consignor)])
        func zloty(_ amount: Int64) -> JSONValue { ["amount": .integer(amount), "currency": "PLN"] }
        let contract = try await made(
            "/v1/contracts",
            [
                "consignor_id": .string(consignor), "items": [["item_id": .string(item)]],
                "terms": [
                    "tiers": [["from": zloty(0), "percent": 50]], "term_days": 10, "minimum_price": zloty(minimum),
                ],
            ])
        _ = try await made(
            "/v1/contracts/\(contract)/sign", ["document": digest, "signer": "consignor", "method": "paper"])
        _ = try await made("/v1/contracts/\(contract)/activate", [:])
        return item
    }
}

extension JSONObject {
    func adding(_ name: String, _ value: JSONValue) -> JSONObject {
        var object = self
        object[name] = value
        return object
    }

    func adding(_ name: String, _ text: String) -> JSONObject { adding(name, .string(text)) }
}
