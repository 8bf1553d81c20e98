import EventSourcing
public import Foundation
import Postgres
import Synchronization

/// An outcome that a key led to.
public struct StoredOutcome: Sendable {
    public var receipt: Receipt
    public var fingerprint: [UInt8]
    public var commandID: UUID
}

/// Looks outcomes up under their keys, of all tenants together: who asks while a look is under way is looked up by the next
/// one. A statement for each key, with its tenant set, took as long as a third of the write that it came before.
///
/// Of those who wait, the first does the look for all of them, and hands on to the first of those who came meanwhile: there
/// is no task but theirs. A failure is everybody's who is in that look. However many they are, all are in the next one, so
/// that nobody waits for more than two looks, each with the deadline of a read: also where the database is away.
final class OutcomeReader: Sendable {
    private struct Asker {
        var tenant: UUID
        var key: String
        var waiter: CheckedContinuation<Turn, Never>
    }

    private enum Turn: Sendable {
        case answered(Result<StoredOutcome?, PostgresError>)
        /// Its own look is for it to do, and these with it.
        case looking([Asker])
    }

    private struct State {
        var isLooking = false
        var askers: [Asker] = []
    }

    private let pool: PostgresPool
    private let state = Mutex(State())

    init(pool: PostgresPool) { self.pool = pool }

    /// How many wait for the next look.
    var waiting: Int { state.withLock { $0.askers.count } }

    /// The outcome under a key, however old it is.
    func outcome(_ tenant: TenantID, key: String) async throws(PostgresError) -> StoredOutcome? {
        switch await turn(tenant, key) {
        case .answered(let result): return try result.get()
        case .looking(let others):
            // A failure of the caller's task must not become the others'.
            let results = await look([tenant.uuid] + others.map(\.tenant), [key] + others.map(\.key))
            handOn()
            for (asker, result) in zip(others, results.dropFirst()) {
                asker.waiter.resume(returning: .answered(result))
            }
            return try results[0].get()
        }
    }

    private func turn(_ tenant: TenantID, _ key: String) async -> Turn {
        await withCheckedContinuation { waiter in
            let isFirst = state.withLock { state in
                guard state.isLooking else {
                    state.isLooking = true
                    return true
                }
                state.askers.append(Asker(tenant: tenant.uuid, key: key, waiter: waiter))
                return false
            }
            if isFirst { waiter.resume(returning: .looking([])) }
        }
    }

    private func handOn() {
        let next = state.withLock { state -> [Asker] in
            defer { state.askers = [] }
            state.isLooking = !state.askers.isEmpty
            return state.askers
        }
        next.first?.waiter.resume(returning: .looking(Array(next.dropFirst())))
    }

    /// One result for each key, in their order.
    private func look(_ tenants: [UUID], _ keys: [String]) async -> [Result<StoredOutcome?, PostgresError>] {
        do throws(PostgresError) {
            let rows = try await pool.query(
                """
                SELECT ordinal, category, stream_id, version, position, first_position, recorded_at, fingerprint, command_id
                FROM main.outcomes_of(\(tenants), \(keys))
                """, isCancellable: false)
            var results = [Result<StoredOutcome?, PostgresError>](repeating: .success(nil), count: keys.count)
            for row in rows {
                let ordinal = try row.decode(0, as: Int.self)
                // What makes no sense under one key is not the others' affair.
                results[ordinal - 1] = Result { () throws(PostgresError) in try Self.outcome(row) }
            }
            return results
        } catch {
            return keys.map { _ in .failure(error) }
        }
    }

    private static func outcome(_ row: Row) throws(PostgresError) -> StoredOutcome {
        StoredOutcome(
            receipt: Receipt(
                stream: StreamID(category: try row.decode(1), id: try row.decode(2)), version: try row.decode(3),
                position: try row.decode(4), firstPosition: try row.decode(5),
                recordedAt: Timestamp(try row.decode(6, as: PostgresTimestamp.self))),
            fingerprint: try row.decode(7, as: PostgresBytes.self).bytes, commandID: try row.decode(8))
    }
}
