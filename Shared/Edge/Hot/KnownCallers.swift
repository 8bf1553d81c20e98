import EventSourcing
import Foundation
import Hummingbird
import Identity
import Synchronization

/// Who has been found out a moment ago, by what they sent: so that a reader is not looked up for each of a thousand reads.
///
/// Nobody is known for longer than what was found out holds: the tenant's record for a second, a token until it expires.
/// One request in a while is not told, so that it finds out anew while the others are still answered.
final class KnownCallers: Sendable {
    /// More than these are forgotten, all at once.
    static let limit = 4_096
    private static let retry: Duration = .milliseconds(100)

    struct Credentials: Sendable {
        /// The field's whole value.
        var authorization: ArraySlice<UInt8>?
        var key: ArraySlice<UInt8>?
        var tenant: ArraySlice<UInt8>?

        var isOne: Bool { (authorization == nil) != (key == nil) }

        /// By a function that nobody outside can compute.
        fileprivate var digest: Int {
            var hasher = Hasher()
            Self.combine(authorization, &hasher)
            Self.combine(key, &hasher)
            Self.combine(tenant, &hasher)
            return hasher.finalize()
        }

        private static func combine(_ field: ArraySlice<UInt8>?, _ hasher: inout Hasher) {
            hasher.combine(field?.count ?? -1)
            field?.withUnsafeBytes { hasher.combine(bytes: $0) }
        }

        /// In a time that does not tell where two differ.
        fileprivate func isSame(as other: Credentials) -> Bool {
            Self.isSame(authorization, other.authorization) && Self.isSame(key, other.key)
                && Self.isSame(tenant, other.tenant)
        }

        private static func isSame(_ left: ArraySlice<UInt8>?, _ right: ArraySlice<UInt8>?) -> Bool {
            guard let left, let right else { return left == nil && right == nil }
            return left.withUnsafeBufferPointer { left in
                right.withUnsafeBufferPointer { right in
                    guard left.count == right.count else { return false }
                    var difference: UInt8 = 0
                    for index in left.indices { difference |= left[index] ^ right[index] }
                    return difference == 0
                }
            }
        }
    }

    final class Caller: Sendable {
        let reader: HotReader
        let allowedOrigins: [String]
        fileprivate let credentials: Credentials
        fileprivate let validUntil: ContinuousClock.Instant
        fileprivate let renewal: Mutex<ContinuousClock.Instant>

        fileprivate init(_ access: Access, _ tenant: TenantID, _ credentials: Credentials) {
            reader = HotReader(tenant: tenant, seesEverything: access.principal.isOperator)
            allowedOrigins = access.allowedOrigins
            self.credentials = credentials
            validUntil = access.validUntil
            let now = ContinuousClock.now
            renewal = Mutex(max(now + KnownCallers.retry, now + (access.validUntil - now) / 2))
        }

        /// Whether it is this request that finds out anew.
        fileprivate func isDue(at now: ContinuousClock.Instant) -> Bool {
            renewal.withLock { renewal in
                guard renewal <= now else { return false }
                renewal = now + KnownCallers.retry
                return true
            }
        }
    }

    private let callers = Mutex<[Int: Caller]>([:])

    /// nil: to be found out.
    func caller(_ credentials: Credentials, at now: ContinuousClock.Instant) -> Caller? {
        guard credentials.isOne else { return nil }
        let digest = credentials.digest
        guard let caller = callers.withLock({ $0[digest] }), now < caller.validUntil,
            caller.credentials.isSame(as: credentials), !caller.isDue(at: now)
        else { return nil }
        return caller
    }

    /// Remembers what was found out.
    func remember(_ access: Access, of credentials: Credentials) {
        guard credentials.isOne, let tenant = access.tenant?.id else { return }
        let caller = Caller(access, tenant, credentials)
        callers.withLock { callers in
            if callers.count >= Self.limit { callers.removeAll(keepingCapacity: true) }
            callers[credentials.digest] = caller
        }
    }
}

extension KnownCallers.Credentials {
    init(authorization: String? = nil, key: String? = nil, tenant: String? = nil) {
        func bytes(_ field: String?) -> ArraySlice<UInt8>? { field.map { Array($0.utf8)[...] } }
        self.init(authorization: bytes(authorization), key: bytes(key), tenant: bytes(tenant))
    }
}
