import EventSourcing
import Events
import Foundation
import JSON

extension Valuation.Request {
    /// From the body of a request.
    init(fields body: JSONObject) throws(InvalidFields) {
        var reader = FieldReader(body, known: ["item_id", "method", "note"])
        let item = reader.required("item_id") { value, pointer throws(InvalidFields) in
            try Field.id(Item.prefix, value, pointer)
        }
        let method = reader.required("method") { value, pointer throws(InvalidFields) in
            try Field.choice(ValuationMethod.self, value, pointer)
        }
        let note = reader.optional("note", Field.reason)
        let read = item.flatMap { item in method.map { Self(itemID: item, method: $0, note: note) } }
        self = try reader.finish(read)
    }
}

extension Valuation.Complete {
    static let confidence = Int64(0)...100

    /// From the body of a request.
    init(fields body: JSONObject) throws(InvalidFields) {
        var reader = FieldReader(body, known: ["low", "proposed", "high", "confidence", "note"])
        let low = reader.required("low", Field.money)
        let proposed = reader.required("proposed", Field.money)
        let high = reader.required("high", Field.money)
        let confidence = reader.required("confidence") { value, pointer throws(InvalidFields) in
            try Field.integer(in: Self.confidence, value, pointer)
        }
        let note = reader.optional("note", Field.reason)
        reader.expect(low, proposed, high)
        guard let low, let proposed, let high, let confidence else { throw InvalidFields(errors: reader.errors) }
        self = try reader.finish(
            Self(
                range: ValuationRange(low: low, proposed: proposed, high: high), confidence: confidence, note: note))
    }
}

extension Valuation.Override {
    /// From the body of a request.
    init(fields body: JSONObject) throws(InvalidFields) {
        var reader = FieldReader(body, known: ["proposed", "low", "high", "reason"])
        let proposed = reader.required("proposed", Field.money)
        let low = reader.optional("low", Field.money)
        let high = reader.optional("high", Field.money)
        let reason = reader.required("reason", Field.reason)
        reader.expect(low, proposed, high)
        let read = proposed.flatMap { proposed in
            reason.map { Self(proposed: proposed, low: low, high: high, reason: $0) }
        }
        self = try reader.finish(read)
    }
}

extension FieldReader {
    /// What is proposed lies between the others. That all are in one currency is for the rules to say.
    fileprivate mutating func expect(_ low: Money?, _ proposed: Money?, _ high: Money?) {
        guard let proposed else { return }
        if let low, low.amount > proposed.amount { fail("low", .outOfRange, "must not be above what is proposed") }
        if let high, high.amount < proposed.amount { fail("high", .outOfRange, "must not be below what is proposed") }
    }
}
