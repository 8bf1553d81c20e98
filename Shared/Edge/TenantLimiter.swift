import EventSourcing
import Synchronization

/// So many requests a second for each tenant, so that none takes the others' share. A tenant may save up a second's.
///
/// The generic cell rate algorithm: one instant for each tenant, that of the next request if all came evenly.
final class TenantLimiter: Sendable {
    /// Tenants that are remembered; those whose instant has passed are forgotten first.
    private static let most = 100_000

    private let interval: Duration?
    private let next = Mutex<[TenantID: ContinuousClock.Instant]>([:])

    /// - Parameter rate: requests a second; 0 does not limit.
    init(rate: Int) { interval = rate > 0 ? .seconds(1) / rate : nil }

    /// Counts a request; false where it is one too many.
    func takes(_ tenant: TenantID, at now: ContinuousClock.Instant) -> Bool {
        guard let interval else { return true }
        return next.withLock { next in
            let due = max(next[tenant] ?? now, now)
            guard due - now <= .seconds(1) else { return false }
            if next.count >= Self.most { next = next.filter { $0.value > now } }
            next[tenant] = due + interval
            return true
        }
    }
}
