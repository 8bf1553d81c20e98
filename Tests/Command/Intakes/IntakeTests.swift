import Documents
import EventSourcing
import Events
import Foundation
import JSON
import TestSupport
import Testing

@testable import Command

let intakeID = UUID(uuidString: "01890a5d-ac96-774b-bcce-b302099a8071")!
private let shelf = UUID(uuidString: "01890a5d-ac96-774b-bcce-b302099a8061")!
private let cellar = UUID(uuidString: "01890a5d-ac96-774b-bcce-b302099a8062")!
private let anna = UUID(uuidString: "01890a5d-ac96-774b-bcce-b302099a8063")!
private let bag = UUID(uuidString: "01890a5d-ac96-774b-bcce-b302099a8081")!
private let belt = UUID(uuidString: "01890a5d-ac96-774b-bcce-b302099a8082")!
private let intakeStamp = Stamp(id: intakeID, at: noon)

private func fact(_ event: IntakeEvent) -> Intake.Event { Fact(id: intakeID, at: noon, event: event) }

private let opened = fact(.opened(IntakeOpened(locationID: shelf, consignorID: anna, note: "two bags")))
private let entered = fact(
    .itemsAdded(
        IntakeItemsAdded(entries: [
            .init(
                itemID: bag, values: ["title": "Bag", "condition": "good"],
                acquisition: ItemAcquisition(legalBasis: .commissionSale),
                suggestions: ["title": ["source": "vision", "decision": "accepted"]]),
            .init(itemID: belt, values: ["title": "Belt", "condition": "ungraded", "sku": "B-1"]),
        ])))
private let submitted = [opened, entered, fact(.submitted)]

private func accept(_ item: UUID, at location: UUID? = nil) -> Intake.Verdict {
    .init(itemID: item, outcome: .accepted(location))
}

private func reject(_ item: UUID) -> Intake.Verdict { .init(itemID: item, outcome: .rejected("torn", .toReturn)) }

private func send(_ item: UUID) -> Intake.Verdict { .init(itemID: item, outcome: .needsAuthentication("Entrupy")) }

private func receive(_ verdicts: Intake.Verdict...) -> (Intake.State) throws(Intake.Refused) -> [Intake.Event] {
    { state throws(Intake.Refused) in
        try Intake.receive(verdicts, skus: { _ in "2603-00001" }, intakeStamp, state).events
    }
}

@Suite struct IntakeTests {
    @Test func `it is opened for a consignor at a location`() {
        Given(Intake.self)
            .when { state throws(Intake.Refused) in
                try Intake.open(
                    .init(locationID: shelf, consignorID: anna, note: "two bags"), intakeStamp, state)
            }
            .then(opened)
            .thenState { $0?.status == "open" && $0?.consignorID == anna && $0?.version == 1 }
    }

    @Test func `things are entered while it is open`() {
        guard case .itemsAdded(let event) = entered.event else { return }
        Given(Intake.self, [opened])
            .when { state throws(Intake.Refused) in try Intake.add(event.entries, warsaw, intakeStamp, state) }
            .then(entered)
            .thenState { $0?.lines.map(\.title) == ["Bag", "Belt"] && $0?.lines.map(\.sku) == [nil, "B-1"] }
        Given(Intake.self, submitted)
            .when { state throws(Intake.Refused) in try Intake.add(event.entries, warsaw, intakeStamp, state) }
            .refuses(.notOpen(.submitted))
        Given(Intake.self)
            .when { state throws(Intake.Refused) in try Intake.add(event.entries, warsaw, intakeStamp, state) }
            .refuses(.unknown)
    }

    @Test func `it holds so many and no more`() {
        let many = (0..<Intake.lineLimit).map {
            IntakeItemsAdded.Entry(itemID: UUID(bits: UInt128($0)), values: ["title": "x", "condition": "good"])
        }
        Given(Intake.self, [opened, entered])
            .when { state throws(Intake.Refused) in try Intake.add(many, warsaw, intakeStamp, state) }
            .refuses(.full)
        let large = [
            IntakeItemsAdded.Entry(
                itemID: bag,
                values: ["title": .string(String(repeating: "x", count: Intake.byteLimit)), "condition": "good"])
        ]
        Given(Intake.self, [opened])
            .when { state throws(Intake.Refused) in try Intake.add(large, warsaw, intakeStamp, state) }
            .refuses(.full)
    }

