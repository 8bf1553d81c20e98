import Documents
import EventSourcing
import Events
import Foundation
import JSON
import TestSupport
import Testing

@testable import Command

private let valuationID = UUID(bits: 300)
private let asked = Stamp(id: valuationID, at: noon)

private func fact(_ event: ValuationEvent, at time: Timestamp = noon) -> Valuation.Event {
    Fact(id: valuationID, at: time, event: event)
}

private let range = ValuationRange(low: pln(100), proposed: pln(120), high: pln(150))
private let requested = fact(.requested(ValuationRequested(itemID: itemID, method: .manual, note: "old")))
private let completed = ValuationCompleted(range: range, method: .manual, confidence: 80, note: "seen")
private let tooFew = ValuationInconclusive(reason: .tooFewComparables, found: 1, needed: 3)
private let overridden = ValuationOverridden(proposed: pln(200), high: pln(250), reason: "signed")

private typealias Decide = (Valuation.State) throws(Valuation.Refused) -> [Valuation.Event]

private func request(_ method: ValuationMethod, answer: ValuationEvent? = nil) -> Decide {
    { state throws(Valuation.Refused) in
        try Valuation.request(.init(itemID: itemID, method: method, note: "old"), answer: answer, asked, state)
    }
}

private func complete(_ range: ValuationRange = range, confidence: Int64 = 80) -> Decide {
    { state throws(Valuation.Refused) in
        try Valuation.complete(.init(range: range, confidence: confidence, note: "seen"), in: zloty, asked, state)
    }
}

private func override(_ proposed: Money = pln(200), low: Money? = nil, high: Money? = pln(250)) -> Decide {
    { state throws(Valuation.Refused) in
        try Valuation.override(
            .init(proposed: proposed, low: low, high: high, reason: "signed"), in: zloty, asked, state)
    }
}

@Suite struct ValuationTests {
    @Test func `somebody is asked, and the valuer answers at once`() {
        Given(Valuation.self).when(request(.manual)).then(requested).thenState { $0?.stage == .requested }
        let answer = ValuationEvent.inconclusive(tooFew)
        let ask = fact(.requested(ValuationRequested(itemID: itemID, method: .comparables, note: "old")))
        Given(Valuation.self).when(request(.comparables, answer: answer)).then(ask, fact(answer))
            .thenState { $0?.stage == .inconclusive && $0?.proposed == nil }
    }

    @Test func `only what was asked of somebody is answered by somebody, once`() {
        Given(Valuation.self, [requested]).when(complete()).then(fact(.completed(completed)))
            .thenState { $0?.stage == .completed && $0?.low == pln(100) && $0?.high == pln(150) }
        Given(Valuation.self, [requested, fact(.completed(completed))]).when(complete(confidence: 81))
            .refuses(.answered(.completed))
        Given(Valuation.self, [requested, fact(.inconclusive(tooFew))]).when(complete())
            .refuses(.answered(.inconclusive))
        Given(Valuation.self).when(complete()).refuses(.unknown)
    }

    @Test func `every answer is overridden with a reason, also an override`() {
        for answer in [ValuationEvent.completed(completed), .inconclusive(tooFew)] {
            Given(Valuation.self, [requested, fact(answer)]).when(override()).then(fact(.overridden(overridden)))
                .thenState { $0?.stage == .overridden && $0?.proposed == pln(200) && $0?.low == nil }
        }
        Given(Valuation.self, [requested, fact(.completed(completed)), fact(.overridden(overridden))])
            .when(override(pln(210)))
            .then(fact(.overridden(ValuationOverridden(proposed: pln(210), high: pln(250), reason: "signed"))))
        Given(Valuation.self, [requested]).when(override()).refuses(.notAnswered)
        Given(Valuation.self).when(override()).refuses(.unknown)
    }

