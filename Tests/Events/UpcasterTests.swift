import EventSourcing
import Events
import JSON
import Testing

/// An event whose shape has changed twice: the price was a bare number, then a member, and only then money.
private struct Priced: StorableEvent {
    static let category = "test"
    static let schemas = ["Priced": 3, "Gap": 2]
    static let upcasters = Upcasters([
        .init("Priced", from: 1) { old in
            var new = old
            new["price"] = ["amount": old["price"] ?? 0]
            return new
        },
        .init("Priced", from: 2) { old in
            var new = old
            var price = old["price"]?.objectValue ?? [:]
            if price["currency"] == nil { price["currency"] = "PLN" }
            new["price"] = .object(price)
            return new
        },
    ])

    var type = "Priced"
    var amount: Int64
    var currency: String

    var payload: JSONObject { ["price": ["amount": .integer(amount), "currency": .string(currency)]] }

    init(type: String, current payload: PayloadReader) throws(EventDecodingError) {
        let price = try payload.money("price")
        amount = price.amount
        currency = price.currency.code
    }
}

@Suite struct `Bringing payloads forward` {
    private func amount(_ schema: Int, _ data: JSONValue) throws -> Int64 {
        try Priced(type: "Priced", schema: schema, data: data).amount
    }

    @Test func `a payload goes through every version up to today's`() throws {
        #expect(try amount(1, ["price": 100]) == 100)
        #expect(try amount(2, ["price": ["amount": 200]]) == 200)
        #expect(try amount(3, ["price": ["amount": 300, "currency": "EUR"]]) == 300)
        #expect(try Priced(type: "Priced", schema: 1, data: ["price": 100]).currency == "PLN")
    }

    @Test func `today's version is what is written`() throws {
        let event = try Priced(type: "Priced", schema: 1, data: ["price": 100])
        #expect(event.schema == 3)
        #expect(event.data == ["price": ["amount": 100, "currency": "PLN"]])
    }

    @Test func `an upcaster is not run on a version that has its shape already`() {
        #expect(throws: EventDecodingError(type: "Priced", schema: 3, reason: .missing("price.currency"))) {
            try amount(3, ["price": ["amount": 300]])
        }
    }

    @Test func `an error tells the version as stored`() {
        #expect(throws: EventDecodingError(type: "Priced", schema: 1, reason: .invalid("price.amount"))) {
            try amount(1, ["price": "a"])
        }
    }

    @Test func `a version nobody knows the way from is refused`() {
        #expect(throws: EventDecodingError(type: "Gap", schema: 1, reason: .noUpcaster(from: 1))) {
            try Priced(type: "Gap", schema: 1, data: [:])
        }
        #expect(throws: EventDecodingError(type: "Priced", schema: 4, reason: .unknownSchema)) {
            try amount(4, [:])
        }
    }
}
