import Foundation
import JSON
import Postgres
import TestSupport
import Testing

/// The checker is watched failing: what it would miss, no fault could show.
@Suite struct CheckerTests {
    /// Done as an administrator with the log's trigger off, and taken back.
    private static let damages: [(name: String, statement: String, shows: Set<Violation.Kind>)] = [
        ("a lost event", "DELETE FROM main.events WHERE position = \(middle)", [.lost, .gap, .tail]),
        (
            "a doubled event",
            """
            INSERT INTO main.events
            SELECT (SELECT max(position) + 1 FROM main.events), tenant_id, category, stream_id, version + 1000, type,
                   schema_version, correlation_id, command_id, data, metadata, recorded_at
            FROM main.events WHERE position = \(middle)
            """, [.doubled, .version, .state]
        ),
        (
            "an event that nobody asked for",
            """
            INSERT INTO main.events
            SELECT (SELECT max(position) + 1 FROM main.events), tenant_id, category, stream_id, version + 1000, type,
                   schema_version, correlation_id, gen_random_uuid(), data, metadata, recorded_at
            FROM main.events WHERE position = \(middle)
            """, [.stray]
        ),
        (
            "a broken version", "UPDATE main.events SET version = version + 1000 WHERE position = \(middle)",
            [.version, .tail]
        ),
        (
            "an event of another tenant",
            "UPDATE main.events SET tenant_id = gen_random_uuid() WHERE position = \(middle)", [.foreign]
        ),
        (
            "a lost outcome",
            """
            DELETE FROM main.outcomes o USING main.events e WHERE e.position = \(middle) AND e.command_id = o.command_id
            """, [.lost, .stray]
        ),
        (
            "a doubled outcome",
            """
            INSERT INTO main.outcomes
            SELECT o.tenant_id, o.key, o.day - 1, o.fingerprint, o.command_id, o.category, o.stream_id, o.version,
                   o.position, o.first_position, o.recorded_at
            FROM main.outcomes o JOIN main.events e ON e.command_id = o.command_id AND e.position = \(middle)
            """, [.doubled]
        ),
        (
            "an operational row that is behind",
            """
            UPDATE main.aggregates a SET version = a.version + 1 FROM main.events e
            WHERE e.position = \(middle) AND a.stream_id = e.stream_id
            """, [.state]
        ),
        (
            "a projected row that is wrong",
            "UPDATE main.items_g1 SET document = '{}' WHERE id = (SELECT min(id::text)::uuid FROM main.items_g1)",
            [.projection]
        ),
        (
            "a projected row that is missing",
            "DELETE FROM main.listings_g1 WHERE id = (SELECT min(id::text)::uuid FROM main.listings_g1)", [.projection]
        ),
    ]

    private static let middle = "(SELECT max(position) / 2 FROM main.events)"

    @Test func `every damage shows, and without damage nothing does`() async throws {
        try await Instance.with { instance in
            let history = History()
            var client = Client(
                instance: instance, tenant: instance.tenant, stock: Stock(), history: history, chance: Chance(seed: 1))
            for _ in 0..<150 { await client.act() }
            let connection = try await instance.database.connect()
            try await eventually("all is projected") { try await connection.isProjected() }
            let evidence = try await connection.evidence()
            let seen = evidence.events.map(\.mark)
            let intents = history.intents
            #expect(Checker(evidence, intents, seen: seen).violations() == [])
            #expect(history.violations == [])

            for damage in Self.damages {
                try await connection.simple("BEGIN; ALTER TABLE main.events DISABLE TRIGGER append_only")
                try await connection.simple(damage.statement)
                let damaged = try await Evidence(connection)
                try await connection.simple("ROLLBACK")
                let found = Set(Checker(damaged, intents, seen: seen).violations().map(\.kind))
                #expect(found.isSuperset(of: damage.shows), "\(damage.name) shows only as \(found)")
            }
            await connection.close()
            try Self.checkRecords(evidence, intents, seen)
        }
    }

    /// What was recorded is changed instead of what is there.
    private static func checkRecords(_ evidence: Evidence, _ intents: [Recorded], _ seen: [Tailer.Mark]) throws {
        func kinds(_ intents: [Recorded], _ seen: [Tailer.Mark]) -> Set<Violation.Kind> {
            Set(Checker(evidence, intents, seen: seen).violations().map(\.kind))
        }
        let index = try #require(
            intents.firstIndex { $0.answer?["events"].arrayValue?.isEmpty == false && $0.request.path == "/v1/items" })
        var refused = intents
        refused[index].outcome = .fail(status: 422, code: "refused")
        #expect(kinds(refused, seen) == [.forged])

        var unknown = intents
        unknown[index].outcome = .unknown("cut")
        #expect(kinds(unknown, seen) == [])

        var altered = intents
        let answer = try #require(intents[index].answer)
        altered[index].outcome = .ok(
            Instance.Answer(
                status: answer.status, headers: answer.headers,
                body: Array(answer.text.replacingOccurrences(of: #""version":1"#, with: #""version":2"#).utf8)))
        #expect(kinds(altered, seen) == [.altered])

        var late = intents
        late[index].started = try #require(intents.last).ended + .seconds(1)
        late[index].ended = late[index].started
        #expect(kinds(late, seen) == [.order])

        #expect(kinds(intents, seen.reversed()) == [.tail])
        #expect(kinds(intents, seen + seen) == [.tail])
    }
}
