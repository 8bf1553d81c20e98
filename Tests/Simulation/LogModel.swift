import EventSourcing
import Foundation
import Postgres

@testable import EventStore

/// The log in memory, as `main.append` writes it (`deploy/migrations/0003_append.sql`): one batch after the other, all
/// or nothing, contiguous positions, nothing left of what is rejected. `LogContractTests` hold it against the function.
struct LogModel {
    struct Event: Equatable {
        var position: Int64
        var tenant: TenantID
        var stream: StreamID
        var version: Int64
        var type: String
        var data: [UInt8]
        var commandID: UUID
        var recordedAt: Timestamp
    }

    struct State: Equatable {
        var version: Int64
        var position: Int64
        var json: [UInt8]
    }

    struct Outcome: Equatable {
        var commandID: UUID
        var fingerprint: [UInt8]
        var receipt: Receipt
        /// Since 1970.
        var day: Int64
    }

    struct StreamKey: Hashable {
        var tenant: TenantID
        var stream: StreamID
    }

    struct Key: Hashable {
        var tenant: TenantID
        var key: String
    }

    struct ClaimKey: Hashable {
        var tenant: TenantID
        var kind: String
        var value: String
    }

    /// What may become of an intent. Where several streams have moved, or several claims are held, which of them is
    /// told is the database's choice.
    enum Verdict {
        case appended
        case replayed(Outcome)
        case conflict([(stream: StreamID, actual: Int64)])
        case claimed([(key: ClaimKey, holder: StreamID)])
    }

    private(set) var events: [Event] = []
    private(set) var states: [StreamKey: State] = [:]
    /// One for each day.
    private(set) var outcomes: [Key: [Outcome]] = [:]
    private(set) var claims: [ClaimKey: StreamID] = [:]
    /// What a sabotaged log does not look at.
    var ignoresOutcomes = false
    var ignoresVersions = false
    var ignoresClaims = false

    var head: Int64 { Int64(events.count) }

    /// The newest under the key, of whatever day.
    func outcome(_ tenant: TenantID, _ key: String) -> Outcome? { outcomes[Key(tenant: tenant, key: key)]?.last }

    func state(_ tenant: TenantID, _ stream: StreamID) -> State? {
        states[StreamKey(tenant: tenant, stream: stream)]
    }

    func verdict(_ intent: Intent, on day: Int64) -> Verdict {
        if !ignoresOutcomes,
            let known = outcomes[Key(tenant: intent.tenant, key: intent.key)]?.last(where: { abs($0.day - day) <= 1 })
        {
            return .replayed(known)
        }
        let moved = intent.expectations.compactMap { expectation -> (stream: StreamID, actual: Int64)? in
            let actual = state(intent.tenant, expectation.stream)?.version ?? 0
            return actual == expectation.version ? nil : (expectation.stream, actual)
        }
        if !moved.isEmpty, !ignoresVersions { return .conflict(moved) }
        let held = intent.claims.flatMap { claim -> [(key: ClaimKey, holder: StreamID)] in
            switch claim {
            case .take(let kind, let value, let stream):
                let key = ClaimKey(tenant: intent.tenant, kind: kind, value: value)
                return claims[key].map { $0.id == stream.id ? [] : [(key, $0)] } ?? []
            case .absent(let kind, let prefix):
                return claims.filter {
                    $0.key.tenant == intent.tenant && $0.key.kind == kind && $0.key.value.hasPrefix(prefix)
                }.map { ($0.key, $0.value) }.sorted { $0.key.value < $1.key.value }
            case .release: return []
            }
        }
        return held.isEmpty || ignoresClaims ? .appended : .claimed(held)
    }

    /// The answers that `Appender` makes of the function's, or the error that takes the whole batch back.
    mutating func append(
        _ intents: [Intent], at recorded: Timestamp
    ) -> Result<[AppendOutcome], PostgresError> {
        var after = self
        do throws(PostgresError) {
            let outcomes = try after.appendAll(intents, at: recorded)
            self = after
            return .success(outcomes)
        } catch {
            return .failure(error)
        }
    }

    private mutating func appendAll(
        _ intents: [Intent], at recorded: Timestamp
    ) throws(PostgresError) -> [AppendOutcome] {
        let day = Int64((Double(recorded.microseconds) / 86_400_000_000).rounded(.down))
        // All are judged before any is written.
        let verdicts = intents.map { verdict($0, on: day) }
        var answers: [AppendOutcome] = []
        var written = Set<StreamKey>()
        var taken = Set<ClaimKey>()
        for (intent, verdict) in zip(intents, verdicts) {
            switch verdict {
            case .replayed(let known):
                let isOwn = known.commandID == intent.metadata.commandID
                answers.append(
                    isOwn ? .appended(known.receipt) : .replayed(known.receipt, fingerprint: known.fingerprint))
            case .conflict(let moved): answers.append(.conflict(moved[0].stream, actual: moved[0].actual))
            case .claimed(let held):
                answers.append(.claimed(kind: held[0].key.kind, value: held[0].key.value, holder: held[0].holder))
            case .appended:
                let receipt = try write(intent, day, recorded, &written, &taken)
                answers.append(.appended(receipt))
            }
        }
        return answers
    }

    private mutating func write(
        _ intent: Intent, _ day: Int64, _ recorded: Timestamp, _ written: inout Set<StreamKey>,
        _ taken: inout Set<ClaimKey>
    ) throws(PostgresError) -> Receipt {
        var first: Int64?
        var last = intent.position
        for change in intent.changes {
            for (offset, event) in change.events.enumerated() {
                guard !event.isRefused else { throw PostgresError(.server(sqlState: "22P05"), "unsupported") }
                last = head + 1
                first = first ?? last
                events.append(
                    Event(
                        position: last, tenant: intent.tenant, stream: change.stream,
                        version: change.from + Int64(offset) + 1, type: event.type, data: event.data,
                        commandID: intent.metadata.commandID, recordedAt: recorded))
            }
        }
        for change in intent.changes {
            let key = StreamKey(tenant: intent.tenant, stream: change.stream)
            guard written.insert(key).inserted else { throw PostgresError(.server(sqlState: "23505"), "twice") }
            states[key] = State(
                version: change.from + Int64(change.events.count), position: last, json: change.state)
        }
        let receipt = Receipt(
            stream: intent.primary, version: intent.version, position: last, firstPosition: first,
            recordedAt: recorded)
        let key = Key(tenant: intent.tenant, key: intent.key)
        guard ignoresOutcomes || outcomes[key]?.contains(where: { $0.day == day }) != true else {
            throw PostgresError(.server(sqlState: "23505"), "twice")
        }
        outcomes[key, default: []].append(
            Outcome(
                commandID: intent.metadata.commandID, fingerprint: intent.fingerprint, receipt: receipt, day: day))
        for case .release(let kind, let value, let stream) in intent.claims {
            let key = ClaimKey(tenant: intent.tenant, kind: kind, value: value)
            if claims[key]?.id == stream.id { claims[key] = nil }
        }
        for case .take(let kind, let value, let stream) in intent.claims {
            let key = ClaimKey(tenant: intent.tenant, kind: kind, value: value)
            if claims[key]?.id == stream.id { continue }
            guard taken.insert(key).inserted else { throw PostgresError(.server(sqlState: "23505"), "twice") }
            claims[key] = stream
        }
        return receipt
    }
}

extension NewEvent {
    /// Whether Postgres takes it for no JSON: a text cannot hold U+0000.
    var isRefused: Bool { data.contains(0x5C) && String(decoding: data, as: UTF8.self).contains("\\u0000") }
}
