import Foundation
import Postgres
import Synchronization

/// When each version of the listings was projected: the first checkpoint that holds it.
struct History {
    /// Microseconds since 1970.
    struct Moment {
        /// The checkpoint's `committed_at`.
        var projected: Int64
        /// When a session of PostgreSQL had seen it.
        var visible: Int64
    }

    private struct Versions {
        var first: Int64 = 0
        /// In the order of versions.
        var moments: [Moment] = []
    }

    private var versions: [Versions]
    private let start: Moment

    /// - Parameters:
    ///   - start: a position, and when every listing's projection had reached it, in microseconds since 1970.
    ///   - onlooker: has looked since then, and still does.
    init(_ instance: Instance, _ shop: Shop, after start: (position: Int64, at: Int64), _ onlooker: Onlooker)
        async throws
    {
        let head = try await instance.head()
        try await until("the last checkpoint") { onlooker.moment(of: head) != nil }
        let table = try await instance.liveTable("listings")
        let numbers = Dictionary(uniqueKeysWithValues: shop.listings.enumerated().map { ($1, $0) })
        var places: [UUID: Int] = [:]
        for row in try await instance.database.query(SQL("SELECT id, document::jsonb ->> 'id' FROM main.\(table)", []))
        {
            if let number = numbers[try row.decode(1, as: String.self)] {
                places[try row.decode(0, as: UUID.self)] = number
            }
        }
        versions = shop.listings.map { _ in Versions() }
        self.start = Moment(projected: start.at, visible: start.at)
        let rows = try await instance.database.query(
            """
            SELECT e.stream_id, e.version::int8, (extract(epoch FROM (
                SELECT c.committed_at FROM main.checkpoints c JOIN main.generations g USING (projection, generation)
                WHERE g.projection = 'listings' AND g.status = 'live' AND c.position >= e.position
                ORDER BY c.position LIMIT 1)) * 1000000)::int8, e.position
            FROM main.events e WHERE e.position > \(start.position) AND e.category = 'listing' ORDER BY e.position
            """)
        for row in rows {
            guard let place = places[try row.decode(0, as: UUID.self)] else { continue }
            let version = try row.decode(1, as: Int64.self)
            if versions[place].moments.isEmpty { versions[place].first = version }
            guard let visible = onlooker.moment(of: try row.decode(3)) else {
                throw Failure("a checkpoint was not seen")
            }
            versions[place].moments.append(Moment(projected: try row.decode(2), visible: visible))
        }
    }

    /// nil for what is not there. What was there at the start was projected then at the latest.
    func moment(_ listing: Int, _ version: Int64) -> Moment? {
        let known = versions[listing]
        guard !known.moments.isEmpty else { return nil }
        guard version >= known.first else { return start }
        let index = Int(version - known.first)
        return index < known.moments.count ? known.moments[index] : nil
    }
}

/// A session of PostgreSQL that does nothing but look: it tells when checkpoints were there for readers. `committed_at` is
/// taken before the commit, and how long before depends on how busy the cores are.
final class Onlooker: Sendable {
    private let generation: Int64
    private let database: PostgresConnection
    private let sightings = Mutex<[(position: Int64, at: Int64)]>([])

    init(_ instance: Instance) async throws {
        database = try await instance.connection()
        generation = try await database.query(
            "SELECT generation::int8 FROM main.generations WHERE projection = 'listings' AND status = 'live'")[0]
            .decode(0)
    }

    /// Until the task is cancelled.
    func look() async throws {
        while !Task.isCancelled {
            let rows = try await database.query(
                """
                SELECT max(position) FROM main.checkpoints
                WHERE projection = 'listings' AND generation = \(generation)::int4
                """)
            let (position, at) = (try rows[0].decode(0, as: Int64.self), wallClock())
            sightings.withLock { if $0.last.map({ $0.position < position }) ?? true { $0.append((position, at)) } }
            try? await Task.sleep(for: .milliseconds(1))
        }
    }

    /// When everything up to a position was there, at the latest; microseconds since 1970.
    func moment(of position: Int64) -> Int64? {
        sightings.withLock { sightings in
            let index = sightings.partition { $0.position >= position }
            return index < sightings.count ? sightings[index].at : nil
        }
    }
}

extension [(position: Int64, at: Int64)] {
    /// The first place from which on it is so.
    fileprivate func partition(where isSo: (Element) -> Bool) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if isSo(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
