import Documents
import EventSourcing
import Events
import Foundation
import JSON
import TestSupport
import Testing

@testable import Command

private let contractID = UUID(uuidString: "01890a5d-ac96-774b-bcce-b302099a8059")!
private let consignorID = UUID(uuidString: "01890a5d-ac96-774b-bcce-b302099a805a")!
private let digest = String(repeating: "a", count: 64)

private func fact(_ event: ContractEvent, at time: Timestamp = noon) -> Contract.Event {
    Fact(id: contractID, at: time, event: event)
}

@Suite struct ContractTests {
    private let stamp = Stamp(id: contractID, at: noon)
    private let terms = ContractTerms(
        tiers: [SplitTier(from: pln(0), percent: 50), SplitTier(from: pln(50_000), percent: 60)], termDays: 90,
        graceDays: 14, markdowns: [MarkdownStep(afterDays: 30, percent: 20, bearer: .store)],
        earlyWithdrawalFee: pln(1_000))
    private let items: Contract.Items = {
        var received = coat
        received.origin(consignorID)
        return [itemID: Item.fold([fact(.received(received))])!]
    }()

    private var drafted: Contract.Event { fact(.drafted(ContractDrafted(consignorID: consignorID))) }
    private var set: Contract.Event { fact(.termsSet(ContractTermsSet(terms: terms))) }
    private var added: Contract.Event {
        fact(.itemsAdded(ContractItemsAdded(items: [ContractItem(itemID: itemID)])))
    }
    private var signature: ContractSigned {
        ContractSigned(document: digest, signer: .consignor, method: .paper, at: noon)
    }
    private var signed: Contract.Event { fact(.signed(signature)) }
    private let end = Timestamp(rfc3339: "2026-06-07T22:00:00Z")!
    private let graceEnd = Timestamp(rfc3339: "2026-06-21T22:00:00Z")!
    private var activated: Contract.Event {
        fact(.activated(ContractActivated(at: noon, endsAt: end, graceEndsAt: graceEnd)))
    }
    private var active: [Contract.Event] { [drafted, set, added, signed, activated] }

    // MARK: - Until it is active

    @Test func `a contract is drafted, with terms and items if they are known`() {
        let intent = Contract.Draft(
            consignorID: consignorID, terms: terms, items: [ContractItem(itemID: itemID)])
        Given(Contract.self)
            .when { state throws(Contract.Refused) in try Contract.draft(intent, items, warsaw, stamp, state) }
            .then(drafted, set, added)
            .thenState { $0?.stage == .draft && $0?.version == 3 && $0?.itemIDs == [itemID] }
    }

    @Test func `amounts are in the tenant's currency, and it is said which one is not`() {
        func expect(_ pointer: String, _ change: (inout ContractTerms) -> Void) {
            var foreign = terms
            change(&foreign)
            Given(Contract.self, [drafted])
                .when { state throws(Contract.Refused) in try Contract.setTerms(foreign, warsaw, stamp, state) }
                .refuses(.currency(pointer, euro, not: zloty))
        }
        let cent = Money(amount: 1, currency: euro)!
        expect("/terms/minimum_price/currency") { $0.minimumPrice = cent }
        expect("/terms/minimum_payout/currency") { $0.minimumPayout = cent }
        expect("/terms/early_withdrawal_fee/currency") { $0.earlyWithdrawalFee = cent }
        expect("/terms/tiers/1/from/currency") { $0.tiers[1].from = cent }
        expect("/terms/fees/0/amount/currency") { $0.fees = [ContractFee(name: "photos", amount: cent)] }
        #expect(
            Contract.Refused.currency("/terms/tiers/1/from/currency", euro, not: zloty).pointer
                == "/terms/tiers/1/from/currency")