    @Test func `prices of another currency are pointed at`() {
        let price = Money(amount: 100, currency: euro)!
        let entry = IntakeItemsAdded.Entry(
            itemID: bag, values: ["title": "x", "condition": "good"], acquisition: ItemAcquisition(price: price))
        let decision = Given(Intake.self, [opened])
            .when { state throws(Intake.Refused) in try Intake.add([entry, entry], warsaw, intakeStamp, state) }
        decision.refuses(.currency("/items/0/acquisition/price/currency", euro, not: zloty))
    }

    @Test func `what was entered is put right, and only what differs is told`() {
        func change(_ changes: JSONObject) -> (Intake.State) throws(Intake.Refused) -> [Intake.Event] {
            { state throws(Intake.Refused) in
                try Intake.change(.init(itemID: bag, changes: changes), warsaw, intakeStamp, state)
            }
        }
        Given(Intake.self, submitted).when(change(["title": "Bag", "brand": "Gucci", "size": .null]))
            .then(fact(.itemChanged(IntakeItemChanged(itemID: bag, changes: ["brand": "Gucci"]))))
            .thenState { $0?.lines.first?.values["brand"] == "Gucci" }
        Given(Intake.self, submitted).when(change(["photos": [], "attributes": [:]])).thenNothing()
        Given(Intake.self, submitted + [fact(.itemRejected(.init(itemID: bag, reason: "x", fate: .donate)))])
            .when(change(["brand": "x"])).refuses(.decided("", .rejected))
    }

    @Test func `it is submitted with something in it, and cancelled before anything is decided`() {
        func submit(_ state: Intake.State) throws(Intake.Refused) -> [Intake.Event] {
            try Intake.submit(intakeStamp, state)
        }
        func cancel(_ state: Intake.State) throws(Intake.Refused) -> [Intake.Event] {
            try Intake.cancel(reason: nil, intakeStamp, state)
        }
        Given(Intake.self, [opened]).when(submit).refuses(.empty)
        Given(Intake.self, [opened, entered]).when(submit).then(fact(.submitted))
        Given(Intake.self, submitted).when(submit).thenNothing()
        Given(Intake.self, submitted).when(cancel).then(fact(.cancelled(IntakeCancelled())))
            .thenState { $0?.status == "cancelled" }
        Given(Intake.self, submitted + [fact(.itemSentToAuthenticator(.init(itemID: bag, authenticator: "E")))])
            .when(cancel).refuses(.begun)
        Given(Intake.self, [opened, fact(.cancelled(IntakeCancelled()))]).when(submit).refuses(.cancelled)
    }

    // MARK: - Receiving

    @Test func `what is accepted becomes an item with a SKU, its own or the next`() throws {
        let state = Intake.fold(submitted)
        #expect(Intake.needingSKU([accept(bag), accept(belt)], state) == [bag])
        let received = try Intake.receive(
            [accept(bag, at: cellar), accept(belt)], skus: { $0 == bag ? "2603-00001" : nil }, intakeStamp, state)
        #expect(
            received.events == [
                fact(.itemAccepted(.init(itemID: bag, sku: "2603-00001", locationID: cellar))),
                fact(.itemAccepted(.init(itemID: belt, sku: "B-1", locationID: shelf))),
            ])
        #expect(received.items.map(\.id) == [bag, belt])
        let item = Item.fold(try Item.receive(received.items[0].receive, Stamp(id: bag, at: noon), nil))
        #expect(item?.consignorID == anna && item?.titleHolder == .consignor && item?.locationID == cellar)
        #expect(item?.sku == "2603-00001")
        let event = try #require(try Item.receive(received.items[0].receive, Stamp(id: bag, at: noon), nil).first)
        let data = try JSONValue(parsing: event.bytes)
        #expect(data["acquisition"] == ["legal_basis": "commission_sale"])
        #expect(data["suggestions"]?["title"]?["source"] == "vision")
        #expect(data["intake_id"] != nil)

