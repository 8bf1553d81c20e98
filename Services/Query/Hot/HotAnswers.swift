import Edge
import EventSourcing
import Foundation
import HTTPTypes
import NIOCore
import Postgres
import Synchronization

/// The answers of items and listings that are kept ready, as they were read from projections.
///
/// An answer is given again as long as no change of what it shows has become known, and only while changes are known up
/// to `grace` after the last poll. Reads from tables are not kept: they hold what no projection knows yet.
final class HotAnswers: HotReads {
    /// How long a look may take.
    private static let grace = Duration.milliseconds(25)
    /// Whoever has not looked for longer, because it was frozen, cannot know: changes are forgotten after twice as long.
    private static let memory = Duration.seconds(300)

    let routes = ["/v1/items", "/v1/items/{id}", "/v1/listings", "/v1/listings/{id}"]
    let store: HotStore
    private let shard: String
    private let poll: Duration
    private let items: HotLane
    private let listings: HotLane
    /// Those two among them: to look for one by the projection's name takes longer than all that it is asked.
    private let lanes: [Projection: HotLane]
    private let seen = Mutex<Seen?>(nil)
    /// How often another side was made to answer.
    private let flips = Atomic<Int>(0)
    let counts = Counts()

    final class Counts: Sendable {
        let given = Atomic<Int>(0)
        let missed = Atomic<Int>(0)
        let dropped = Atomic<Int>(0)
        let lost = Atomic<Int>(0)
    }

    /// Up to where changes have been taken in.
    private struct Seen {
        var snapshot: String
        var at: ContinuousClock.Instant
        /// Where it was taken. Another session may be another server's, to which the snapshot means nothing.
        var session: Int
        var backend: Int32
    }

    /// - Parameter bytes: 0 keeps nothing.
    init(bytes: Int, shard: String, poll: Duration) {
        store = HotStore(limit: bytes)
        self.shard = shard
        self.poll = poll
        let (items, listings) = (HotLane(shard: shard), HotLane(shard: shard))
        var lanes = Dictionary(uniqueKeysWithValues: Projection.allCases.map { ($0, HotLane(shard: shard)) })
        (lanes[.items], lanes[.listings]) = (items, listings)
        (self.items, self.listings, self.lanes) = (items, listings, lanes)
    }

    // MARK: Giving

    func answer(
        _ request: HotRequest, for reader: HotReader, at now: ContinuousClock.Instant, own: inout FieldBlock
    ) -> (response: FinishedResponse, route: Int)? {
        let target = request.target
        guard let (lane, route) = route(target) else { return nil }
        // What is said of the lane first holds for an answer that is found after.
        let (state, position) = lane.standing(of: reader.tenant)
        guard state.isCurrent(at: now), isReached(request, by: state, for: reader.tenant) else { return nil }
        let key = HotKey(
            tenant: reader.tenant, visibility: reader.seesEverything ? .full : .storefront,
            takesGzip: request.takesGzip,
            target: target)
        guard let entry = store.find(key) else {
            counts.missed.wrappingAdd(1, ordering: .relaxed)
            return nil
        }
        counts.given.wrappingAdd(1, ordering: .relaxed)
        own.append("closter-position", position)
        if let condition = request.ifNoneMatch, let tag = entry.tag, let notModified = entry.notModified,
            EntityTag.matches(condition, tag)
        {
            return (notModified, route)
        }
        return (entry.found, route)
    }

    private func route(_ target: String) -> (HotLane, Int)? {
        if Self.begins(target, "/v1/listings") { return (listings, Self.begins(target, "/v1/listings/") ? 3 : 2) }
        if Self.begins(target, "/v1/items") { return (items, Self.begins(target, "/v1/items/") ? 1 : 0) }
        return nil
    }

    private static func begins(_ target: String, _ prefix: StaticString) -> Bool {
        target.utf8.count >= prefix.utf8CodeUnitCount
            && target.utf8.withContiguousStorageIfAvailable { bytes in
                bytes.baseAddress.map { memcmp($0, prefix.utf8Start, prefix.utf8CodeUnitCount) == 0 } ?? false
            } ?? false
    }

