import EventSourcing
import EventStore
import Foundation
import Logging
import Postgres

/// What an intent comes with, whoever sent it.
struct IntentContext: Sendable {
    var tenant: TenantID
    var metadata: Metadata
    /// The client's idempotency key; nil: it sent none.
    var key: String?
    /// Of principal, method, path and body.
    var fingerprint: [UInt8]
    /// The version that the client expects the primary stream to have.
    var ifMatch: Int64?

    var now: Timestamp { metadata.requestedAt }
}

/// What became of an intent that was not refused.
struct Executed: Sendable {
    var receipt: Receipt
    var events: [(type: String, position: Int64)]
    /// The answer of an earlier request under the same key.
    var isReplayed: Bool
}

/// Why an intent came to nothing, apart from a refusal by a rule, which keeps its own type.
enum ExecutionFailure: Error {
    /// The primary stream is not at the version that `If-Match` names.
    case preconditionFailed(actual: Int64)
    /// Others were faster, again and again.
    case conflict
    /// The key is known with another fingerprint.
    case keyReused
    /// The first request under the key is still in flight.
    case keyInFlight
    /// Postgres is away; nothing was appended.
    case unavailable(any Error)
    /// Whether it was appended is not known; the key finds out.
    case outcomeUnknown(key: String)
    /// A value that must be unique, or absent, is taken.
    case claimed(kind: String, value: String, holder: StreamID, wasGuard: Bool)
}

/// Decides intents and appends what was decided.
final class Executor: Sendable {
    private let appender: Appender
    private let reader: StateReader
    private let cache = StateCache()
    private let keys = KeyedLock<String>()
    private let streams = KeyedLock<StateCache.Key>()
    private let doorbell: Doorbell?
    /// Rung where something falls due.
    private let dueBell: Doorbell?
    private let logger: Logger

    /// Attempts before an intent that always meets a faster one is a conflict.
    private static let attempts = 6
    /// How long a request waits for the first under its key.
    private static let patience = Duration.seconds(5)

    /// - Parameter doorbell: nil where it is switched off, as is `dueBell`.
    init(
        appender: Appender, reader: StateReader, doorbell: Doorbell?, dueBell: Doorbell? = nil, logger: Logger
    ) {
        self.appender = appender
        self.reader = reader
        self.doorbell = doorbell
        self.dueBell = dueBell
        self.logger = logger
    }

    /// Decides and appends, at most once under its key.
    ///
    /// - Parameters:
    ///   - first: the stream most in demand by this intent, if it exists already: intents on it take turns in this
    ///     process, each decided on the result of the one before, instead of conflicting.
    ///   - decide: see `Decision`. It throws a refusal, or hands over what to append, or nothing where the intent is
    ///     already true.
    func execute(
        _ context: IntentContext, on first: StreamID? = nil,
        decide: (inout Decision) async throws -> Void
    ) async throws -> Executed {
        guard let key = context.key else { return try await takeTurn(context, first, decide) }
        do {
            return try await keys.withLock("\(context.tenant)/\(key)", patience: Self.patience) {
                if let known = try await reading({ try await reader.outcome(context.tenant, key: key) }) {
                    return try await replay(known.receipt, fingerprint: known.fingerprint, context)
                }
                return try await takeTurn(context, first, decide)
            }
        } catch is KeyedLock<String>.TimedOut {
            throw ExecutionFailure.keyInFlight
        }
    }

    private func takeTurn(
        _ context: IntentContext, _ first: StreamID?, _ decide: (inout Decision) async throws -> Void
    ) async throws -> Executed {
        guard let first else { return try await attempt(context, decide) }
        do {
            return try await streams.withLock(.init(tenant: context.tenant, stream: first), patience: Self.patience) {
                try await attempt(context, decide)
            }
        } catch is KeyedLock<StateCache.Key>.TimedOut {
            throw ExecutionFailure.conflict
        }
    }

