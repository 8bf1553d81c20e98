import Documents
import EventSourcing
import Events
import Foundation
import JSON
import PersonalData
import TestSupport
import Testing

@testable import Command

private let jan = UUID(uuidString: "01890a5d-ac96-774b-bcce-b302099a8059")!
private let anna = UUID(uuidString: "01890a5d-ac96-774b-bcce-b302099a805a")!
private let mine = Stamp(id: jan, at: noon)
private let calendar = CalendarDays(timeZone: "Europe/Warsaw")!

private func fact(_ event: ConsignorEvent, of id: UUID = jan, at time: Timestamp = noon) -> Consignor.Event {
    Fact(id: id, at: time, event: event)
}

/// Seals by writing backwards, so that a test can read what was sealed.
private func sealed(_ fields: JSONObject) -> Consignor.SealedFields {
    Consignor.SealedFields(
        clear: Personal(fields),
        sealed: JSONObject(
            fields.members.map { ($0.key, $0.value.isNull ? .null : .string(String($0.value.text.reversed()))) }))
}

private func opened(_ fields: JSONObject) -> Personal<JSONObject> {
    Personal(
        JSONObject(
            fields.members.map { field in
                let text = String((field.value.stringValue ?? "").reversed())
                return (field.key, (try? JSONValue(parsing: Array(text.utf8))) ?? .null)
            }))
}

private func known(_ state: Consignor.State) -> Consignor.Known {
    Consignor.Known(contact: opened(state?.contact ?? [:]), tax: opened(state?.tax ?? [:]))
}

private let registered = ConsignorRegistered(number: "K-1", contact: ["name": "\"naJ\"", "mail": "\"elpmaxe@j\""])

private func update(_ intent: Consignor.Update, _ state: Consignor.State) throws(Consignor.Refused) -> [Consignor.Event]
{
    try Consignor.update(intent, known(state), in: zloty, mine, state)
}

@Suite struct ConsignorTests {
    @Test func `a consignor is registered, and nothing of theirs is in the clear`() {
        let intent = Consignor.Register(
            number: "K-1", contact: sealed(["name": "Jan", "mail": "j@example"]), tax: sealed(["country": "PL"]))
        let event = ConsignorRegistered(
            number: "K-1", contact: registered.contact, tax: ["country": "\"LP\""])
        Given(Consignor.self)
            .when { state throws(Consignor.Refused) in try Consignor.register(intent, in: zloty, mine, state) }
            .then(fact(.registered(event)))
            .thenState { $0?.version == 1 && $0?.status == .active && $0?.taxVersion == 1 && $0?.taxedAt == noon }
    }

    @Test func `only what differs in the clear is in the event, however it was sealed`() {
        var contact = sealed(["name": "Jan", "mail": .null, "phone": "1"])
        contact.sealed["name"] = "another text of the same"
        Given(Consignor.self, [fact(.registered(registered))])
            .when { state throws(Consignor.Refused) in
                try update(.init(changes: ["number": "K-1", "store_credit": true], contact: contact), state)
            }
            .then(
                fact(
                    .updated(
                        ConsignorUpdated(changes: ["store_credit": true], contact: ["mail": .null, "phone": "\"1\""])))
            )
            .thenState { $0?.contact.keys.sorted() == ["name", "phone"] && $0?.storeCredit == true }
    }

    @Test func `payout details and the tax identity are events of their own`() {
        let payout: JSONValue = ["iban": "PL61109010140000071219812874"]
        let intent = Consignor.Update(
            contact: sealed(["payout": payout]), tax: sealed(["vat_status": "exempt"]))
        Given(Consignor.self, [fact(.registered(registered))])
            .when { state throws(Consignor.Refused) in try update(intent, state) }
            .then(
                fact(.payoutChanged(.init(payout: String(payout.text.reversed())))),
                fact(.taxDeclared(.init(tax: ["vat_status": "\"tpmexe\""])))
            )
            .thenState { $0?.version == 3 && $0?.taxVersion == 1 }
    }

    @Test func `terms are agreed to once, and not in the future`() {
        let document = String(repeating: "0a", count: 32)
        let agreed = fact(.termsAgreed(.init(document: document, method: "paper", agreedAt: noon)))
        Given(Consignor.self, [fact(.registered(registered))])
            .when { state throws(Consignor.Refused) in
                try Consignor.agree(.init(document: document, method: .paper), mine, state)
            }
            .then(agreed)
        Given(Consignor.self, [fact(.registered(registered)), agreed])
            .when { state throws(Consignor.Refused) in
                try Consignor.agree(.init(document: document, method: .online, agreedAt: days(-1)), mine, state)
            }
            .thenNothing()
        Given(Consignor.self, [fact(.registered(registered))])
            .when { state throws(Consignor.Refused) in
                try Consignor.agree(.init(document: document, method: .paper, agreedAt: days(1)), mine, state)
            }
            .refuses(.agreedInFuture)
    }

    // MARK: - Merging

    private func balance(_ amount: Int64, of id: UUID) -> Consignor.Event {
        fact(.balanceOpened(.init(balance: pln(amount))), of: id)
    }

