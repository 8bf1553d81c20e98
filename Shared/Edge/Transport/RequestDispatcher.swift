import EventSourcing
import Foundation
import HTTPTypes
import Hummingbird
import Logging
import NIOCore

/// Hands what a connection has received to those who answer it.
struct RequestDispatcher: Sendable {
    /// What is asked before a task is made.
    let hot: (any HotPath)?
    /// Of the certificate that the connection's client has shown.
    var clientSubject: String?
    private let responder: EdgeResponder
    private let logger: Logger

    init(_ responder: EdgeResponder, hot: (any HotPath)? = nil, logger: Logger) {
        self.responder = responder
        self.hot = hot
        self.logger = logger
    }

    /// Begins to handle a request. The response goes into the sink, whatever happens.
    ///
    /// - Parameter executor: of the connection's event loop; nil handles it elsewhere, as what takes long must be.
    /// - Returns: the task that handles it. Cancelling it is for requests that only read.
    func start(
        _ request: Request, on channel: any Channel, _ executor: LoopExecutor?, _ sink: any ResponseSink
    ) -> Task<Void, Never> {
        Task(executorPreference: executor) {
            var context = EdgeContext(source: ApplicationRequestContextSource(channel: channel, logger: logger))
            context.clientSubject = clientSubject
            do {
                await sink.send(
                    try await responder.respond(to: request, context: context),
                    takesGzip: Gzip.isTaken(request.headers[.acceptEncoding]))
            } catch {
                // The responder turns every error into a response: this is a cancelled task.
                sink.abort()
            }
        }
    }

    /// What a request gets that could not even be read.
    func refuse(_ problem: Problem) -> (HTTPResponse, ByteBuffer) {
        let correlation = UUID.version7()
        logger.info(
            "request refused",
            metadata: [
                "correlation_id": .string(correlation.text), "status": "\(problem.code.status)",
                "error": .string(problem.detail),
            ])
        let response = problem.response(correlationID: correlation)
        var head = response.head
        head.headerFields[.correlationID] = correlation.text
        head.headerFields[.xContentTypeOptions] = "nosniff"
        return (head, ByteBuffer(bytes: problem.bytes(correlationID: correlation)))
    }
}
