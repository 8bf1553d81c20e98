import Foundation
import JSON
import NIOCore

/// Follows `GET /v1/events`, and comes back whenever the stream ends: after the last event that was seen, so that none
/// is missed or told twice.
struct EventFeed: Sendable {
    /// Before the first stream has come about; later ones are tried for ever.
    static let attempts = 5
    static let longestPause = Duration.seconds(10)

    let client: ServiceClient
    /// `category` and `type`.
    let filter: [(String, String)]
    private(set) var position: Int64
    private var hasBegun = false
    private var failures = 0
    private var pause: Duration?

    init(client: ServiceClient, filter: [(String, String)], after position: Int64) {
        self.client = client
        self.filter = filter
        self.position = position
    }

    /// Until `take` says false.
    /// - Throws: a refusal, what makes no stream, and `CancellationError`.
    mutating func run(_ take: (JSONValue) -> Bool) async throws {
        while true {
            do {
                guard try await stream(take) else { return }
                failures = 0
            } catch let failure as TransportFailure {
                try fail(client.explain(failure))
            } catch let failure as ToolFailure where [502, 503, 504].contains(failure.status) {
                try fail(failure)
            }
            try Task.checkCancellation()
            try await client.context.pause(nextPause)
        }
    }

    private mutating func fail(_ failure: ToolFailure) throws(ToolFailure) {
        failures += 1
        if !hasBegun, failures >= Self.attempts { throw failure }
        if failures == 1 { client.context.console.note("\(failure.message); trying again") }
    }

    private var nextPause: Duration {
        failures == 0 ? pause ?? .seconds(1) : min(.milliseconds(200) * (1 << min(failures - 1, 6)), Self.longestPause)
    }

    /// One stream to its end; false when `take` has had enough.
    private mutating func stream(_ take: (JSONValue) -> Bool) async throws -> Bool {
        let resume = hasBegun ? [("last-event-id", "\(position)")] : []
        let answer = try await client.open(
            "/v1/events", query: [("follow", "true"), ("after", "\(position)")] + filter, headers: resume,
            accept: "text/event-stream")
        hasBegun = true
        failures = 0
        var reader = ServerSentEventReader()
        do {
            for try await piece in answer.body {
                for event in try reader.read(piece.readableBytesView) {
                    guard let number = Int64(event.id), let document = try? JSONValue(parsing: Array(event.data.utf8))
                    else {
                        throw ToolFailure(
                            "\(client.name) sent something else than events: is \(client.base) its address?")
                    }
                    guard number > position else { continue }
                    position = number
                    guard take(document) else { return false }
                }
                pause = reader.retry ?? pause
            }
        } catch let failure as ToolFailure {
            throw failure
        } catch is ServerSentEventReader.TooLarge {
            throw ToolFailure("\(client.name) sent an event that is too large")
        } catch {
            try Task.checkCancellation()
            throw TransportFailure(kind: .broken, message: "the connection broke off")
        }
        return true
    }
}