    /// Whether the answers hold what `Closter-After` asks for. A token that is not plainly good is for the router to judge,
    /// and so is whoever would wait.
    private func isReached(_ request: HotRequest, by state: HotLane.State, for tenant: TenantID) -> Bool {
        guard let after = request.after else { return true }
        guard request.prefer == nil, let token = PositionToken(after) else { return false }
        return token.shard == shard && token.epoch == state.epoch && token.tenant == tenant
            && token.position <= state.checkpoint
    }

    // MARK: Keeping

    /// To be taken before the switches are asked, and given to `kept`.
    var flip: Int { flips.load(ordering: .sequentiallyConsistent) }

    /// What was read, once for all who ask for it at the same time; kept, if it may be.
    ///
    /// - Parameters:
    ///   - flip: as it was before the switches said that projections answer.
    ///   - read: gives the answer, where it stands and the generation that it was read from.
    func kept(
        _ key: HotKey, _ subject: HotSubject, mayJoin: Bool, since flip: Int,
        read: () async throws -> (Answer?, Standpoint, Generation)
    ) async throws -> (Answer?, Standpoint) {
        guard let lane = lanes[subject.projection] else {
            let (answer, standpoint, _) = try await read()
            return (answer, standpoint)
        }
        var generation: Int32?
        let kept = try await store.value(
            // While changes are not known, nothing that is made is for others.
            key, subject, mayJoin: mayJoin && lane.state.isCurrent(at: .now),
            isCurrent: {
                let state = lane.state
                return state.isCurrent(at: .now) && state.generation == generation && flip == self.flip
            },
            make: {
                let (answer, standpoint, readFrom) = try await read()
                generation = readFrom.number
                let coded = key.takesGzip ? answer?.gzipped() : answer
                return (Kept(answer: coded, standpoint: standpoint), coded?.entry(of: subject))
            })
        return (kept.answer, kept.standpoint)
    }

    private struct Kept: Sendable {
        var answer: Answer?
        var standpoint: Standpoint
    }

    // MARK: Dropping

    /// Takes in what has changed since the last time, so that everything up to this view is in the answers that are left.
    ///
    /// - Parameters:
    ///   - view: what readers go by.
    ///   - started: when it was looked at.
    ///   - session: where it was looked at.
    func follow(
        _ view: ShardView, since started: ContinuousClock.Instant, in session: ShardSession.Opened
    ) async throws(PostgresError) {
        let prior = seen.withLock { seen in
            seen.flatMap { $0.session == session.number && started - $0.at < Self.memory ? $0 : nil }
        }
        let rows = try await session.connection.query(
            """
            SELECT seen, projection, tenants, ids, pg_backend_pid()
            FROM main.changes_after(\(prior?.snapshot)::pg_snapshot)
            """, deadline: .seconds(2))
        var changes: [HotChange] = []
        for row in rows {
            guard let name = row[1], let projection = Projection(rawValue: name) else { continue }
            for (tenant, id) in zip(try row.decode(2, as: [UUID].self), try row.decode(3, as: [UUID?].self)) {
                changes.append(HotChange(projection: projection, tenant: TenantID(tenant), id: id))
            }
        }
        guard let first = rows.first else { throw PostgresError(.decoding, "changes come with a snapshot") }
        // Behind a pooler one session may be several of the server's.
        let backend = try first.decode(4, as: Int32.self)
        // Without an earlier snapshot nobody can say what has changed.
        if prior?.backend == backend { store.drop(changes) } else { dropAll() }
        counts.dropped.wrappingAdd(changes.count, ordering: .relaxed)
        let latest = Seen(
            snapshot: try first.decode(0), at: started, session: session.number, backend: backend)
        seen.withLock { $0 = latest }
        for generation in view.generations.values {
            guard let lane = lanes[generation.projection] else { continue }
            if lane.adopt(generation.number, epoch: view.epoch) { store.dropAll(of: generation.projection) }
            lane.open(to: generation.checkpoint, until: started + poll + Self.grace)
        }
    }

    /// What has changed is not known: nothing that is kept may be given.
    func lose() {
        seen.withLock { $0 = nil }
        dropAll()
        counts.lost.wrappingAdd(1, ordering: .relaxed)
    }

    private func dropAll() {
        for lane in lanes.values { lane.close() }
        store.dropAll()
    }

    /// Another side answers from now on.
    func switched() {
        flips.wrappingAdd(1, ordering: .sequentiallyConsistent)
        store.dropAll()
    }
}
