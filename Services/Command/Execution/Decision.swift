import EventSourcing
import EventStore
import Events
import Foundation
import Postgres

/// One attempt at deciding an intent: what it reads, and what it would append.
///
/// A route's closure loads aggregates, calls their pure decisions and hands the events back. It may run several times,
/// so it makes nothing that must stay the same: identifiers and the time come from outside.
struct Decision {
    let tenant: TenantID
    private let reader: StateReader
    private let cache: StateCache
    private let isFresh: Bool

    /// Whether something in it may be old.
    private(set) var usesCache = false
    private(set) var expectations: [Expectation] = []
    private(set) var changes: [StreamChange] = []
    private(set) var claims: [ClaimChange] = []
    private(set) var tasks: [NewTask] = []
    private(set) var dueIntents: [NewDueIntent] = []
    private(set) var appended: [(key: StateCache.Key, version: Int64, state: any Sendable)] = []
    private(set) var primary: (stream: StreamID, version: Int64, position: Int64)?

    init(tenant: TenantID, reader: StateReader, cache: StateCache, isFresh: Bool) {
        self.tenant = tenant
        self.reader = reader
        self.cache = cache
        self.isFresh = isFresh
    }

    /// Loads a stream. The intent depends on its version from here on. The first one loaded is the intent's primary
    /// stream, the one the answer speaks of.
    mutating func load<A: StoredAggregate>(_ type: A.Type, _ id: UUID) async throws -> Snapshot<A> {
        depend(on: try await read(type, id))
    }

    /// A stream whose identifier was just made: there is nothing to read, and append checks that it does not exist.
    mutating func begin<A: StoredAggregate>(_ type: A.Type, _ id: UUID) -> Snapshot<A> {
        depend(on: Snapshot(stream: StreamID(type, id), version: 0, position: 0, state: A.initial))
    }

    /// The streams that hold these values now.
    func holders(kind: String, values: [String]) async throws -> [String: UUID] {
        try await reader.holders(tenant, kind: kind, values: values).mapValues(\.id)
    }

    /// Those of them that exist now.
    func existing<A: StoredAggregate>(_ type: A.Type, _ ids: [UUID]) async throws -> Set<UUID> {
        Set(try await reader.states(tenant, category: type.category, ids).keys)
    }

    /// Whether this intent would append to a stream.
    func hasChanged(_ stream: StreamID) -> Bool { changes.contains { $0.stream == stream } }

    private mutating func depend<A: StoredAggregate>(on snapshot: Snapshot<A>) -> Snapshot<A> {
        if primary == nil { primary = (snapshot.stream, snapshot.version, snapshot.position) }
        expectations.append(Expectation(snapshot.stream, at: snapshot.version))
        return snapshot
    }

    /// The streams that hold claims now. Nothing keeps others from taking more of them before the intent is appended.
    func holders(kind: String, prefix: String) async throws -> [UUID] {
        try await reader.holders(tenant, kind: kind, prefix: prefix).map(\.id)
    }

    /// The same, of the values the last ones first, and of those no more than `limit`.
    func holders(kind: String, prefix: String, last limit: Int) async throws -> [UUID] {
        try await reader.holders(tenant, kind: kind, prefix: prefix, last: limit)
    }

    /// Streams as they are now, on which the intent does not depend: those that nothing happens to any more.
    func states<A: StoredAggregate>(_ type: A.Type, _ ids: [UUID]) async throws -> [A.State] {
        let stored = try await reader.states(tenant, category: type.category, ids)
        return try ids.compactMap { stored[$0] }.map { try A.decode($0.json) }
    }

    /// Appends events to a loaded stream, with the claims that follow from the change of its state, and what each of them
    /// leads to.
    mutating func append<A: StoredAggregate>(_ events: [A.Event], to snapshot: Snapshot<A>, guards: [Claim] = []) {
        guard !events.isEmpty else { return }
        var state = snapshot.state
        for (index, event) in events.enumerated() {
            A.evolve(&state, event)
            for (ordinal, reaction) in A.reactions(to: event, state).enumerated() {
                reaction.store(
                    tenant, snapshot.stream, snapshot.version + Int64(index) + 1, ordinal, &tasks, &dueIntents)
            }
        }
        let version = snapshot.version + Int64(events.count)
        changes.append(
            StreamChange(
                stream: snapshot.stream, from: snapshot.version,
                events: events.map { NewEvent(type: $0.type, schema: $0.schema, data: $0.bytes) },
                state: A.encode(state)))
        for claim in A.claims(before: snapshot.state, after: state) + guards {
            claims.append(claim.change(by: snapshot.stream))
        }
        appended.append((.init(tenant: tenant, stream: snapshot.stream), version, state))
        if primary?.stream == snapshot.stream { primary?.version = version }
    }

    private mutating func read<A: StoredAggregate>(_ type: A.Type, _ id: UUID) async throws -> Snapshot<A> {
        let stream = StreamID(type, id)
        let key = StateCache.Key(tenant: tenant, stream: stream)
        if !isFresh, let entry = cache[key], let state = entry.state as? A.State {
            usesCache = true
            return Snapshot(stream: stream, version: entry.version, position: entry.position, state: state)
        }
        guard let stored = try await reader.state(tenant, stream) else {
            return Snapshot(stream: stream, version: 0, position: 0, state: A.initial)
        }
        let state = try A.decode(stored.json)
        cache.store(.init(version: stored.version, position: stored.position, state: state), for: key)
        return Snapshot(stream: stream, version: stored.version, position: stored.position, state: state)
    }
}

extension Claim {
    func change(by stream: StreamID) -> ClaimChange {
        switch self {
        case .take(let kind, let value): .take(kind: kind, value: value, stream: stream)
        case .release(let kind, let value): .release(kind: kind, value: value, stream: stream)
        case .absent(let kind, let prefix): .absent(kind: kind, prefix: prefix)
        }
    }
}