    @Test func `prices are in the tenant's currency, and above zero`() {
        let euros = Money(amount: 1, currency: euro)!
        let answered = Given(Valuation.self, [requested, fact(.completed(completed))])
        answered.when(override(euros)).refuses(.currency(euro, not: zloty, "proposed"))
        answered.when(override(high: euros)).refuses(.currency(euro, not: zloty, "high"))
        answered.when(override(low: pln(0))).refuses(.notPositive("low"))
        var negative = range
        negative.low = pln(-1)
        Given(Valuation.self, [requested]).when(complete(negative)).refuses(.notPositive("low"))
        #expect(Valuation.Refused.notPositive("low").pointer == "/low/amount")
        #expect(Valuation.Refused.currency(euro, not: zloty, "high").pointer == "/high/currency")
    }

    @Test func `an item that is not there, or no longer, is not valued`() throws {
        #expect(throws: Valuation.Refused.itemUnknown) { try Valuation.valued(nil) }
        var item = ItemRecord(id: itemID, values: ["title": "x"], at: noon)
        #expect(try Valuation.valued(item) == item)
        item.isDeleted = true
        #expect(throws: Valuation.Refused.itemDeleted) { try Valuation.valued(item) }
    }

    @Test func `its state is read back as it was, and its document says what is in force`() throws {
        let comparable = ValuationComparable(
            listingID: listingID, price: pln(110), soldAt: noon, weight: 2880, condition: "good", adjusted: pln(120))
        var answer = completed
        answer.comparables = [comparable]
        answer.evidence = ValuationEvidence(
            category: "Dresses", brand: "Ganni", condition: "very_good", currency: zloty, windowDays: 365, found: 3,
            sameCondition: 1)
        let events = [requested, fact(.completed(answer)), fact(.overridden(overridden), at: days(1))]
        for count in 1...3 {
            let state = Valuation.fold(events.prefix(count))
            #expect(try Valuation.decode(Valuation.encode(state)) == state)
            #expect(state?.version == Int64(count))
        }
        let document = try JSONValue(parsing: try #require(Valuation.fold(events)).document)
        #expect(document["status"] == "overridden")
        #expect(document["note"] == "seen")
        #expect(document["proposed"] == pln(200).json)
        #expect(document["low"] == .null)
        #expect(document["override"]?["instead_of"]?["proposed"] == pln(120).json)
        #expect(document["comparables"]?[0]?["adjusted"] == pln(120).json)
        #expect(document["evidence"]?["same_condition"] == 1)
        #expect(document["inconclusive"] == .null)
        #expect(document["updated_at"]?.stringValue == days(1).rfc3339)
        let open = try JSONValue(
            parsing: try #require(Valuation.fold([requested, fact(.inconclusive(tooFew))])).document)
        #expect(open["proposed"] == .null)
        #expect(open["inconclusive"] == ["reason": "too_few_comparables", "found": 1, "needed": 3, "missing": []])
    }

    // MARK: - Fields

    private func errors(_ read: () throws(InvalidFields) -> Void) -> [String] {
        do throws(InvalidFields) {
            try read()
            return []
        } catch {
            return error.errors.map { "\($0.pointer) \($0.code.rawValue)" }.sorted()
        }
    }

    @Test func `all that is wrong with a body is told at once`() throws {
        let asking = try body(#"{"item_id": "item_1", "method": "guess", "note": "", "x": 1}"#)
        #expect(
            errors { () throws(InvalidFields) in _ = try Valuation.Request(fields: asking) }
                == ["/item_id invalid", "/method invalid", "/note empty", "/x unknown_field"])
        let money = { (amount: Int) in #"{"amount": \#(amount), "currency": "PLN"}"# }
        let answering = try body(
            #"{"low": \#(money(3)), "proposed": \#(money(2)), "high": \#(money(1)), "confidence": 101}"#)
        #expect(
            errors { () throws(InvalidFields) in _ = try Valuation.Complete(fields: answering) }
                == ["/confidence out_of_range", "/high out_of_range", "/low out_of_range"])
        let knowing = try body(#"{"proposed": \#(money(2)), "high": \#(money(1))}"#)
        #expect(
            errors { () throws(InvalidFields) in _ = try Valuation.Override(fields: knowing) }
                == ["/high out_of_range", "/reason required"])
    }
}
