import EventSourcing
import Foundation
import JSON
import TestSupport

/// Holds what the clients recorded against what the database holds. Pure.
struct Checker {
    let evidence: Evidence
    let intents: [Recorded]
    /// What a tailing reader saw, from the first position on.
    let seen: [Tailer.Mark]

    private let outcomes: [Key: [Evidence.Outcome]]
    private let commands: [UUID: [Evidence.Event]]
    private let streams: [Evidence.Stream: [Evidence.Event]]

    private struct Key: Hashable {
        var tenant: UUID?
        var key: String
    }

    init(_ evidence: Evidence, _ intents: [Recorded], seen: [Tailer.Mark]) {
        self.evidence = evidence
        self.intents = intents
        self.seen = seen
        outcomes = Dictionary(grouping: evidence.outcomes) { Key(tenant: $0.stream.tenant, key: $0.key) }
        commands = Dictionary(grouping: evidence.events, by: \.command)
        streams = Dictionary(grouping: evidence.events, by: \.stream)
    }

    func violations() -> [Violation] {
        intentsHold() + outcomesHold() + positionsAndVersions() + statesHold() + projectionsHold() + tenantsHold()
            + orderHolds() + tailHolds()
    }

    /// Every ok exactly once and as it was answered, every fail absent, unknown zero or one.
    private func intentsHold() -> [Violation] {
        intents.flatMap { intent -> [Violation] in
            let request = intent.request
            let found = outcomes[Key(tenant: evidence.tenants[request.tenant], key: request.key)] ?? []
            let name = "\(request.method) \(request.path) with key \(request.key)"
            func violation(_ kind: Violation.Kind, _ what: String) -> Violation {
                Violation(kind, "\(name): \(what)", phase: intent.phase)
            }
            switch intent.outcome {
            case _ where found.count > 1: return [violation(.doubled, "\(found.count) outcomes")]
            case .fail(let status, let code) where !found.isEmpty:
                return [violation(.forged, "answered \(status) \(code), and it took effect")]
            case .fail, .unknown: return []
            case .ok(let answer):
                guard let outcome = found.first else { return [violation(.lost, "no outcome")] }
                let promised = answer["events"].arrayValue?.compactMap { $0["position"]?.integerValue } ?? []
                let events = commands[outcome.command] ?? []
                let there = events.map(\.position)
                if !Set(promised).isSubset(of: there) { return [violation(.lost, "events \(promised), not \(there)")] }
                if there.count > promised.count {
                    return [violation(.doubled, "events \(promised), not \(there)")]
                }
                let types = answer["events"].arrayValue?.compactMap { $0["type"]?.stringValue }
                let id = TypeID(prefix: outcome.stream.category, uuid: outcome.stream.id).description
                guard types == events.map(\.type), answer["id"].stringValue == id,
                    answer["version"].integerValue == outcome.version,
                    answer["position"].integerValue == outcome.position
                else { return [violation(.altered, "answered \(answer.text), and there is \(outcome)")] }
                return []
            }
        }
    }

    /// Every event belongs to an outcome, and an outcome's events stand together where it says.
    private func outcomesHold() -> [Violation] {
        let known = Dictionary(evidence.outcomes.map { ($0.command, $0) }) { first, _ in first }
        return commands.compactMap { command, events in
            let positions = events.map(\.position)
            guard let outcome = known[command] else {
                return Violation(.stray, "events \(positions) belong to no outcome")
            }
            guard let first = outcome.first, positions == Array(first...max(first, outcome.position)) else {
                return Violation(.doubled, "key \(outcome.key) has the events \(positions), by its outcome not so")
            }
            return nil
        }
    }

    private func positionsAndVersions() -> [Violation] {
        var violations: [Violation] = []
        for (index, event) in evidence.events.enumerated() where event.position != Int64(index) + 1 {
            violations.append(Violation(.gap, "position \(event.position) where \(index + 1) was due"))
            break
        }
        for (stream, events) in streams where events.map(\.version) != Array(1...Int64(events.count)) {
            violations.append(Violation(.version, "\(stream): \(events.map(\.version))"))
        }
        return violations
    }

    /// A row has the version of its stream's last event, and the position of the last event of the intent it came by.
    private func statesHold() -> [Violation] {
        var violations: [Violation] = []
        var missing = Set(streams.keys)
        for state in evidence.states {
            missing.remove(state.stream)
            guard let last = streams[state.stream]?.last else {
                violations.append(Violation(.state, "\(state.stream) has a row and no events"))
                continue
            }
            let position = commands[last.command]?.last?.position
            if state.version != last.version || state.position != position {
                violations.append(
                    Violation(.state, "\(state), and its last event is \(last.version) at \(last.position)"))
            }
        }
        return violations + missing.map { Violation(.state, "\($0) has events and no row") }
    }

    private func projectionsHold() -> [Violation] {
        evidence.projections.flatMap { name, projected -> [Violation] in
            guard let expected = projected.expected else {
                return [Violation(.projection, "\(name): the log cannot be folded")]
            }
            let wrong = Set(projected.rows).symmetricDifference(expected)
            return Dictionary(grouping: wrong, by: \.id).keys.map {
                Violation(.projection, "\(name): the row \($0.text) is not the fold of its events")
            }
        }
    }

    /// A stream is of one tenant wherever it appears, and an intent's events are of the tenant that asked.
    private func tenantsHold() -> [Violation] {
        var owners: [UUID: Set<UUID>] = [:]
        let places =
            streams.keys + evidence.states.map(\.stream) + evidence.outcomes.map(\.stream) + evidence.claims
        for place in places { owners[place.id, default: []].insert(place.tenant) }
        for projected in evidence.projections.values {
            for row in projected.rows { owners[row.id, default: []].insert(row.tenant) }
        }
        let shared = owners.filter { $0.value.count > 1 }.map {
            Violation(.foreign, "\($0.key.text) is of \($0.value.count) tenants")
        }
        let strayed = evidence.outcomes.flatMap { outcome in
            (commands[outcome.command] ?? []).filter { $0.stream.tenant != outcome.stream.tenant }.map {
                Violation(.foreign, "position \($0.position) is of another tenant than its intent")
            }
        }
        return shared + strayed
    }

    /// The log agrees with real time: what began after an acknowledgement stands after what was acknowledged.
    private func orderHolds() -> [Violation] {
        let events = intents.compactMap { intent -> (Recorded, first: Int64, last: Int64)? in
            guard let positions = intent.answer?["events"].arrayValue?.compactMap({ $0["position"]?.integerValue }),
                let first = positions.first, let last = positions.last
            else { return nil }
            return (intent, first, last)
        }
        let ended = events.sorted { $0.0.ended < $1.0.ended }
        var highest: Int64 = 0
        var next = 0
        return events.sorted { $0.0.started < $1.0.started }.compactMap { intent, first, _ in
            while next < ended.count, ended[next].0.ended < intent.started {
                highest = max(highest, ended[next].last)
                next += 1
            }
            guard first <= highest else { return nil }
            return Violation(
                .order, "position \(first) was begun after \(highest) had been acknowledged", phase: intent.phase)
        }
    }

    private func tailHolds() -> [Violation] {
        for (index, mark) in seen.enumerated() {
            guard index < evidence.events.count, evidence.events[index].mark == mark else {
                return [Violation(.tail, "what was seen at position \(index + 1) is not there any more")]
            }
        }
        return []
    }
}
