import Crypto
import Edge
import EventSourcing
import EventStore
import Foundation
import HTTPTypes
import Hummingbird
import Identity
import JSON
import Logging

/// What a context offers over HTTP.
protocol Routes: Sendable {
    func add(to router: EdgeRouter)
}

/// What every route that writes is made of: it turns a request into an intent and an outcome into an answer.
struct CommandAPI: Sendable {
    let executor: Executor
    let fingerprints: Fingerprints
    let tokens: PositionTokens
    /// Of the query service, where what was created can be read.
    let queryURL: String

    /// What an answer says beyond what the outcome says.
    struct Shape: Sendable {
        /// A creation answers 201 with the place of what was created.
        var isCreation = false
        var status: HTTPResponse.Status?
        /// Whether the primary stream can be read on the query service.
        var isReadable = true
        var members: JSONObject = [:]
        /// Types of events that it does not tell.
        var withheld: Set<String> = []

        static let change = Shape()
        static let creation = Shape(isCreation: true)
    }

    /// Runs an intent and answers for it.
    ///
    /// - Parameters:
    ///   - body: what the fingerprint is made from, beside principal, method and path.
    ///   - stream: see `Executor.execute`.
    ///   - buyer: for whom the principal asks.
    ///   - again: whether the intent is to be decided again after it failed: with another of the values that it gives by
    ///     itself, where one of them was taken.
    func answer(
        _ request: Request, _ context: EdgeContext, _ tenant: TenantID, body: [UInt8], on stream: StreamID? = nil,
        for buyer: Buyer? = nil, shape: (Executed) async throws -> Shape = { _ in .change },
        again: (any Error) -> Bool = { _ in false },
        decide: (inout Decision) async throws -> Void
    ) async throws -> Response {
        do {
            let token = try await tokens.maker(tenant)
            while true {
                do {
                    let executed = try await execute(
                        request, context, tenant, body: body, on: stream, for: buyer, decide: decide)
                    return respond(executed, try await shape(executed), token)
                } catch let error where again(error) {
                    continue
                }
            }
        } catch let error {
            throw Problem(deciding: error) ?? error
        }
    }

    func execute(
        _ request: Request, _ context: EdgeContext, _ tenant: TenantID, body: [UInt8], on stream: StreamID? = nil,
        for buyer: Buyer? = nil, decide: (inout Decision) async throws -> Void
    ) async throws -> Executed {
        let principal = try context.principal()
        var metadata = try context.metadata(commandID: .version7(), causationID: nil)
        if case .secret(let key, _) = principal {
            metadata.onBehalfOf = Principal.secret(keyID: key, buyer: buyer).onBehalfOf
        }
        let executed = try await executor.execute(
            IntentContext(
                tenant: tenant, metadata: metadata,
                key: try request.idempotencyKey(),
                fingerprint: fingerprints.of(
                    principal: principal.actor, method: request.method.rawValue, path: request.uri.string, body: body),
                ifMatch: try request.ifMatch()),
            on: stream, decide: decide)
        // Ties the request's log line to the events, and by their position to what projected them.
        context.logger.info(
            executed.isReplayed ? "replayed" : executed.events.isEmpty ? "already true" : "appended",
            metadata: [
                "command_id": "\(metadata.commandID.text)", "position": "\(executed.receipt.position)",
                "events": "\(executed.events.map(\.type).joined(separator: ","))",
            ])
        return executed
    }

    func respond(_ executed: Executed, _ shape: Shape, _ token: (Int64) -> String) -> Response {
        let receipt = executed.receipt
        let id = receipt.stream.typeID.description
        var writer = JSONWriter()
        writer.beginObject()
        writer.member("id", id)
        writer.member("version", receipt.version)
        writer.member("position", receipt.position)
        writer.key("events")
        writer.beginArray()
        for event in executed.events where !shape.withheld.contains(event.type) {
            writer.beginObject()
            writer.member("type", event.type)
            writer.member("position", event.position)
            writer.endObject()
        }
        writer.endArray()
        for (name, value) in shape.members {
            writer.key(name)
            writer.raw(value.bytes)
        }
        writer.endObject()

        var headers: HTTPFields = [:]
        headers[.closterPosition] = token(receipt.position)
        if executed.isReplayed { headers[.idempotencyReplayed] = "true" }
        let isCreated = shape.isCreation && !executed.events.isEmpty
        if isCreated, shape.isReadable { headers[.location] = location(of: receipt.stream) }
        return Response.json(writer.bytes, status: shape.status ?? (isCreated ? .created : .ok), headers: headers)
    }

    func location(of stream: StreamID) -> String {
        "\(queryURL)/v1/\(stream.category)s/\(stream.typeID)"
    }
}

/// Names a request by what it asks for, without keeping it: an HMAC, so that nothing of a body can be guessed from it.
struct Fingerprints: Sendable {
    let key: SymmetricKey

    init(key: [UInt8]) {
        self.key = SymmetricKey(data: key)
    }

    func of(principal: String, method: String, path: String, body: [UInt8]) -> [UInt8] {
        var hmac = HMAC<SHA256>(key: key)
        for part in [principal, method, path] {
            hmac.update(data: Array(part.utf8))
            hmac.update(data: [0])
        }
        hmac.update(data: body)
        return Array(hmac.finalize())
    }
}

extension Request {
    /// 1 to 255 visible ASCII characters; nil where the client sent none.
    func idempotencyKey() throws -> String? {
        guard let key = try header(.idempotencyKey) else { return nil }
        guard (1...255).contains(key.utf8.count), key.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw Problem(.invalidHeader, "Idempotency-Key must be 1 to 255 visible ASCII characters")
        }
        return key
    }

    /// The version part of an ETag, `"<version>-<digest>"`, weak where the answer was compressed; nil where there is no
    /// precondition, or any version will do.
    func ifMatch() throws -> Int64? {
        guard var text = try header(.ifMatch), text != "*" else { return nil }
        if text.hasPrefix("W/") { text.removeFirst(2) }
        let tag = text.dropFirst().dropLast()
        let digits = tag.prefix { ("0"..."9").contains($0) }, rest = tag.dropFirst(digits.count)
        guard text.count > 2, text.hasPrefix("\""), text.hasSuffix("\""), !tag.contains("\""),
            !digits.hasPrefix("0"), rest.isEmpty || rest.hasPrefix("-"), let version = Int64(digits)
        else { throw Problem(.invalidHeader, "If-Match must be one ETag, as a read gives it") }
        return version
    }
}