    @Test func `the survivor takes on the balance and whoever was absorbed before`() throws {
        let third = UUID(uuidString: "01890a5d-ac96-774b-bcce-b302099a805b")!
        let merged = Consignor.fold([
            fact(.registered(registered)), balance(500, of: jan), fact(.absorbed(.init(consignors: [third]))),
        ])
        let survivor = Consignor.fold([fact(.registered(registered), of: anna), balance(-200, of: anna)])
        let events = try Consignor.merge(merged, into: anna, survivor, mine)
        #expect(events.merged == [fact(.merged(.init(into: anna)))])
        #expect(
            events.survivor == [fact(.absorbed(.init(consignors: [jan, third], balance: pln(500))), of: anna)])
        let after = Consignor.fold(events.merged, from: merged), goes = Consignor.fold(events.survivor, from: survivor)
        #expect(after?.status == .merged && after?.mergedInto == anna)
        #expect(goes?.balance == pln(300) && goes?.openingBalance == pln(-200) && goes?.absorbed == [jan, third])
        // Again it is true already, and any other write is refused with the survivor's name.
        #expect(try Consignor.merge(after, into: anna, goes, mine).merged.isEmpty)
        #expect(throws: Consignor.Refused.merged(into: anna)) { try update(.init(changes: ["number": "K-2"]), after) }
        #expect(throws: Consignor.Refused.intoMerged(into: anna)) { try Consignor.merge(goes, into: jan, after, mine) }
        #expect(throws: Consignor.Refused.intoItself) { try Consignor.merge(goes, into: anna, goes, mine) }
        #expect(throws: Consignor.Refused.intoUnknown) { try Consignor.merge(goes, into: third, nil, mine) }
        #expect(Consignor.Refused.merged(into: anna).detail.contains("consignor_01h455vb4pex5vsknk084sn0"))
    }

    // MARK: - Erasing

    private let erase = Consignor.Erase(reason: .requested)

    @Test func `everything that stands in the way is said at once`() {
        Given(
            Consignor.self,
            [
                fact(.registered(registered)), balance(1, of: jan),
                fact(.updated(.init(changes: ["retain_until": "2026-03-10"]))),
            ]
        )
        .when { state throws(Consignor.Refused) in
            try Consignor.erase(erase, .init(inCustody: 2, contracts: 1), calendar, mine, state)
        }
        .refuses(
            .notErasable([.itemsInCustody(2), .contractsOpen(1), .balance(pln(1)), .retained(until: "2026-03-10")]))
    }

    @Test func `a retention ends with its last day, in the tenant's time zone`() {
        let events = [
            fact(.registered(registered)), fact(.updated(.init(changes: ["retain_until": "2026-03-09"]))),
        ]
        // 2026-03-09T23:30Z is the tenth in Warsaw.
        for (time, isOver) in [("2026-03-09T22:30:00Z", false), ("2026-03-09T23:30:00Z", true)] {
            let now = Stamp(id: jan, at: Timestamp(rfc3339: time)!)
            let state = Consignor.fold(events)
            let erased = try? Consignor.erase(erase, .init(), calendar, now, state)
            #expect((erased != nil) == isOver, "\(time)")
        }
    }

    @Test func `the contact data goes at once, the tax identity when five full years are over`() {
        let declared = fact(.taxDeclared(.init(tax: ["tax_number": "1"])), at: days(-400))
        Given(Consignor.self, [fact(.registered(registered)), declared])
            .when { state throws(Consignor.Refused) in
                try Consignor.erase(erase, .init(), calendar, mine, state)
            }
            .then(
                fact(
                    .erased(
                        .init(
                            reason: .requested, scopes: ["contact"], taxKeptUntil: "2030-12-31",
                            backupsExpire: "2026-04-14")))
            )
            .thenState { $0?.status == .erased && $0?.contact == [:] && $0?.tax == ["tax_number": "1"] }
    }

    @Test func `without a tax identity, or after its time, nothing is kept`() {
        for events in [
            [fact(.registered(registered))],
            [fact(.registered(registered)), fact(.taxDeclared(.init(tax: ["country": "1"])), at: days(-3000))],
        ] {
            Given(Consignor.self, events)
                .when { state throws(Consignor.Refused) in
                    try Consignor.erase(erase, .init(), calendar, mine, state)
                }
                .then(
                    fact(
                        .erased(
                            .init(
                                reason: .requested, scopes: ["contact", "tax"], taxKeptUntil: nil,
                                backupsExpire: "2026-04-14")))
                )
                .thenState { $0?.tax == [:] && $0?.contact == [:] }
        }
    }

    @Test func `the erased are written to no more, and keep their number`() {
        let erased = fact(
            .erased(.init(reason: .mistake, scopes: [], taxKeptUntil: nil, backupsExpire: "2026-04-14")))
        Given(Consignor.self, [fact(.registered(registered)), erased])
            .when { state throws(Consignor.Refused) in try update(.init(contact: sealed(["name": "Eve"])), state) }
            .refuses(.erased)
        let before = Consignor.fold([fact(.registered(registered))])
        #expect(Consignor.claims(before: nil, after: before) == [.take(kind: "consignor_number", value: "K-1")])
        #expect(
            Consignor.claims(before: before, after: Consignor.fold([erased], from: before))
                == [
                    .absent(kind: "custody", prefix: "01890a5d-ac96-774b-bcce-b302099a8059/"),
                    .absent(kind: "consignor_contract", prefix: "consignor_01h455vb4pex5vsknk084sn02s/"),
                ])
    }

    @Test func `the state reads back as it was written`() throws {
        let state = Consignor.fold([
            fact(.registered(registered)), fact(.taxDeclared(.init(tax: ["country": "1"]))), balance(5, of: jan),
            fact(.termsAgreed(.init(document: "0a", method: "paper", agreedAt: noon))),
            fact(.absorbed(.init(consignors: [anna], balance: pln(3)))),
            fact(.erased(.init(reason: .mistake, scopes: ["contact"], taxKeptUntil: "2031-12-31", backupsExpire: "x"))),
        ])
        #expect(try Consignor.decode(Consignor.encode(state)) == state)
    }
}
