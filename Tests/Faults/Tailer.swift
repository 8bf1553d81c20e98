import Foundation
import Logging
import Postgres
import Synchronization
import TestSupport

/// Follows the log as a projection would: takes what comes after its mark, and never looks back, save to check that
/// what lies behind it is still what it saw.
final class Tailer: Sendable {
    /// Which event stood at a position.
    struct Mark: Hashable, Sendable {
        var command: UUID
        var stream: UUID
        var version: Int64
    }

    private struct State {
        var seen: [Mark] = []
        var violations: [Violation] = []
    }

    private let state = Mutex(State())

    var seen: [Mark] { state.withLock { $0.seen } }
    var violations: [Violation] { state.withLock { $0.violations } }

    /// Until the task is cancelled or something is wrong; a lost connection is made anew.
    ///
    /// - Parameter database: where the log is now.
    func run(_ database: @Sendable () -> TestDatabase) async {
        while !Task.isCancelled, violations.isEmpty {
            do {
                let connection = try await database().connect()
                try await follow(connection)
                await connection.close()
            } catch {
                try? await Task.sleep(for: .milliseconds(20))
            }
        }
    }

    private func follow(_ connection: PostgresConnection) async throws {
        var looks = 0
        while !Task.isCancelled, violations.isEmpty {
            let mark = Int64(state.withLock { $0.seen.count })
            let rows = try await connection.query(
                """
                SELECT position, command_id, stream_id, version FROM main.events
                WHERE position > \(mark) ORDER BY position LIMIT 1000
                """)
            for row in rows {
                try take(
                    row.decode(0, as: Int64.self),
                    Mark(command: try row.decode(1), stream: try row.decode(2), version: try row.decode(3)))
            }
            looks += 1
            if looks % 50 == 0 { try await lookBack(connection) }
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    private func take(_ position: Int64, _ mark: Mark) {
        state.withLock { state in
            let due = Int64(state.seen.count) + 1
            if position == due {
                state.seen.append(mark)
            } else if state.violations.isEmpty {
                state.violations.append(Violation(.tail, "the log goes on at \(position) where \(due) was due"))
            }
        }
    }

    private func lookBack(_ connection: PostgresConnection) async throws {
        let mark = Int64(state.withLock { $0.seen.count })
        let rows = try await connection.query("SELECT count(*) FROM main.events WHERE position <= \(mark)")
        let count = try rows[0].decode(0, as: Int64.self)
        if count != mark {
            state.withLock {
                $0.violations.append(Violation(.tail, "\(count) events up to position \(mark), of which all were seen"))
            }
        }
    }
}
