import Crypto
import EventSourcing
import EventStore
import Foundation
import Identity
import JSON
import Logging
import Metrics
import Postgres
import Runtime
import ServiceLifecycle

/// What an intent that fell due is decided with.
struct DueCall: Sendable {
    var payload: JSONObject
    /// Of the subject.
    var id: UUID
    /// When it was to be run.
    var dueAt: Timestamp
    var terms: Listing.Terms
    /// Identifiers for streams that it begins, the same in each attempt.
    var fresh: [UUID]
    /// Now.
    var at: Timestamp
}

/// Decides an intent that fell due, as a route decides one that was sent.
typealias DueHandler = @Sendable (DueCall, inout Decision) async throws -> Void

/// Runs intents when they fall due, each through the same path as one that was sent, with its id as idempotency key: once
/// in effect, however many processes run and however often they are killed.
///
/// A refusal is an end, kept with its reason. A failure is tried again, later each time, and its subject waits for it.
struct DueRunner: Service {
    let intents: DueIntents
    let executor: Executor
    let reader: StateReader
    let handlers: [DueKind: DueHandler]
    /// Where to LISTEN; nil polls only.
    var listen: PostgresConfiguration?
    var poll: Duration = .seconds(1)
    var clock: @Sendable () -> Timestamp = { .now }
    let logger: Logger

    static let channel = "closter_main_due"
    static let actor = "closter"
    private static let batch = 32
    /// Between two looks for what is due already and cannot be claimed, because another process is at it.
    private static let shortest = Duration.milliseconds(10)
    /// Before it is tried again; twice as long each time.
    private static func pause(after attempts: Int) -> Duration { .seconds(min(300, 1 << min(attempts - 1, 9))) }

    func run() async throws {
        await cancelWhenGracefulShutdown {
            let bell = Wakeup()
            await withTaskGroup(of: Void.self) { group in
                if let listen {
                    group.addTask { [logger] in
                        for await _ in PostgresListener(listen, channels: [Self.channel], logger: logger) {
                            bell.set()
                        }
                    }
                }
                group.addTask {
                    while !Task.isCancelled { await bell.wait(atMost: await runDue()) }
                }
                await group.waitForAll()
            }
        }
    }

    /// Runs all that is due now.
    ///
    /// - Returns: how long nothing falls due that is known of, at most the poll.
    @discardableResult
    func runDue() async -> Duration {
        do {
            while !Task.isCancelled {
                let claimed = try await intents.claim(at: clock(), atMost: Self.batch)
                guard !claimed.isEmpty else { break }
                await withTaskGroup(of: Void.self) { group in
                    for intent in claimed { group.addTask { await run(intent) } }
                }
            }
            guard let next = try await intents.next() else { return poll }
            return min(poll, max(Self.shortest, next - clock()))
        } catch {
            if !Task.isCancelled { logger.warning("due intents wait", metadata: ["error": "\(error)"]) }
            return poll
        }
    }

    private func run(_ intent: DueIntent) async {
        let end: DueEnd
        do {
            end = try await execute(intent)
        } catch {
            guard !Task.isCancelled else { return }
            logger.warning(
                "a due intent is put off",
                metadata: [
                    "intent": "\(intent.id.text)", "kind": "\(intent.kind)", "attempts": "\(intent.attempts)",
                    "correlation_id": "\(intent.correlationID.text)", "error": "\(error)",
                ])
            Counter(label: "closter_due_intents_total", dimensions: [("outcome", "failed")]).increment()
            try? await intents.postpone(
                intent, until: clock() + Self.pause(after: intent.attempts), "\(error)")
            return
        }
        // Where this is lost, the lease runs out and the key gives the same answer again.
        guard (try? await intents.finish(intent, end, at: clock())) == true else { return }
        Counter(label: "closter_due_intents_total", dimensions: [("outcome", end.outcome)]).increment()
        logger.info(
            "due",
            metadata: [
                "intent": "\(intent.id.text)", "kind": "\(intent.kind)", "subject": "\(intent.subject)",
                "outcome": "\(end.outcome)", "correlation_id": "\(intent.correlationID.text)",
            ])
    }

    private func execute(_ intent: DueIntent) async throws -> DueEnd {
        guard let kind = DueKind(rawValue: intent.kind), let handler = handlers[kind] else {
            throw DueFailure.unknownKind(intent.kind)
        }
        let now = clock()
        let call = DueCall(
            payload: intent.payload, id: intent.subject.uuid, dueAt: intent.dueAt,
            terms: try await terms(intent.tenant),
            fresh: [.version7(), .version7()], at: now)
        let metadata = Metadata(
            actor: Self.actor, commandID: .version7(), correlationID: intent.correlationID,
            causationID: intent.causationID, traceparent: intent.traceparent, requestedAt: now)
        let context = IntentContext(
            tenant: intent.tenant, metadata: metadata, key: "due/\(intent.id.text)",
            fingerprint: Array(SHA256.hash(data: Array(intent.kind.utf8) + JSONValue.object(intent.payload).bytes)))
        do {
            let executed = try await executor.execute(
                context, on: StreamID(category: intent.subject.prefix, id: intent.subject.uuid)
            ) { decision in
                try await handler(call, &decision)
            }
            return .done(position: executed.receipt.position)
        } catch let refusal as any Refusal {
            return .refused(code: refusal.code, detail: refusal.detail)
        } catch ExecutionFailure.claimed(let kind, let value, _, let wasGuard) {
            let refusal = ClaimRefusal(kind: kind, value: value, wasGuard: wasGuard)
            return .refused(code: refusal.code, detail: refusal.detail)
        }
    }

    private func terms(_ tenant: TenantID) async throws -> Listing.Terms {
        guard let stored = try await reader.state(tenant, StreamID(category: TenantAccount.category, id: tenant.uuid))
        else { throw DueFailure.tenantUnknown }
        return try Listing.Terms(try TenantRecord(stored: stored.json))
    }
}

/// Why an intent that is due cannot be run by this program, now.
enum DueFailure: Error, Equatable {
    /// A program that is older than what waits.
    case unknownKind(String)
    case tenantUnknown
}
