import EventSourcing
import Foundation
import HTTPTypes
public import Hummingbird
import Identity
import Logging
import Runtime

/// What stands between the socket and the router: every request gets its correlation, is known or refused before a
/// handler sees it, and whatever is thrown becomes a problem document.
///
/// Order: headers (400), path (404), method (405, OPTIONS), who asks (401, 403), how often (429), handler.
public struct EdgeResponder: HTTPResponder {
    public typealias Context = EdgeContext

    let inner: RouterResponder<EdgeContext>
    let routes: RouteTable
    /// Nil where nothing under `/v1` is served.
    let authenticator: Authenticator?
    let metrics: RequestMetrics
    let callers: KnownCallers
    let limiter: TenantLimiter
    let logger: Logger

    /// Paths under `/v1` that are not about a tenant.
    private static let tenantlessPatterns: Set<String> = ["/v1/tenants"]
    /// What pages show by its address: a browser sends no header with it, so a publishable key may come as `key`.
    private static let linkedPatterns: Set<String> = ["/v1/photos/{name}"]

    public func respond(to request: Request, context: EdgeContext) async throws -> Response {
        let start = ContinuousClock.now
        metrics.begin()
        var context = context
        context.logger = logger
        let route = routes.route(of: request.uri.path)
        var response: Response
        do {
            response = try await answer(request, route: route, context: &context)
        } catch {
            let problem = Problem(error)
            log(error, as: problem, context)
            response = problem.response(correlationID: context.correlationID)
        }
        finish(&response, request, context)
        let duration = ContinuousClock.now - start
        metrics.end(
            route: route?.pattern ?? "unmatched", method: request.method, status: response.status.code,
            duration: duration)
        logAccess(request, response, duration, context)
        return response
    }

    private func answer(
        _ request: Request, route: RouteTable.Route?, context: inout EdgeContext
    ) async throws -> Response {
        try takeUpTrace(request, &context)
        guard let route else {
            // A preflight must pass for the browser to show the 404 that follows.
            if request.method == .options { return CrossOrigin.options(request, methods: ["GET", "HEAD"]) }
            throw Problem(.notFound, "There is nothing at this path.")
        }
        if request.method == .options, !route.methods.contains(.options) {
            return CrossOrigin.options(request, methods: route.methodNames)
        }
        guard route.methods.contains(request.method) else {
            var problem = Problem(.methodNotAllowed)
            problem.headers[.allow] = (route.methodNames + ["OPTIONS"]).joined(separator: ", ")
            throw problem
        }
        if route.segments.first == .literal("v1") {
            try await admit(request, route, &context)
        }
        let response = try await inner.respond(to: request, context: context)
        // The framework's own refusals have a form of their own.
        let isProblem = response.headers[.contentType]?.hasPrefix(Problem.contentType) ?? false
        if response.status.code >= 400, !isProblem, response.status.code != 503 || !isOperational(route) {
            throw Problem(.standing(for: response.status.code))
        }
        return response
    }

    private func admit(
        _ request: Request, _ route: RouteTable.Route, _ context: inout EdgeContext
    ) async throws {
        guard let authenticator else { throw Problem(.unauthenticated) }
        let access = try await authenticator.access(
            request, needsTenant: !Self.tenantlessPatterns.contains(route.pattern),
            isLinked: Self.linkedPatterns.contains(route.pattern))
        context.access = access
        if let tenant = access.tenant { context.logger[metadataKey: "tenant"] = .string(tenant.slug) }
        if case .publishable = access.principal, request.method != .get, request.method != .head {
            throw Problem(.forbidden, "A publishable key only reads.")
        }
        if let tenant = access.tenant {
            guard limiter.takes(tenant.id, at: .now) else { throw Problem(.tooManyRequests) }
            if request.method == .get || request.method == .head {
                callers.remember(
                    access,
                    of: KnownCallers.Credentials(
                        authorization: request.headers[.authorization], key: request.headers[.closterKey],
                        tenant: request.headers[.closterTenant]))
            }
        }
    }

    private func takeUpTrace(_ request: Request, _ context: inout EdgeContext) throws(Problem) {
        context.traceparent = request.headers[.traceparent].flatMap(TraceParent.taken) ?? TraceParent.make()
        var refusal: Problem?
        do throws(Problem) {
            if let given = try request.header(.correlationID) {
                if let uuid = UUID(uuidString: given.trimmed) {
                    context.correlationID = uuid
                } else {
                    refusal = Problem(.invalidHeader, "X-Correlation-Id must be a UUID.")
                }
            }
        } catch {
            refusal = error
        }
        context.logger[metadataKey: "correlation_id"] = .string(context.correlationID.uuidString.lowercased())
        if let refusal { throw refusal }
    }

    private func finish(_ response: inout Response, _ request: Request, _ context: EdgeContext) {
        response.headers[.correlationID] = context.correlationID.uuidString.lowercased()
        if !context.traceparent.isEmpty { response.headers[.traceparent] = context.traceparent }
        // The bytes are JSON or text: never to be guessed at.
        response.headers[.xContentTypeOptions] = "nosniff"
        if response.status == .notModified || response.status == .noContent {
            response.headers[.contentLength] = nil
        }
        if let access = context.access {
            CrossOrigin.mark(
                &response.headers, origin: request.headers[.origin], allowed: access.allowedOrigins)
        }
    }

    private func isOperational(_ route: RouteTable.Route) -> Bool {
        OpsRoutes.patterns.contains(route.pattern)
    }

    // MARK: Logging

    private func log(_ error: any Error, as problem: Problem, _ context: EdgeContext) {
        if error is ClientGone {
            context.logger.debug("the client left before its request was answered")
        } else if problem.code == .internalError {
            context.logger.error(
                "request failed", metadata: ["error": "\(error)", "type": "\(type(of: error))"])
        } else if problem.code.status >= 500 {
            context.logger.warning("request could not be served", metadata: ["error": "\(error)"])
        }
    }

    /// Reads are logged at debug: they come by the thousand, and the metrics count them.
    private func logAccess(_ request: Request, _ response: Response, _ duration: Duration, _ context: EdgeContext) {
        let isRead = request.method == .get || request.method == .head || request.method == .options
        let level: Logger.Level = isRead && response.status.code < 500 ? .debug : .info
        context.logger.log(
            level: level, "request",
            metadata: [
                "method": .string(request.method.rawValue), "path": .string(request.uri.path),
                "status": .stringConvertible(response.status.code),
                "duration_ms": .stringConvertible((duration / .microseconds(1)).rounded() / 1_000),
            ])
    }
}