        let after = Intake.fold(received.events, from: state)
        #expect(after?.status == "completed")
        let again = try Intake.receive([accept(bag), accept(belt)], skus: { _ in nil }, intakeStamp, after)
        #expect(again == Intake.Received())
    }

    @Test func `nothing is received before it is submitted, and nothing twice in another way`() {
        Given(Intake.self, [opened, entered]).when(receive(accept(bag))).refuses(.notSubmitted(.open))
        Given(Intake.self, submitted).when(receive(accept(bag), accept(itemID)))
            .refuses(.itemUnknown("/items/1/item_id"))
        Given(Intake.self, submitted).when(receive(reject(belt), reject(bag), accept(belt)))
            .refuses(.decided("/items/2", .rejected))
        Given(Intake.self, submitted).when(receive(reject(bag), reject(bag)))
            .then(fact(.itemRejected(.init(itemID: bag, reason: "torn", fate: .toReturn))))
    }

    @Test func `two things of an intake never get one SKU`() {
        Given(Intake.self, [opened, entered, fact(.itemChanged(.init(itemID: bag, changes: ["sku": "B-1"])))])
            .when { state throws(Intake.Refused) in
                let submitted = Intake.fold(try Intake.submit(intakeStamp, state), from: state)
                return try Intake.receive([accept(bag), accept(belt)], skus: { _ in nil }, intakeStamp, submitted)
                    .events
            }
            .refuses(.skuTwice("/items/1", "B-1"))
    }

    @Test func `an authenticator has it until the report comes, and a counterfeit is not accepted`() {
        let away = fact(.itemSentToAuthenticator(.init(itemID: bag, authenticator: "Entrupy")))
        func found(_ outcome: IntakeItemAuthenticated.Outcome) -> IntakeItemAuthenticated {
            .init(
                itemID: bag, outcome: outcome, report: .init(sha256: "00", reference: "R-1"), cost: pln(900),
                bearer: .consignor)
        }
        func report(
            _ outcome: IntakeItemAuthenticated.Outcome
        ) -> (Intake.State) throws(Intake.Refused) -> [Intake.Event] {
            { state throws(Intake.Refused) in
                try Intake.authenticated(found(outcome), warsaw, intakeStamp, state)
            }
        }
        Given(Intake.self, submitted).when(receive(send(bag))).then(away)
            .thenState { $0?.lines[0].status == .atAuthenticator && $0?.lines[0].authenticator == "Entrupy" }
        Given(Intake.self, submitted).when(report(.authentic)).refuses(.notAtAuthenticator(.entered))
        Given(Intake.self, submitted + [away]).when(receive(accept(bag))).refuses(
            .decided("/items/0", .atAuthenticator))
        Given(Intake.self, submitted + [away]).when(report(.authentic))
            .then(fact(.itemAuthenticated(found(.authentic))))
        let authentic = submitted + [away, fact(.itemAuthenticated(found(.authentic)))]
        Given(Intake.self, authentic).when(report(.authentic)).thenNothing()
        Given(Intake.self, authentic).when(receive(accept(bag))).then(
            fact(.itemAccepted(.init(itemID: bag, sku: "2603-00001", locationID: shelf))))
        let counterfeit = submitted + [away, fact(.itemAuthenticated(found(.counterfeit)))]
        Given(Intake.self, counterfeit).when(receive(accept(bag))).refuses(.counterfeit("/items/0"))
        Given(Intake.self, counterfeit).when(receive(reject(bag))).then(
            fact(.itemRejected(.init(itemID: bag, reason: "torn", fate: .toReturn))))
    }

    @Test func `it is completed once what was rejected has gone its way`() {
        func settle(_ state: Intake.State) throws(Intake.Refused) -> [Intake.Event] {
            try Intake.settle(bag, intakeStamp, state)
        }
        let decided =
            submitted + [
                fact(.itemAccepted(.init(itemID: belt, sku: "B-1", locationID: shelf))),
                fact(.itemRejected(.init(itemID: bag, reason: "torn", fate: .toReturn))),
            ]
        Given(Intake.self, decided).thenState { $0?.status == "submitted" }
        Given(Intake.self, submitted).when(settle).refuses(.notRejected(.entered))
        Given(Intake.self, decided).when(settle).then(fact(.itemSettled(.init(itemID: bag))))
            .thenState { $0?.status == "completed" }
    }

    // MARK: - Storage

    @Test func `what lies here of a consignor's is in custody until all of it is settled`() {
        let claim = "\(anna.claimed)/\(intakeID.claimed)"
        let open = Intake.fold([opened])
        #expect(Intake.claims(before: nil, after: open) == [.take(kind: "custody", value: claim)])
        let cancelled = Intake.fold([fact(.cancelled(IntakeCancelled()))], from: open)
        #expect(Intake.claims(before: open, after: cancelled) == [.release(kind: "custody", value: claim)])
        let own = Intake.fold([fact(.opened(IntakeOpened(locationID: shelf)))])
        #expect(Intake.claims(before: nil, after: own) == [])
    }

    @Test func `the stored state is read back, and the document names everything`() throws {
        let state = Intake.fold(
            submitted + [
                fact(.itemSentToAuthenticator(.init(itemID: bag, authenticator: "Entrupy"))),
                fact(
                    .itemAuthenticated(
                        .init(
                            itemID: bag, outcome: .inconclusive, report: .init(sha256: "00", reference: "R"),
                            cost: pln(1), bearer: .shared))),
                fact(.itemRejected(.init(itemID: belt, reason: "torn", fate: .dispose))),
            ])
        #expect(try Intake.decode(Intake.encode(state)) == state)
        let document = try JSONValue(parsing: try #require(state).document)
        #expect(document["status"] == "submitted")
        #expect(document["items"]?[0]?["authentication"]?["outcome"] == "inconclusive")
        #expect(document["items"]?[0]?["photos"] == [])
        #expect(document["items"]?[1]?["fate"] == "dispose")
        #expect(document["items"]?[1]?["brand"] == .null)
        #expect(state?.texts.compactMap(\.self) == ["two bags", "Bag", "Belt", "B-1"])
    }
}

