import Edge
import EventSourcing
import HTTPTypes
import Hummingbird
import Identity
import NIOCore

/// `GET /v1/events?follow=true`: the tenant's events after a position and, from then on, as they come, as server-sent
/// events.
///
/// A stream ends after at most a quarter of an hour, so that its reader is authorised anew, when the process stops, or
/// when the reader is gone. A reader that comes back with `Last-Event-ID`, as browsers do by themselves, misses nothing
/// and sees nothing twice.
extension HistoryRoutes {
    func follow(
        after position: Int64, _ filter: FeedFilter, of tenant: Tenant, _ request: Request
    ) async throws -> Response {
        guard request.headers[.contentLength] ?? "0" == "0", request.headers[.transferEncoding] == nil else {
            throw Problem(.badRequest, "a followed feed takes no body")
        }
        let position = try Self.lastEventID(request) ?? position
        let standpoint = try await standpoints.tables(for: tenant, request)
        guard position <= standpoint.position.position else {
            throw Problem(.invalidPosition, "the log does not reach as far: it ends at \(standpoint.position.position)")
        }
        var headers: HTTPFields = [.contentType: ServerSentEvents.mediaType, .xAccelBuffering: "no"]
        Caching.writeNever(to: &headers)
        standpoint.write(to: &headers)
        let seat = try feed.join(tenant.id, filter: filter)
        let body = ResponseBody { [history, turns] writer in
            let stream = FollowerStream(feed: seat.feed, follower: seat.follower, history: history, turns: turns)
            let sink = Sink(writer: writer)
            let task = Task { try await stream.run(after: position) { try await sink.writer.write($0) } }
            seat.follower.attach(task)
            // The transport cancels a read whose client has gone.
            try await withTaskCancellationHandler {
                try await task.value
            } onCancel: {
                task.cancel()
            }
            try await sink.writer.finish(nil)
        }
        return Response(status: .ok, headers: headers, body: body)
    }

    /// Of a reader that comes back; it knows better than the address it comes with.
    private static func lastEventID(_ request: Request) throws -> Int64? {
        guard let text = try request.header(.lastEventID), !text.isEmpty else { return nil }
        guard let position = Int64(text), position >= 0, text.first != "+" else {
            throw Problem(.invalidHeader, "Last-Event-ID is not the id of an event, which is a position")
        }
        return position
    }
}

/// Lends the writer of a body to the task that writes it.
private final class Sink: @unchecked Sendable {
    // Only that task writes, and the body only after the task has ended.
    var writer: any ResponseBodyWriter

    init(writer: any ResponseBodyWriter) { self.writer = writer }
}

extension HTTPField.Name {
    /// Known to be legal, so the fallbacks are never used.
    static let lastEventID = Self("Last-Event-ID") ?? .accept
    static let xAccelBuffering = Self("X-Accel-Buffering") ?? .cacheControl
}
