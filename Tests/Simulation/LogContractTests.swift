import EventSourcing
import Foundation
import Logging
import Postgres
import TestSupport
import Testing

@testable import EventStore

/// What the simulation takes for `main.append`, and `main.append`: one contract for both, so that neither drifts.
@Suite struct LogContractTests {
    /// Random batches, among them such as the appender never sends.
    @Test(arguments: 1...4) func `the model and the database answer the same`(seed: UInt64) async throws {
        try await TestDatabase.with { database in
            let connection = try await database.connect(as: "closter_command")
            var chance = Chance(seed: seed)
            var story = RandomIntents(&chance)
            var model = LogModel()
            var refusals = 0
            for _ in 0..<250 {
                let intents = story.batch(on: model, &chance)
                let before = model
                let expected = model.append(intents, at: .now)
                let found = await Self.append(intents, on: connection)
                switch (expected, found) {
                case (.success(let expected), .success(let found)):
                    try #require(expected.count == found.count)
                    for (index, intent) in intents.enumerated() {
                        try #require(
                            Self.agree(expected[index], found[index], intent, before),
                            "\(intent)\nmodel \(expected[index])\ndatabase \(found[index])")
                    }
                case (.failure(let expected), .failure(let found)):
                    #expect(expected.verdict == .final && found.verdict == .final, "\(expected) and \(found)")
                    refusals += 1
                default: Issue.record("\(expected)\nand\n\(found)\nof \(intents)")
                }
            }
            #expect(refusals > 5, "some batches are refused")
            #expect(model.events.count > 200)
            try await Self.compare(model, with: database)
            await connection.close()
        }
    }

    @Test(arguments: [-2, -1, 0, 1, 2])
    func `a key of another day is found within a day, here and there`(days: Int) async throws {
        try await TestDatabase.with { database in
            let connection = try await database.connect(as: "closter_command")
            var chance = Chance(seed: 1)
            let story = RandomIntents(&chance)
            var model = LogModel()
            let now = Timestamp.now
            let first = story.plain(&chance)
            _ = model.append([first], at: now + .seconds(days * 86_400))
            _ = await Self.append([first], on: connection)
            let administrator = try await database.connect()
            _ = try await administrator.query("UPDATE main.outcomes SET day = day + \(Int32(days))")
            await administrator.close()
            var again = first
            again.metadata.commandID = chance.uuid()
            let found = try await Self.append([again], on: connection).get()[0]
            let expected = try model.append([again], at: now).get()[0]
            let names = [expected, found].map { outcome in
                switch outcome {
                case .replayed: "replayed"
                case .conflict: "conflict"
                case .appended, .claimed: "something else"
                }
            }
            #expect(names == (abs(days) <= 1 ? ["replayed", "replayed"] : ["conflict", "conflict"]))
            await connection.close()
        }
    }

    private static func append(
        _ intents: [Intent], on connection: PostgresConnection
    ) async -> Result<[AppendOutcome], PostgresError> {
        do throws(PostgresError) {
            let rows = try await connection.query(AppendStatement.make(intents), cancellable: false)
            return .success(try AppendStatement.outcomes(rows, of: intents))
        } catch {
            return .failure(error)
        }
    }

    /// The same, save the time; of several streams or claims in the way either may be named.
    private static func agree(
        _ expected: AppendOutcome, _ found: AppendOutcome, _ intent: Intent, _ model: LogModel
    ) -> Bool {
        func agree(_ expected: Receipt, _ found: Receipt) -> Bool {
            var found = found
            found.recordedAt = expected.recordedAt
            return expected == found
        }
        switch (expected, found) {
        case (.appended(let expected), .appended(let found)): return agree(expected, found)
        case (.replayed(let expected, let print), .replayed(let found, let other)):
            return agree(expected, found) && print == other
        case (.conflict, .conflict(let stream, let actual)):
            guard case .conflict(let moved) = model.verdict(intent, on: 0) else { return false }
            return moved.contains { $0.stream == stream && $0.actual == actual }
        case (.claimed, .claimed(let kind, let value, let holder)):
            guard case .claimed(let held) = model.verdict(intent, on: 0) else { return false }
            return held.contains { $0.key.kind == kind && $0.key.value == value && $0.holder == holder }
        default: return false
        }
    }

    private static func compare(_ model: LogModel, with database: TestDatabase) async throws {
        let connection = try await database.connect()
        let events = try EventReader.decode(try await connection.query(EventReader.tail(after: 0, limit: 1_000_000)))
        #expect(
            events.map { "\($0.position) \($0.tenant) \($0.stream) \($0.version) \($0.metadata.commandID)" }
                == model.events.map { "\($0.position) \($0.tenant) \($0.stream) \($0.version) \($0.commandID)" })
        let states = try await connection.query(
            "SELECT tenant_id, category, stream_id, version, position FROM main.aggregates")
        #expect(states.count == model.states.count)
        for row in states {
            let state = model.state(
                TenantID(try row.decode(0, as: UUID.self)), StreamID(category: try row.decode(1), id: try row.decode(2))
            )
            #expect(try state?.version == row.decode(3) && state?.position == row.decode(4))
        }
        let claims = try await connection.query("SELECT tenant_id, kind, value, stream_id FROM main.claims")
        #expect(claims.count == model.claims.count)
        for row in claims {
            let key = LogModel.ClaimKey(
                tenant: TenantID(try row.decode(0, as: UUID.self)), kind: try row.decode(1), value: try row.decode(2))
            #expect(try model.claims[key]?.id == row.decode(3))
        }
        let outcomes = try await connection.query("SELECT tenant_id, key, command_id FROM main.outcomes")
        #expect(outcomes.count == model.outcomes.count)
        for row in outcomes {
            let known = model.outcome(TenantID(try row.decode(0, as: UUID.self)), try row.decode(1))
            #expect(try known?.commandID == row.decode(2))
        }
        await connection.close()
    }
}

