import EventSourcing
import Foundation
public import Postgres
import Synchronization

/// Slug → tenant, at most a second old.
///
/// However many requests ask at once, one look-up is under way per slug. Where Postgres does not answer, reads go on
/// with what is known for up to a minute; writes get the failure. Slugs that name no tenant are remembered too, but
/// only so many.
public final class TenantDirectory: Sendable {
    public enum Purpose: Sendable {
        /// Rather a record of up to a minute than none.
        case read
        case write
    }

    public struct Limits: Sendable {
        /// The oldest a record may be while Postgres answers.
        public var freshFor: Duration = .seconds(1)
        /// The oldest a record may be for a read while it does not.
        public var staleFor: Duration = .seconds(60)
        /// How many slugs are remembered, known and unknown.
        public var maximumEntries = 10_000

        public init() {}
    }

    /// What is known of a slug.
    public struct Found: Sendable {
        /// nil where the slug names none.
        public var tenant: Tenant?
        /// Until when it may be taken as it is; past where it was served because Postgres did not answer.
        public var validUntil: ContinuousClock.Instant
    }

    /// Finds a tenant; nil where the slug names none.
    public typealias Load = @Sendable (_ slug: String) async throws(PostgresError) -> Tenant?

    private struct Entry {
        var tenant: Tenant?
        /// When the look-up began: what the record says was true then.
        var loadedAt: ContinuousClock.Instant
        var failedAt: ContinuousClock.Instant?
    }

    private struct State {
        var entries: [String: Entry] = [:]
        var loading: [String: (id: UInt64, task: Task<Result<Tenant?, PostgresError>, Never>)] = [:]
        var nextID: UInt64 = 0
    }

    private let state = Mutex(State())
    private let limits: Limits
    private let load: Load
    private let now: @Sendable () -> ContinuousClock.Instant

    public convenience init(pool: PostgresPool, limits: Limits = Limits()) {
        self.init(limits: limits) { slug throws(PostgresError) in try await Self.load(slug, from: pool) }
    }

    /// - Parameters:
    ///   - now: the clock, so that tests need not wait.
    ///   - load: where tenants come from.
    public init(
        limits: Limits = Limits(), now: @escaping @Sendable () -> ContinuousClock.Instant = { .now },
        load: @escaping Load
    ) {
        self.limits = limits
        self.load = load
        self.now = now
    }

    /// The tenant, or nil where there is none of that slug.
    public func tenant(slug: String, for purpose: Purpose) async throws(PostgresError) -> Tenant? {
        try await find(slug: slug, for: purpose).tenant
    }

    /// The tenant, and how long one may go by it.
    public func find(slug: String, for purpose: Purpose) async throws(PostgresError) -> Found {
        let now = self.now()
        guard TenantRecord.isValid(slug: slug) else { return Found(validUntil: now) }
        let entry = state.withLock { $0.entries[slug] }
        if let entry, now - entry.loadedAt < limits.freshFor {
            // Who reads all the time need not wait each second: the next record is fetched while this one still holds.
            if purpose == .read, now - entry.loadedAt >= limits.freshFor / 2 { _ = begin(slug, startedAt: now) }
            return found(entry)
        }
        let canBeStale = purpose == .read && entry.map { now - $0.loadedAt < limits.staleFor } ?? false
        // One try a second is enough to notice that Postgres is back; the other reads do not wait for it.
        if canBeStale, let entry, let failedAt = entry.failedAt, now - failedAt < limits.freshFor {
            return found(entry)
        }
        switch await begin(slug, startedAt: now).value {
        case .success(let tenant): return Found(tenant: tenant, validUntil: now + limits.freshFor)
        case .failure(let error):
            if canBeStale, let entry { return found(entry) }
            throw error
        }
    }

    private func found(_ entry: Entry) -> Found {
        Found(tenant: entry.tenant, validUntil: entry.loadedAt + limits.freshFor)
    }

    /// Forgets what is known of a tenant: to be called by whoever just changed it.
    public func invalidate(slug: String) {
        state.withLock { state in
            state.entries[slug] = nil
            // A look-up that began before the change may hold the old record; the next caller starts its own.
            state.loading[slug] = nil
        }
    }

    /// The look-up that is under way, or a new one.
    private func begin(
        _ slug: String, startedAt: ContinuousClock.Instant
    ) -> Task<Result<Tenant?, PostgresError>, Never> {
        state.withLock { state in
            if let running = state.loading[slug] { return running.task }
            state.nextID += 1
            let id = state.nextID
            // Not a child of this request: others wait for it, and this one may be cancelled.
            let task = Task { await self.perform(slug, id: id, startedAt: startedAt) }
            state.loading[slug] = (id, task)
            return task
        }
    }

    private func perform(
        _ slug: String, id: UInt64, startedAt: ContinuousClock.Instant
    ) async -> Result<Tenant?, PostgresError> {
        let result: Result<Tenant?, PostgresError>
        do throws(PostgresError) {
            result = .success(try await load(slug))
        } catch {
            result = .failure(error)
        }
        state.withLock { state in
            // Overtaken by an invalidation: good enough for who asked before it, not to be remembered.
            guard state.loading[slug]?.id == id else { return }
            state.loading[slug] = nil
            switch result {
            case .success(let tenant):
                if state.entries.count >= limits.maximumEntries, state.entries[slug] == nil { makeRoom(&state) }
                state.entries[slug] = Entry(tenant: tenant, loadedAt: startedAt)
            case .failure:
                state.entries[slug]?.failedAt = startedAt
            }
        }
        return result
    }

    /// Unknown slugs go first: anybody can make those up.
    private func makeRoom(_ state: inout State) {
        let unknown = state.entries.filter { $0.value.tenant == nil }.keys
        for slug in unknown { state.entries[slug] = nil }
        if unknown.isEmpty { state.entries.removeAll() }
    }

    private static func load(_ slug: String, from pool: PostgresPool) async throws(PostgresError) -> Tenant? {
        let places = try await pool.query("SELECT tenant_id, shard FROM closter.tenant_by_slug(\(slug))")
        guard let place = places.first else { return nil }
        let id = try place.decode(0, as: UUID.self)
        let shard = try place.decode(1, as: String.self)
        let rows = try await pool.query(
            """
            SELECT version, state FROM \(identifier: shard).aggregates
            WHERE tenant_id = \(id) AND category = 'tenant' AND stream_id = \(id)
            """, tenant: id)
        // A slug whose creation was never committed is nobody's.
        guard let row = rows.first, let stored = row.bytes(1) else { return nil }
        do {
            return Tenant(
                id: TenantID(id), shard: shard, version: try row.decode(0, as: Int64.self),
                record: try TenantRecord(stored: stored))
        } catch let error as PostgresError {
            throw error
        } catch {
            throw PostgresError(.decoding, "\(error)")
        }
    }
}