    private func attempt(
        _ context: IntentContext, _ decide: (inout Decision) async throws -> Void
    ) async throws -> Executed {
        var isFresh = false
        var attempt = 1
        while true {
            var decision = Decision(tenant: context.tenant, reader: reader, cache: cache, isFresh: isFresh)
            var no: (any Error)?
            do { try await reading { try await decide(&decision) } } catch { no = error }
            // The precondition comes before every rule of the business.
            no = failedPrecondition(context.ifMatch, decision) ?? no
            if let no {
                // A no on the ground of a cached state is only a reason to look again.
                guard decision.usesCache else { throw no }
                isFresh = true
                continue
            }
            if decision.changes.isEmpty {
                if decision.usesCache {
                    isFresh = true
                    continue
                }
                if context.key == nil, let primary = decision.primary { return alreadyTrue(primary, context) }
            }
            switch try await append(decision, context) {
            case .appended(let receipt):
                remember(decision, receipt)
                return Executed(receipt: receipt, events: events(of: decision, receipt), isReplayed: false)
            case .replayed(let receipt, let fingerprint):
                return try await replay(receipt, fingerprint: fingerprint, context)
            case .conflict(let stream, let actual):
                cache.remove(.init(tenant: context.tenant, stream: stream))
                if let ifMatch = context.ifMatch, stream == decision.primary?.stream, ifMatch != actual {
                    throw ExecutionFailure.preconditionFailed(actual: actual)
                }
                try lookAgain(&attempt)
                isFresh = true
            case .claimed(let kind, _, _) where ClaimKind.numbered.contains(kind):
                try lookAgain(&attempt)
                isFresh = true
            case .claimed(let kind, let value, let holder):
                let wasGuard = decision.claims.contains { claim in
                    if case .absent(kind, let prefix) = claim { value.hasPrefix(prefix) } else { false }
                }
                throw ExecutionFailure.claimed(kind: kind, value: value, holder: holder, wasGuard: wasGuard)
            }
        }
    }

    private func lookAgain(_ attempt: inout Int) throws {
        guard attempt < Self.attempts else { throw ExecutionFailure.conflict }
        attempt += 1
    }

    /// A stream that does not exist has no version to differ: that it is unknown says more.
    private func failedPrecondition(_ ifMatch: Int64?, _ decision: Decision) -> ExecutionFailure? {
        guard let ifMatch, let primary = decision.primary,
            let actual = decision.expectations.first(where: { $0.stream == primary.stream })?.version,
            actual != 0, actual != ifMatch
        else { return nil }
        return .preconditionFailed(actual: actual)
    }

    private func append(_ decision: Decision, _ context: IntentContext) async throws -> AppendOutcome {
        guard let primary = decision.primary else { throw ExecutionFailure.conflict }
        let key = context.key ?? context.metadata.commandID.uuidString.lowercased()
        let intent = Intent(
            tenant: context.tenant, metadata: context.metadata, key: key, fingerprint: context.fingerprint,
            primary: primary.stream, version: primary.version, position: primary.position,
            expectations: decision.expectations, changes: decision.changes, claims: decision.claims,
            tasks: decision.tasks, dueIntents: decision.dueIntents)
        do throws(AppendFailure) {
            let outcome = try await appender.append(intent)
            if case .appended = outcome {
                if !decision.changes.isEmpty { doorbell?.ring() }
                if !decision.dueIntents.isEmpty { dueBell?.ring() }
            }
            return outcome
        } catch {
            switch error {
            case .outcomeUnknown: throw ExecutionFailure.outcomeUnknown(key: key)
            case .unavailable, .overloaded, .closed: throw ExecutionFailure.unavailable(error)
            case .refused(let cause): throw cause
            }
        }
    }

    private func remember(_ decision: Decision, _ receipt: Receipt) {
        for change in decision.appended {
            cache.store(
                .init(version: change.version, position: receipt.position, state: change.state), for: change.key)
        }
    }

    private func events(of decision: Decision, _ receipt: Receipt) -> [(type: String, position: Int64)] {
        guard let first = receipt.firstPosition else { return [] }
        return decision.changes.flatMap(\.events).enumerated().map { ($1.type, first + Int64($0)) }
    }

    private func alreadyTrue(
        _ primary: (stream: StreamID, version: Int64, position: Int64), _ context: IntentContext
    ) -> Executed {
        Executed(
            receipt: Receipt(
                stream: primary.stream, version: primary.version, position: primary.position, firstPosition: nil,
                recordedAt: context.now),
            events: [], isReplayed: false)
    }

    private func replay(
        _ receipt: Receipt, fingerprint: [UInt8], _ context: IntentContext
    ) async throws -> Executed {
        guard fingerprint == context.fingerprint else { throw ExecutionFailure.keyReused }
        let events = try await reading { try await reader.events(context.tenant, of: receipt) }
        return Executed(receipt: receipt, events: events, isReplayed: true)
    }

    /// A database that is away while an intent is only being decided has changed nothing.
    private func reading<Value>(_ work: () async throws -> Value) async throws -> Value {
        do {
            return try await work()
        } catch let error as PostgresError where error.kind != .decoding {
            throw ExecutionFailure.unavailable(error)
        }
    }
}
