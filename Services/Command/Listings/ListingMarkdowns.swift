import Documents
import EventSourcing
import Events
import Foundation
import JSON

/// Prices that fall by themselves, as a contract's plan has it.
extension Listing {
    /// With the first publication, and when the contract is amended: the steps, and when they are due.
    static func plan(
        _ coverage: Coverage?, _ terms: Terms, _ stamp: Stamp, _ state: State
    ) throws(Refused) -> [Event] {
        guard let listing = state, listing.status.isOpen, let published = listing.publishedAt, let coverage else {
            return []
        }
        let steps = coverage.markdowns.map { step in
            PlannedMarkdown(
                dueAt: terms.days.start(of: -Int(step.afterDays), before: published), percent: step.percent,
                bearer: step.bearer)
        }
        guard steps != listing.plan || coverage.floor != listing.floor else { return [] }
        return stamp.facts(
            .markdownPlanned(
                ListingMarkdownPlanned(
                    itemID: listing.itemID, contractID: coverage.contractID, floor: coverage.floor, steps: steps)))
    }

    /// Every step whose time has come, each by itself, so that it is known who bears what. Nothing where the price is as
    /// low already: somebody has lowered it, or the floor is reached.
    static func markDown(_ terms: Terms, _ stamp: Stamp, _ state: State) throws(Refused) -> [Event] {
        let listing = try existing(state)
        guard listing.status.isOpen, let base = listing.base else { return [] }
        var events: [Event] = []
        var current = listing
        for step in listing.plan where step.dueAt <= stamp.at {
            let price = Markdown.price(of: base, percent: step.percent, floor: listing.floor)
            guard price.amount < current.price.amount else { continue }
            let event = ListingEvent.priceChanged(
                ListingPriceChanged(
                    itemID: listing.itemID, price: price, previous: current.price,
                    lowestPrice30d: lowestPrice(before: price, current, terms, stamp.at),
                    markdown: ListingMarkdown(percent: step.percent, bearer: step.bearer)))
            current.apply(event, at: stamp.at)
            events += stamp.facts(event)
        }
        return events
    }

    /// Each step is looked at when its time comes; what it then says is the plan's that is in force.
    static func reactions(to event: Event, _ state: State) -> [Reaction] {
        guard case .markdownPlanned(let planned) = event.event else { return [] }
        let subject = TypeID(prefix: prefix, uuid: event.id)
        return planned.steps.map { .intent(.markdown, on: subject, at: $0.dueAt) }
    }

    /// A step is due. What it did is kept as a decision, with what it rests on.
    static let markdownDue: DueHandler = { call, decision in
        let stamp = Stamp(id: call.id, at: call.at)
        let listing = try await decision.load(Listing.self, call.id)
        let events = try markDown(call.terms, stamp, listing.state)
        decision.append(events, to: listing)
        guard !events.isEmpty, let before = listing.state, let base = before.base else { return }
        let evidence = [EventLink(prefix, call.id, at: listing.version)]
        let last = events.compactMap { event in
            if case .priceChanged(let changed) = event.event { changed } else { nil }
        }.last
        decision.record(
            DecisionMade(
                kind: .markdown, subject: TypeID(prefix: prefix, uuid: call.id), itemID: before.itemID,
                outcome: "marked_down",
                inputs: [
                    "base": base.json, "from": before.price.json, "to": last?.price.json ?? .null,
                    "floor": before.floor?.json ?? .null, "due_at": .string(call.dueAt.rfc3339),
                ],
                rules: [
                    RuleOutcome(
                        "step_is_due", held: true,
                        reason: "\(last?.markdown?.percent ?? 0) % are off since \(call.dueAt.rfc3339)",
                        evidence: evidence),
                    RuleOutcome(
                        "not_below_floor", held: true,
                        reason: before.floor.map { "the minimum price is \($0)" } ?? "there is no minimum price",
                        evidence: evidence),
                ]),
            Stamp(id: call.fresh[0], at: call.at))
    }
}
