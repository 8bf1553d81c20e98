import EventSourcing
import EventStore
import Foundation
import JSON
import Logging
import Postgres
import TestSupport

/// A migrated database, and intents to put into it.
struct Store: Sendable {
    let database: TestDatabase
    let tenant: TenantID
    let logger = Logger(label: "test")

    static func with<Value>(_ body: (Store) async throws -> Value) async throws -> Value {
        try await TestDatabase.with { database in
            try await body(Store(database: database, tenant: TenantID(UUID.version7())))
        }
    }

    func appender(limits: Appender.Limits = .init()) throws -> Appender {
        Appender(try database.configuration(as: "closter_command"), limits: limits, logger: logger)
    }

    /// Runs an appender beside `body`.
    func appending<Value: Sendable>(
        limits: Appender.Limits = .init(), _ body: @Sendable @escaping (Appender) async throws -> Value
    ) async throws -> Value {
        let appender = try appender(limits: limits)
        return try await withThrowingTaskGroup(of: Value?.self) { group in
            group.addTask {
                await appender.run()
                return nil
            }
            group.addTask { try await body(appender) }
            while let value = try await group.next() {
                if let value {
                    group.cancelAll()
                    return value
                }
            }
            throw CancellationError()
        }
    }

    func stream(_ id: UUID = .version7()) -> StreamID { StreamID(category: "item", id: id) }

    /// An intent of `events` events on each stream.
    func intent(
        _ streams: [(StreamID, at: Int64)], events: Int = 1, key: String = UUID.version7().uuidString,
        reads: [(StreamID, at: Int64)] = [], claims: [ClaimChange] = [], fingerprint: [UInt8] = [1],
        commandID: UUID = .version7(), tenant: TenantID? = nil
    ) -> Intent {
        let data = JSONValue.object(["command": .string(commandID.uuidString)]).bytes
        return Intent(
            tenant: tenant ?? self.tenant,
            metadata: Metadata(
                actor: "test", commandID: commandID, correlationID: .version7(), requestedAt: Timestamp.now),
            key: key, fingerprint: fingerprint, primary: streams[0].0, version: streams[0].at + Int64(events),
            position: 0,
            expectations: (streams + reads).map { Expectation($0.0, at: $0.at) },
            changes: streams.map { stream, version in
                StreamChange(
                    stream: stream, from: version,
                    events: (0..<events).map { _ in NewEvent(type: "Tested", schema: 1, data: data) },
                    state: JSONValue.object(["version": .integer(version + Int64(events))]).bytes)
            },
            claims: claims)
    }

    /// What every history must keep: positions from 1 without a gap, versions of each stream likewise, and each
    /// operational state at the version and position of its stream's last event.
    func checkHistory() async throws -> [StoredEvent] {
        let connection = try await database.connect()
        let events = try EventReader.decode(try await connection.query(EventReader.tail(after: 0, limit: 1_000_000)))
        var versions: [String: Int64] = [:]
        var positions: [String: Int64] = [:]
        for (index, event) in events.enumerated() {
            let key = "\(event.tenant)/\(event.stream)"
            guard event.position == Int64(index + 1) else { throw Broken("a gap before \(event.position)") }
            guard event.version == versions[key, default: 0] + 1 else { throw Broken("\(key) at \(event.version)") }
            versions[key] = event.version
            positions[key] = event.position
        }
        let states = try await connection.query(
            "SELECT tenant_id, category, stream_id, version, position FROM main.aggregates")
        guard states.count == versions.count else {
            throw Broken("\(states.count) states of \(versions.count) streams")
        }
        for row in states {
            let stream = StreamID(category: try row.decode(1), id: try row.decode(2))
            let key = "\(TenantID(try row.decode(0)))/\(stream)"
            guard try row.decode(3) == versions[key] else { throw Broken("the state of \(key) is of another version") }
            guard try row.decode(4, as: Int64.self) >= positions[key] ?? 0 else { throw Broken("position of \(key)") }
        }
        await connection.close()
        return events
    }

    struct Broken: Error, CustomStringConvertible {
        let description: String
        init(_ description: String) { self.description = description }
    }
}