        let other = UUID(bits: 7)
        Given(Contract.self, [drafted])
            .when { state throws(Contract.Refused) in
                let new = [ContractItem(itemID: itemID), ContractItem(itemID: other, minimumPrice: cent)]
                return try Contract.addItems(new, items, warsaw, stamp, state)
            }
            .refuses(.currency("/items/1/minimum_price/currency", euro, not: zloty))
        Given(Contract.self, [drafted, added])
            .when { state throws(Contract.Refused) in
                let item = ContractItem(itemID: itemID, tiers: [SplitTier(from: cent, percent: 50)])
                return try Contract.changeItem(item, of: nil, warsaw, stamp, state)
            }
            .refuses(.currency("/tiers/0/from/currency", euro, not: zloty))
    }

    @Test func `an item is its consignor's, and named once`() {
        func add(_ new: [ContractItem], _ known: Contract.Items) -> (Contract.State) throws(Contract.Refused) ->
            [Contract.Event]
        {
            { state throws(Contract.Refused) in try Contract.addItems(new, known, warsaw, stamp, state) }
        }
        let item = ContractItem(itemID: itemID)
        Given(Contract.self, [drafted]).when(add([item], [:])).refuses(.itemUnknown(0))
        Given(Contract.self, [drafted]).when(add([item], [itemID: Item.fold([fact(.received(coat))])!]))
            .refuses(.itemNotConsignors(0))
        Given(Contract.self, [drafted]).when(add([item, item], items)).refuses(.itemTwice(1))
        Given(Contract.self, [drafted, added]).when(add([item], items)).thenNothing()
    }

    @Test func `what was the merged one's is the survivor's`() {
        let survivor = fact(.drafted(ContractDrafted(consignorID: contractID)))
        let item = ContractItem(itemID: itemID)
        func add(_ absorbed: [UUID]) -> (Contract.State) throws(Contract.Refused) -> [Contract.Event] {
            { state throws(Contract.Refused) in
                try Contract.addItems([item], items, absorbed: absorbed, warsaw, stamp, state)
            }
        }
        Given(Contract.self, [survivor]).when(add([])).refuses(.itemNotConsignors(0))
        Given(Contract.self, [survivor]).when(add([consignorID])).then(added)
    }

    @Test func `what is changed after it was signed is signed anew`() throws {
        let changed = fact(.itemChanged(ContractItem(itemID: itemID, minimumPrice: pln(1))))
        let state = try #require(Contract.fold([drafted, set, added, signed, changed]))
        #expect(!state.isSignedAsItIs)
        let rule = ContractReadiness.evaluate(.init(contract: state, consignor: nil, items: items, now: noon)).rules
            .last
        #expect(rule?.held == false)
        #expect(rule?.evidence.map(\.version) == [4, 5])
        let sign = { [signature, stamp] (state: Contract.State) throws(Contract.Refused) in
            try Contract.sign(signature, stamp, state)
        }
        Given(Contract.self, [drafted, set, added, signed]).when(sign).thenNothing()
        Given(Contract.self, [drafted, set, added, signed, changed]).when(sign).then(signed)
            .thenState { $0?.isSignedAsItIs == true }
    }

    @Test(arguments: [ItemAllocation.held, .sold])
    func `what is agreed on for an item stands once a buyer is`(allocation: ItemAllocation) {
        var item = items[itemID]
        item?.apply(.allocationChanged(ItemAllocationChanged(allocation: allocation)))
        func change(_ item: ItemRecord?) -> (Contract.State) throws(Contract.Refused) -> [Contract.Event] {
            { state throws(Contract.Refused) in
                let intent = ContractItem(itemID: itemID, minimumPrice: pln(1))
                return try Contract.changeItem(intent, of: item, warsaw, stamp, state)
            }
        }
        func remove(_ item: ItemRecord?) -> (Contract.State) throws(Contract.Refused) -> [Contract.Event] {
            { state throws(Contract.Refused) in
                try Contract.removeItem(.init(itemID: itemID), item, stamp, state)
            }
        }
        let refusal: Contract.Refused = allocation == .held ? .itemHeld : .itemSold
        Given(Contract.self, active).when(change(item)).refuses(refusal)
        Given(Contract.self, active).when(remove(item)).refuses(refusal)
        Given(Contract.self, active).when(change(items[itemID]))
            .then(fact(.itemChanged(ContractItem(itemID: itemID, minimumPrice: pln(1)))))
    }

    @Test(arguments: ["2126-06-01", "2500-01-01", "9999-12-31"])
    func `nobody agrees on what is too far ahead`(day: String) throws {
        Given(Contract.self, active)
            .when { state throws(Contract.Refused) in try Contract.extend(until: day, warsaw, stamp, state) }
            .refuses(.untilTooFar)
        let from = try #require(Timestamp(rfc3339: "\(day)T00:00:00Z"))
        var other = terms
        other.tiers = [SplitTier(from: pln(0), percent: 70)]
        Given(Contract.self, active)
            .when { state throws(Contract.Refused) in
                try Contract.amend(.init(terms: other, effectiveFrom: from), warsaw, stamp, state)
            }
            .refuses(.effectiveTooFar)
    }

    @Test func `other terms take the signature away`() {
        var other = terms
        other.termDays = 30
        Given(Contract.self, [drafted, set, signed])
            .thenState { $0?.stage == .signed }
            .when { state throws(Contract.Refused) in try Contract.setTerms(other, warsaw, stamp, state) }
            .then(fact(.termsSet(ContractTermsSet(terms: other))))
            .thenState { $0?.stage == .draft && $0?.signature == nil }
    }

    @Test func `what is not ready says everything that is missing`() throws {
        let record = try #require(Contract.fold([drafted]))
        let evaluation = ContractReadiness.evaluate(
            .init(contract: record, consignor: nil, items: [:], now: noon))
        #expect(!evaluation.isReady)
        #expect(
            evaluation.rules.filter { !$0.held }.map(\.rule) == [
                "terms_are_set", "tiers_cover_every_price", "has_items", "consignor_is_active",
                "consignor_has_agreed_to_terms", "is_signed",
            ])
    }

    @Test func `what is ready is activated, with what the rules said and what they rest on`() throws {
        let record = try #require(Contract.fold([drafted, set, added, signed]))
        var consignor = ConsignorRecord(
            id: consignorID, number: nil, storeCredit: false, contact: [:], at: noon)
        consignor.terms = [.init(document: digest, method: "paper", agreedAt: noon)]
        let facts = ContractReadiness.Facts(contract: record, consignor: consignor, items: items, now: noon)
        let evaluation = ContractReadiness.evaluate(facts)
        #expect(evaluation.isReady)
        #expect(evaluation.rules[0].evidence == [EventLink("contract", contractID, at: 2)])
        #expect(evaluation.rules.last?.evidence == [EventLink("contract", contractID, at: 4)])
        Given(Contract.self, [drafted, set, added, signed])
            .when { state throws(Contract.Refused) in try Contract.activate(facts, warsaw, stamp, state) }
            .then(fact(.readinessEvaluated(evaluation)), activated)
            .thenState { $0?.stage == .active && $0?.endsAt == end }
    }

    // MARK: - Time

    @Test func `a term ends when its last day has, in the tenant's time zone, and only then`() {
        func expire(at time: Timestamp) -> (Contract.State) throws(Contract.Refused) -> [Contract.Event] {
            { state throws(Contract.Refused) in
                try Contract.expire([itemID], Stamp(id: contractID, at: time), state)
            }
        }
        let early = Timestamp(microseconds: end.microseconds - 1)
        let expired = fact(.expired(ContractExpired(graceEndsAt: graceEnd)), at: end)
        Given(Contract.self, active).when(expire(at: early)).thenNothing()
        Given(Contract.self, active).when(expire(at: end)).then(expired).thenState { $0?.stage == .expired }
        Given(Contract.self, active + [expired]).when(expire(at: graceEnd))
            .then(fact(.ended(ContractEnded(unsold: .toReturn, items: [itemID])), at: graceEnd))
            .thenState { $0?.stage == .ended }
    }

    @Test func `a contract that was extended does not expire with its first term`() {
        let later = Timestamp(rfc3339: "2026-06-17T22:00:00Z")!
        let extended = fact(
            .extended(
                ContractExtended(endsAt: later, graceEndsAt: Timestamp(rfc3339: "2026-07-01T22:00:00Z")!)))
        Given(Contract.self, active)
            .when { state throws(Contract.Refused) in
                try Contract.extend(until: "2026-06-17", warsaw, stamp, state)
            }
            .then(extended)
        Given(Contract.self, active + [extended])
            .when { state throws(Contract.Refused) in
                try Contract.expire([], Stamp(id: contractID, at: end), state)
            }
            .thenNothing()
        #expect(
            Contract.reactions(to: extended, nil)
                == [.intent(.expire, on: TypeID(prefix: "contract", uuid: contractID), at: later)])
    }

    @Test func `an amendment is in force from its moment on, not before`() throws {
        var other = terms
        other.tiers = [SplitTier(from: pln(0), percent: 70)]
        let intent = Contract.Amend(terms: other, effectiveFrom: days(10))
        let amended = fact(.amended(ContractAmended(effectiveFrom: days(10), terms: other)))
        Given(Contract.self, active)
            .when { state throws(Contract.Refused) in try Contract.amend(intent, warsaw, stamp, state) }
            .then(amended)
        let contract = try #require(Contract.fold(active + [amended]))
        #expect(contract.terms(at: days(9))?.terms == terms)
        #expect(contract.terms(at: days(10))?.terms == other)
        let past = Contract.Amend(terms: other, effectiveFrom: days(-1))
        Given(Contract.self, active)
            .when { state throws(Contract.Refused) in try Contract.amend(past, warsaw, stamp, state) }
            .refuses(.effectiveInPast)
    }

    @Test func `an item that is taken back early costs the fee, and a held one stays`() {
        func remove(_ item: ItemRecord?) -> (Contract.State) throws(Contract.Refused) -> [Contract.Event] {
            { state throws(Contract.Refused) in
                try Contract.removeItem(.init(itemID: itemID, reason: "changed her mind"), item, stamp, state)
            }
        }
        Given(Contract.self, active).when(remove(items[itemID]))
            .then(
                fact(.itemRemoved(ContractItemRemoved(itemID: itemID, reason: "changed her mind", fee: pln(1_000)))))
        Given(Contract.self, [drafted, added]).when(remove(items[itemID]))
            .then(fact(.itemRemoved(ContractItemRemoved(itemID: itemID, reason: "changed her mind"))))
        var held = items[itemID]
        held?.apply(.allocationChanged(ItemAllocationChanged(allocation: .held)))
        Given(Contract.self, active).when(remove(held)).refuses(.itemHeld)
    }

    @Test func `items are held, and the consignor is, until the contract is over`() {
        let open = Contract.fold(active), ended = Contract.fold(active + [fact(.terminated(.init(reason: "x")))])
        let consignor = "consignor_01h455vb4pex5vsknk084sn02t/01890a5d-ac96-774b-bcce-b302099a8059"
        #expect(
            Contract.claims(before: nil, after: open) == [
                .take(kind: "contract_item", value: itemID.uuidString.lowercased()),
                .take(kind: "consignor_contract", value: consignor),
            ])
        #expect(
            Contract.claims(before: open, after: ended) == [
                .release(kind: "contract_item", value: itemID.uuidString.lowercased()),
                .release(kind: "consignor_contract", value: consignor),
            ])
        #expect(Contract.claims(before: Contract.fold([drafted]), after: Contract.fold([drafted, set])).isEmpty)
    }

    @Test func `state is stored and read back`() throws {
        let state = Contract.fold(active + [fact(.amended(ContractAmended(effectiveFrom: days(1), terms: terms)))])
        #expect(try Contract.decode(Contract.encode(state)) == state)
    }
}

@Suite struct `Fields of contracts` {
    @Test func `tiers begin at 0 and go up, and all that is wrong is said at once`() throws {
        let text = """
            {"terms": {"tiers": [{"from": {"amount": 0, "currency": "PLN"}, "percent": 50},
                                 {"from": {"amount": 0, "currency": "PLN"}, "percent": 60}], "term_days": 0}}
            """
        #expect(
            try codes { try ContractFields.newTerms(body(text)) } == [
                "/terms/tiers/1/from/amount invalid", "/terms/term_days out_of_range",
            ])
    }
}

extension ItemReceived {
    fileprivate mutating func origin(_ consignor: UUID) {
        consignorID = consignor
    }
}
