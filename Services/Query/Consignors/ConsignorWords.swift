import EventSourcing
import Foundation
import PersonalData
import Synchronization

/// The words by which a search finds consignors, as they were opened for one, kept for the next: somebody who searches
/// types one letter after the other.
///
/// In this process's memory and nowhere else, and there no longer than `lifetime` after the tenant's last search. What was
/// opened at a version counts for that version only: whoever was changed or erased since is not found by it.
final class ConsignorWords: Sendable {
    static let lifetime = Duration.seconds(600)
    /// Of all tenants together; about 400 bytes each.
    static let mostConsignors = 200_000

    struct Entry: Sendable {
        /// Of the consignor's stream.
        var version: Int64
        var words: Personal<[String]>
    }

    private struct Shelf {
        var entries: [UUID: Entry] = [:]
        var searchedAt: ContinuousClock.Instant
    }

    private let shelves = Mutex<[TenantID: Shelf]>([:])

    /// What is known of a tenant's consignors; a search that begins now.
    func known(of tenant: TenantID, at now: ContinuousClock.Instant = .now) -> [UUID: Entry] {
        shelves.withLock { shelves in
            shelves[tenant]?.searchedAt = now
            return shelves[tenant]?.entries ?? [:]
        }
    }

    /// Where there would be too many, those of the tenants go that have not searched for longest.
    func keep(_ entries: [UUID: Entry], of tenant: TenantID, at now: ContinuousClock.Instant = .now) {
        shelves.withLock { shelves in
            shelves[tenant, default: Shelf(searchedAt: now)].entries.merge(entries) { $1 }
            shelves[tenant]?.searchedAt = now
            while shelves.values.reduce(0, { $0 + $1.entries.count }) > Self.mostConsignors,
                let oldest = shelves.min(by: { $0.value.searchedAt < $1.value.searchedAt })?.key
            {
                shelves[oldest] = nil
            }
        }
    }

    /// Forgets the words of tenants who have stopped searching.
    func sweep(at now: ContinuousClock.Instant = .now) {
        shelves.withLock { $0 = $0.filter { now - $0.value.searchedAt < Self.lifetime } }
    }

    /// Sweeps, until its task is cancelled.
    func run() async {
        while !Task.isCancelled {
            sweep()
            try? await Task.sleep(for: .seconds(60))
        }
    }
}
