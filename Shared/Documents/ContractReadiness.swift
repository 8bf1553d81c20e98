public import EventSourcing
public import Events
public import Foundation

/// Whether a contract can be activated: named rules, each asked, in this order, whatever the others say.
///
/// Pure: what the rules know is what they are given, and the same gives the same.
public enum ContractReadiness {
    /// What the rules ask about.
    public struct Facts: Sendable {
        public var contract: ContractRecord
        /// nil: there is none.
        public var consignor: ConsignorRecord?
        /// Those of the contract's items that exist.
        public var items: [UUID: ItemRecord]
        public var now: Timestamp

        public init(contract: ContractRecord, consignor: ConsignorRecord?, items: [UUID: ItemRecord], now: Timestamp) {
            self.contract = contract
            self.consignor = consignor
            self.items = items
            self.now = now
        }
    }

    public static func evaluate(_ facts: Facts) -> ContractReadinessEvaluated {
        let rules = [
            termsAreSet(facts), tiersCoverEveryPrice(facts), hasItems(facts), consignorIsActive(facts),
            consignorHasAgreed(facts), itemsAreTheConsignors(facts), isSigned(facts),
        ]
        return ContractReadinessEvaluated(isReady: rules.allSatisfy(\.held), rules: rules)
    }

    private static func termsAreSet(_ facts: Facts) -> RuleOutcome {
        guard let terms = facts.contract.versions.last else {
            return RuleOutcome("terms_are_set", held: false, reason: "no terms were set")
        }
        return RuleOutcome(
            "terms_are_set", held: true, reason: "terms were set", evidence: [facts.link(terms.version)])
    }

    private static func tiersCoverEveryPrice(_ facts: Facts) -> RuleOutcome {
        let rule = "tiers_cover_every_price"
        guard let terms = facts.contract.versions.last else {
            return RuleOutcome(rule, held: false, reason: "there are no tiers")
        }
        let gaps = facts.contract.items.filter { $0.item.tiers.map { $0.first?.from.amount != 0 } ?? false }
        guard terms.terms.tiers.first?.from.amount == 0, gaps.isEmpty else {
            return RuleOutcome(
                rule, held: false, reason: "a price below the first tier has no split",
                evidence: [facts.link(terms.version)] + gaps.map { facts.link($0.version) })
        }
        return RuleOutcome(
            rule, held: true, reason: "the first tier begins at 0", evidence: [facts.link(terms.version)])
    }

    private static func hasItems(_ facts: Facts) -> RuleOutcome {
        let versions = Set(facts.contract.items.map(\.version)).sorted()
        return RuleOutcome(
            "has_items", held: !versions.isEmpty,
            reason: versions.isEmpty ? "there is no item on it" : "items on it: \(facts.contract.items.count)",
            evidence: versions.map(facts.link))
    }

    private static func consignorIsActive(_ facts: Facts) -> RuleOutcome {
        let rule = "consignor_is_active"
        guard let consignor = facts.consignor else {
            return RuleOutcome(rule, held: false, reason: "there is no such consignor")
        }
        return RuleOutcome(
            rule, held: consignor.status == .active, reason: "the consignor is \(consignor.status.rawValue)",
            evidence: [EventLink("consignor", consignor.id, at: consignor.version)])
    }

    private static func consignorHasAgreed(_ facts: Facts) -> RuleOutcome {
        let rule = "consignor_has_agreed_to_terms"
        guard let consignor = facts.consignor, let terms = consignor.terms.last else {
            return RuleOutcome(rule, held: false, reason: "the consignor has agreed to no terms of the shop")
        }
        return RuleOutcome(
            rule, held: true, reason: "agreed at \(terms.agreedAt.rfc3339)",
            evidence: [EventLink("consignor", consignor.id, at: consignor.version)])
    }

    private static func itemsAreTheConsignors(_ facts: Facts) -> RuleOutcome {
        let rule = "items_are_the_consignors"
        var wrong: [UUID] = []
        var evidence: [EventLink] = []
        for id in facts.contract.items.map(\.item.itemID) {
            guard let item = facts.items[id] else {
                wrong.append(id)
                continue
            }
            if item.isDeleted || item.titleHolder != .consignor || !facts.isTheirs(item.consignorID) {
                wrong.append(id)
            }
            evidence.append(EventLink("item", id, at: item.version))
        }
        let names = wrong.prefix(10).map { TypeID(prefix: "item", uuid: $0).description }.joined(separator: ", ")
        return RuleOutcome(
            rule, held: wrong.isEmpty,
            reason: wrong.isEmpty ? "each is this consignor's" : "not this consignor's, or gone: \(names)",
            evidence: Array(evidence.prefix(100)))
    }

    private static func isSigned(_ facts: Facts) -> RuleOutcome {
        guard let signature = facts.contract.signature else {
            return RuleOutcome("is_signed", held: false, reason: "nobody has signed it")
        }
        guard facts.contract.isSignedAsItIs else {
            let later = facts.contract.items.map(\.version).filter { $0 > signature.version }
            return RuleOutcome(
                "is_signed", held: false, reason: "what is on it was changed after it was signed",
                evidence: ([signature.version] + Set(later).sorted()).map(facts.link))
        }
        return RuleOutcome(
            "is_signed", held: true, reason: "signed at \(signature.signed.at.rfc3339)",
            evidence: [facts.link(signature.version)])
    }
}

extension ContractReadiness.Facts {
    /// Whether things of this consignor are the contract's: of its own, or of one for whom they go on.
    fileprivate func isTheirs(_ owner: UUID?) -> Bool {
        owner == contract.consignorID || owner.map { consignor?.absorbed.contains($0) ?? false } ?? false
    }

    fileprivate func link(_ version: Int64) -> EventLink { EventLink("contract", contract.id, at: version) }
}
