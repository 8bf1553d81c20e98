import EventSourcing
import Foundation

@testable import EventStore
@testable import Projector

/// What must hold once all is quiet.
struct Checks {
    let log: LogModel
    let table: TableModel
    let wishes: [(tenant: TenantID, wishes: [Wish])]
    let seen: [[UUID]]

    /// The first promise that was not kept.
    func run() -> Violation? {
        let checks = [historyHolds, wishesHold, nothingIsStray, statesHold, claimsHold, readersHold, projectionHolds]
        for check in checks { if let violation = check() { return violation } }
        return nil
    }

    private func historyHolds() -> Violation? {
        var versions: [LogModel.StreamKey: Int64] = [:]
        for (index, event) in log.events.enumerated() {
            guard event.position == Int64(index) + 1 else {
                return Violation(kind: .position, what: "\(event.position) where \(index + 1) was due")
            }
            let key = LogModel.StreamKey(tenant: event.tenant, stream: event.stream)
            let due = versions[key, default: 0] + 1
            guard event.version == due else {
                return Violation(kind: .version, what: "\(event.stream): \(event.version) where \(due) was due")
            }
            versions[key] = due
        }
        return nil
    }

    private func wishesHold() -> Violation? {
        let commands = Dictionary(grouping: log.events, by: \.commandID)
        for (tenant, wishes) in wishes {
            for wish in wishes {
                let outcomes = log.outcomes[LogModel.Key(tenant: tenant, key: wish.key)] ?? []
                let effects = wish.commandIDs.filter { commands[$0] != nil }
                guard outcomes.count <= 1, effects.count <= 1 else {
                    return Violation(kind: .doubled, what: "\(wish.key): \(effects.count) effects")
                }
                if let outcome = outcomes.first {
                    let positions = (commands[outcome.commandID] ?? []).map(\.position)
                    let promised = outcome.receipt.firstPosition.map { Array($0...outcome.receipt.position) } ?? []
                    guard positions == promised else {
                        return Violation(kind: .altered, what: "\(wish.key): \(positions), by its outcome \(promised)")
                    }
                }
                for answer in wish.answers {
                    if let violation = answerHolds(answer, wish, outcomes.first, effects) { return violation }
                }
            }
        }
        return nil
    }

    private func answerHolds(
        _ answer: Wish.Answer, _ wish: Wish, _ outcome: LogModel.Outcome?, _ effects: Set<UUID>
    ) -> Violation? {
        switch answer {
        case .appended(let receipt), .replayed(let receipt):
            guard let outcome else { return Violation(kind: .lost, what: "\(wish.key) was acknowledged") }
            guard outcome.receipt == receipt else {
                return Violation(kind: .altered, what: "\(wish.key): \(receipt), and there is \(outcome.receipt)")
            }
        case .refused(let reason):
            guard wish.isInDoubt || (outcome == nil && effects.isEmpty) else {
                return Violation(kind: .forged, what: "\(wish.key) was refused: \(reason)")
            }
        case .unknown: break
        }
        return nil
    }

    private func nothingIsStray() -> Violation? {
        let known = Set(wishes.flatMap(\.wishes).flatMap(\.commandIDs))
        let outcomes = Set(log.outcomes.values.flatMap { $0 }.map(\.commandID))
        for event in log.events where !known.contains(event.commandID) || !outcomes.contains(event.commandID) {
            return Violation(kind: .stray, what: "position \(event.position)")
        }
        return nil
    }

    /// The operational state of each stream is the fold of its events.
    private func statesHold() -> Violation? {
        var folded: [LogModel.StreamKey: (version: Int64, state: Piece.State)] = [:]
        for event in log.events {
            let key = LogModel.StreamKey(tenant: event.tenant, stream: event.stream)
            var (version, state) = folded[key] ?? (0, Piece.initial)
            version = event.version
            if let known = Piece.Event(event.type, event.data) { Piece.evolve(&state, known) }
            folded[key] = (version, state)
        }
        for (key, stored) in log.states {
            guard let (version, state) = folded[key], version == stored.version, state == Piece.State(stored.json)
            else {
                return Violation(kind: .version, what: "the state of \(key.stream) is not the fold of its events")
            }
        }
        return nil
    }

    /// A name is held by one piece, which has it.
    private func claimsHold() -> Violation? {
        var holders: [LogModel.ClaimKey: StreamID] = [:]
        for (key, stored) in log.states {
            let state = Piece.State(stored.json)
            guard state.buyer == nil, let name = state.name else { continue }
            let claim = LogModel.ClaimKey(tenant: key.tenant, kind: "name", value: name)
            guard holders.updateValue(key.stream, forKey: claim) == nil else {
                return Violation(kind: .claim, what: "\(name) is held twice")
            }
        }
        return holders == log.claims ? nil : Violation(kind: .claim, what: "claims are not what the pieces hold")
    }

    private func readersHold() -> Violation? {
        let commands = log.events.map(\.commandID)
        for (number, seen) in seen.enumerated() where seen != commands {
            return Violation(kind: .tail, what: "reader \(number + 1) has not seen the log as it is")
        }
        return nil
    }

    /// Each row is the fold of its group's events, in order, each once; a group with a spoiled event ends before it.
    private func projectionHolds() -> Violation? {
        var groups: [GroupKey: Pieces.Group] = [:]
        var parked: Set<GroupKey> = []
        var waiting: [Int64] = []
        for event in log.events.map(Server.event) {
            let key = GroupKey(tenant: event.tenant, id: event.stream.id)
            var group = groups[key] ?? Pieces.empty
            if parked.contains(key) || (try? Pieces.apply(event, to: &group)) == nil {
                parked.insert(key)
                waiting.append(event.position)
            } else {
                groups[key] = group
            }
        }
        for key in Set(groups.keys).union(table.rows.keys) {
            let expected = Pieces.outputs(of: groups[key] ?? Pieces.empty, key, changedAfter: 0).first
            guard table.rows[key] == expected else {
                let found = table.rows[key]?.group.positions ?? []
                let due = expected?.group.positions ?? []
                return Violation(kind: .projection, what: "\(key.id): \(found), and by its events \(due)")
            }
        }
        let found = table.parked.map(\.event.position)
        guard found == waiting else {
            return Violation(kind: .projection, what: "parked are \(found), and should be \(waiting)")
        }
        return nil
    }
}

extension Piece.Event {
    init?(_ type: String, _ data: [UInt8]) {
        let value = String(decoding: data, as: UTF8.self).split(separator: ":").last.map {
            $0.trimmingCharacters(in: CharacterSet(charactersIn: "\"}"))
        }
        switch (type, value) {
        case ("Received", let name?): self = .received(name: name)
        case ("Priced", let price?): self = .priced(Int64(price) ?? 0)
        case ("Sold", let buyer?): self = .sold(buyer: buyer)
        default: return nil
        }
    }
}