/// Intents of few tenants, streams, keys and names, so that they meet.
private struct RandomIntents {
    private let tenants: [TenantID]
    private let streams: [StreamID]
    private var keys = 0

    init(_ chance: inout Chance) {
        tenants = [TenantID(chance.uuid()), TenantID(chance.uuid())]
        streams = (0..<8).map { StreamID(category: $0 % 2 == 0 ? "item" : "listing", id: chance.uuid()) }
    }

    /// Mostly what a queue would make a batch of; sometimes just anything.
    mutating func batch(on model: LogModel, _ chance: inout Chance) -> [Intent] {
        let intents = (0...chance.index(6)).map { _ in intent(on: model, &chance) }
        guard chance.index(8) != 0 else { return intents }
        var queue = BatchQueue<Intent>(maximumCount: 64, maximumBytes: 1 << 20)
        for intent in intents { queue.enqueue(.init(entry: intent, resources: intent.resources, bytes: 1)) }
        return queue.next()
    }

    func plain(_ chance: inout Chance) -> Intent {
        let commandID = chance.uuid()
        let change = StreamChange(
            stream: streams[0], from: 0, events: [NewEvent(type: "Tested", schema: 1, data: Array("{}".utf8))],
            state: Array("{}".utf8))
        return Intent(
            tenant: tenants[0],
            metadata: Metadata(actor: "test", commandID: commandID, correlationID: commandID, requestedAt: .now),
            key: "k", fingerprint: [1], primary: streams[0], version: 1,
            expectations: [Expectation(streams[0], at: 0)], changes: [change])
    }

    private mutating func intent(on model: LogModel, _ chance: inout Chance) -> Intent {
        let tenant = chance.pick(tenants)
        var touched = [chance.pick(streams)]
        if chance.index(4) == 0 { touched.append(chance.pick(streams.filter { $0 != touched[0] })) }
        // Sometimes a version that is not the stream's.
        let versions = touched.map { stream -> Int64 in
            let actual = model.state(tenant, stream)?.version ?? 0
            return chance.index(8) == 0 ? max(0, actual + Int64(chance.index(3)) - 1) : actual
        }
        let written = chance.index(6) == 0 ? 0 : touched.count - (touched.count > 1 && chance.index(3) == 0 ? 1 : 0)
        let isMalformed = chance.index(40) == 0
        let changes = (0..<written).map { index in
            let events = (0...chance.index(3)).map { number in
                NewEvent(
                    type: "Tested", schema: 1,
                    data: Array((isMalformed && number == 0 ? #"{"a":"\u0000"}"# : #"{"a":1}"#).utf8))
            }
            return StreamChange(
                stream: touched[index], from: versions[index], events: events, state: Array("{}".utf8))
        }
        keys += 1
        // Sometimes a key that was used before, and sometimes even by the same command.
        let key = chance.index(10) == 0 ? 1 + chance.index(keys) : keys
        var commandID = chance.uuid()
        if chance.index(2) == 0, let known = model.outcome(tenant, "k\(key)") { commandID = known.commandID }
        return Intent(
            tenant: tenant,
            metadata: Metadata(actor: "test", commandID: commandID, correlationID: commandID, requestedAt: .now),
            key: "k\(key)", fingerprint: [UInt8(key % 256)], primary: touched[0],
            version: versions[0] + Int64(changes.first?.events.count ?? 0),
            position: model.state(tenant, touched[0])?.position ?? 0,
            expectations: zip(touched, versions).map { Expectation($0, at: $1) }, changes: changes,
            claims: claims(by: touched[0], &chance))
    }

    private func claims(by stream: StreamID, _ chance: inout Chance) -> [ClaimChange] {
        guard chance.index(2) == 0 else { return [] }
        var used: Set<String> = []
        return (0...chance.index(2)).compactMap { _ in
            let value = "\(chance.pick(["a", "b", "ż"]))\(chance.index(3))"
            guard used.insert(value).inserted else { return nil }
            let kind = chance.pick(["sku", "name"])
            switch chance.index(5) {
            case 0, 1: return .release(kind: kind, value: value, stream: stream)
            case 2: return .absent(kind: kind, prefix: chance.pick(["a", "b", "ż", ""]))
            default: return .take(kind: kind, value: value, stream: stream)
            }
        }
    }
}
