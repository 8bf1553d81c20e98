import EventSourcing
import Foundation
import HTTPTypes
import Logging

/// What the edge does for a request that the router does not see: who asks, the tenant's limit, its trace, its origin,
/// its metrics. What it is not sure of it leaves to the router.
struct HotEdge: HotPath {
    private let reads: any HotReads
    private let callers: KnownCallers
    private let limiter: TenantLimiter
    private let usages: [RouteUsage]
    private let isLogged: Bool

    /// - Parameter logger: where it logs each read, all go the long way.
    init(
        _ reads: any HotReads, callers: KnownCallers, limiter: TenantLimiter, metrics: RequestMetrics, logger: Logger
    ) {
        self.reads = reads
        self.callers = callers
        self.limiter = limiter
        usages = reads.routes.map(metrics.usage)
        isLogged = logger.logLevel <= .debug
    }

    func answer(_ request: HotRequest, own: inout FieldBlock) -> FinishedResponse? {
        guard !request.isUnusual, !request.refusesKept, !isLogged else { return nil }
        let start = ContinuousClock.now
        guard let caller = callers.caller(request.credentials, at: start),
            let correlation = Self.correlation(request),
            let (response, route) = reads.answer(request, for: caller.reader, at: start, own: &own),
            limiter.takes(caller.reader.tenant, at: start)
        else { return nil }
        own.append("x-correlation-id", isUnique: true) { correlation.append(to: &$0) }
        own.append("traceparent", isUnique: true) { text in
            if let trace = request.traceparent.flatMap(TraceParent.taken) {
                text.append(contentsOf: trace.utf8)
            } else {
                TraceParent.append(to: &text)
            }
        }
        if !caller.allowedOrigins.isEmpty {
            var fields = HTTPFields()
            CrossOrigin.mark(&fields, origin: request.origin, allowed: caller.allowedOrigins)
            for field in fields { own.append(field.name.canonicalName, field.value) }
        }
        usages[route].count(isHead: request.isHead, status: response.status, ContinuousClock.now - start)
        return response
    }

    /// nil: not a UUID, which the router refuses.
    private static func correlation(_ request: HotRequest) -> UUID? {
        guard let given = request.correlationID else { return .version7() }
        return UUID(uuidString: given.trimmed)
    }
}