@Suite struct `Fields of intakes` {
    private func errors(_ body: () throws -> Void) -> [String] {
        do { try body() } catch let invalid as InvalidFields {
            return invalid.errors.map { "\($0.pointer) \($0.code.rawValue)" }.sorted()
        } catch {}
        return []
    }

    private let ids = [bag, belt]

    @Test func `one thing or many are entered, without a condition ungraded`() throws {
        let one = try IntakeFields.entries(try body(#"{"title": " Bag "}"#), ids: ids)
        #expect(one == [.init(itemID: bag, values: ["title": "Bag", "condition": "ungraded"])])
        let two = try IntakeFields.entries(
            try body(#"{"items": [{"title": "a"}, {"title": "b", "condition": "good"}]}"#), ids: ids)
        #expect(two.map(\.itemID) == ids)
    }

    @Test func `all that is wrong is said at once, with its place`() throws {
        let body = try body(
            """
            {"items": [{"title": ""}, {"title": "b", "acquisition": {"legal_basis": "theft", "date": "2026-02-30"},
             "suggestions": {"brand": {"source": "v", "decision": "accepted", "confidence": 1.5}, "price": {}}}],
             "note": 1}
            """)
        #expect(
            errors { _ = try IntakeFields.entries(body, ids: ids) } == [
                "/items/0/title empty", "/items/1/acquisition/date invalid",
                "/items/1/acquisition/legal_basis invalid", "/items/1/suggestions/brand/confidence out_of_range",
                "/items/1/suggestions/price unknown_field", "/note unknown_field",
            ])
    }

    @Test func `verdicts have what belongs to their outcome`() throws {
        let item = TypeID(prefix: "item", uuid: bag).description
        let verdicts = try IntakeFields.verdicts(
            try body(
                #"{"items": [{"item_id": "\#(item)", "outcome": "rejected", "reason": "torn", "fate": "return"}]}"#))
        #expect(verdicts == [reject(bag)])
        let wrong = try body(
            """
            {"items": [{"item_id": "\(item)", "outcome": "accepted", "reason": "x"}, {"outcome": "rejected"},
             {"item_id": "\(item)", "outcome": "maybe"}]}
            """)
        #expect(
            errors { _ = try IntakeFields.verdicts(wrong) } == [
                "/items/0/reason unknown_field", "/items/1/fate required", "/items/1/item_id required",
                "/items/1/reason required", "/items/2/outcome invalid",
            ])
        #expect(errors { _ = try IntakeFields.verdicts(["items": []]) } == ["/items empty"])
    }

    @Test func `a cost has a bearer, and a report a digest`() throws {
        let body = try body(
            """
            {"outcome": "authentic", "report": {"sha256": "ABC", "reference": "R"},
             "cost": {"amount": 1, "currency": "PLN"}}
            """)
        #expect(
            errors { _ = try IntakeFields.authentication(of: bag, body) } == [
                "/bearer required", "/report/sha256 invalid",
            ])
    }
}

/// As `Any story of an item`, of an intake and the items that come of it.
@Suite struct `Any story of an intake` {
    @Test(arguments: 1...30 as ClosedRange<UInt64>)
    func `stays within the tables, and is told again byte for byte`(seed: UInt64) throws {
        var chance = SplitMix(seed: seed)
        var log: [Intake.Event] = []
        var state = Intake.initial
        var items: Set<UUID> = []
        for step in 0..<100 {
            let at = Stamp(id: intakeID, at: noon + .seconds(step))
            let before = state
            guard let received = try? Self.decide(&chance, at, state, step) else { continue }
            for event in received.events {
                let next = Intake.fold([event], from: state)
                Self.check(state, next, seed: seed, step: step)
                state = next
            }
            log += received.events
            for (id, _) in received.items { #expect(items.insert(id).inserted, "seed \(seed): twice an item") }
            let held = before?.custodyClaim != state?.custodyClaim
            #expect(Intake.claims(before: before, after: state).isEmpty == !held, "seed \(seed)")
        }
        #expect(!log.isEmpty)
        #expect(Set(state?.lines.filter { $0.status == .accepted }.map(\.itemID) ?? []) == items, "seed \(seed)")
        let replayed = Intake.fold(
            try log.map { fact in
                Fact(
                    id: fact.id, at: fact.at,
                    event: try IntakeEvent(
                        type: fact.type, schema: fact.schema, data: try JSONValue(parsing: fact.bytes).canonical))
            })
        #expect(Intake.encode(replayed) == Intake.encode(state), "seed \(seed)")
        #expect(try Intake.decode(Intake.encode(state)) == state, "seed \(seed)")
    }

    private static func check(_ before: Intake.State, _ after: Intake.State, seed: UInt64, step: Int) {
        guard let before, let after else { return }
        let isAllowed =
            before.stage == after.stage || IntakeTransitions.intake.allows(before.stage, after.stage)
        #expect(isAllowed, "seed \(seed), step \(step): \(before.stage) → \(after.stage)")
        for line in before.lines {
            guard let place = after.place(of: line.itemID) else {
                #expect(before.stage == .open, "seed \(seed), step \(step): a thing vanished")
                continue
            }
            let now = after.lines[place].status
            #expect(
                line.status == now || IntakeTransitions.item.allows(line.status, now),
                "seed \(seed), step \(step): \(line.status) → \(now)")
        }
    }

    private static func decide(
        _ chance: inout SplitMix, _ stamp: Stamp, _ state: Intake.State, _ step: Int
    ) throws -> Intake.Received {
        let any = state?.lines.randomElement(using: &chance)?.itemID ?? bag
        let verdicts = (0..<3).map { _ -> Intake.Verdict in
            let item = state?.lines.randomElement(using: &chance)?.itemID ?? bag
            return [accept(item), reject(item), send(item)].randomElement(using: &chance)!
        }
        let outcome = IntakeItemAuthenticated.Outcome.allCases.randomElement(using: &chance)!
        switch Int.random(in: 0..<100, using: &chance) {
        case ..<15:
            return .init(events: try Intake.open(.init(locationID: shelf, consignorID: anna), stamp, state))
        case ..<35:
            let entry = IntakeItemsAdded.Entry(
                itemID: UUID(bits: UInt128(step + 1)), values: ["title": "x", "condition": "good"])
            return .init(events: try Intake.add([entry], warsaw, stamp, state))
        case ..<40:
            return .init(
                events: try Intake.change(
                    .init(itemID: any, changes: ["brand": .string("\(step)")]), warsaw, stamp, state))
        case ..<43: return .init(events: try Intake.remove(any, stamp, state))
        case ..<48: return .init(events: try Intake.submit(stamp, state))
        case 48: return .init(events: try Intake.cancel(reason: nil, stamp, state))
        case ..<60:
            return .init(
                events: try Intake.authenticated(.init(itemID: any, outcome: outcome), warsaw, stamp, state))
        case ..<70: return .init(events: try Intake.settle(any, stamp, state))
        default:
            return try Intake.receive(verdicts, skus: { "S-\($0.bits)" }, stamp, state)
        }
    }
}
