import EventSourcing
import Foundation
import JSON
import NIOCore

/// The API of one service, as an operator of a tenant uses it.
struct ServiceClient: Sendable {
    /// How the service is called in messages.
    let name: String
    let base: String
    let token: String
    let tenant: String?
    let context: Context

    static func command(_ context: Context, tenant: String?) throws(ToolFailure) -> ServiceClient {
        try ServiceClient(
            name: "the command service", base: context.settings.url("CLOSTER_COMMAND_URL"),
            token: context.settings.require("CLOSTER_OPERATOR_TOKEN"), tenant: tenant, context: context)
    }

    static func query(_ context: Context, tenant: String?) throws(ToolFailure) -> ServiceClient {
        try ServiceClient(
            name: "the query service", base: context.settings.url("CLOSTER_QUERY_URL"),
            token: context.settings.require("CLOSTER_OPERATOR_TOKEN"), tenant: tenant, context: context)
    }

    struct Answer: Sendable {
        var status: Int
        var json: JSONValue
        var response: Response
    }

    static let attempts = 5

    /// Sends, and repeats what may be repeated: what never arrived, what was answered 503, and what broke off. A write
    /// carries one idempotency key through all of it, so however often it is sent it has one effect.
    /// Any answer but a 2xx is thrown as a `ToolFailure` that carries its status.
    func send(
        _ method: String, _ path: String, query: [(String, String)] = [], body: Request.Body = .none,
        deadline: Duration = .seconds(30)
    ) async throws -> Answer {
        var headers = headers(accept: "application/json")
        if method != "GET" { headers.append(("idempotency-key", UUID.version7().uuidString.lowercased())) }
        let request = Request(
            method: method, url: base + path + Self.encode(query), headers: headers, body: body, deadline: deadline)

        var attempt = 1
        while true {
            let problem: ToolFailure
            var delay = Duration.milliseconds(200) * (1 << (attempt - 1))
            switch await exchange(request) {
            case .success(let response) where (200..<300).contains(response.status):
                return Answer(status: response.status, json: try decode(response), response: response)
            case .success(let response):
                problem = ToolFailure(problem: response.body, status: response.status, from: name)
                guard [502, 503, 504].contains(response.status) else { throw problem }
                if let seconds = response.header("retry-after").flatMap(Int.init) {
                    delay = .seconds(min(max(seconds, 0), 10))
                }
            case .failure(let failure):
                problem = explain(failure)
                if failure.kind == .unreadable { throw ToolFailure(failure.message) }
            }
            guard attempt < Self.attempts else { throw problem }
            attempt += 1
            try await context.pause(delay)
        }
    }

    /// Asks for an answer that has no end, once.
    /// - Throws: `TransportFailure` where nothing came, and a `ToolFailure` with its status for any answer but a 200.
    func open(
        _ path: String, query: [(String, String)] = [], headers more: [(String, String)] = [], accept type: String
    ) async throws -> OpenResponse {
        let answer = try await context.transport.open(
            Request(method: "GET", url: base + path + Self.encode(query), headers: headers(accept: type) + more))
        guard answer.status != 200 else { return answer }
        var body: [UInt8] = []
        for try await part in answer.body where body.count < 64 * 1024 { body += part.readableBytesView }
        throw ToolFailure(problem: body, status: answer.status, from: name)
    }

    /// What a person is told of an exchange that did not come about.
    func explain(_ failure: TransportFailure) -> ToolFailure {
        let hint = failure.kind == .unreachable ? " (is it running?)" : ""
        return ToolFailure("cannot reach \(name) at \(base): \(failure.message)\(hint)")
    }

    private func headers(accept type: String) -> [(name: String, value: String)] {
        var headers = [(name: "authorization", value: "Bearer \(token)"), (name: "accept", value: type)]
        if let tenant { headers.append((name: "closter-tenant", value: tenant)) }
        return headers
    }

    private func exchange(_ request: Request) async -> Result<Response, TransportFailure> {
        do throws(TransportFailure) {
            return .success(try await context.transport.send(request))
        } catch {
            return .failure(error)
        }
    }

    func post(_ path: String, _ json: JSONValue) async throws -> Answer {
        try await send("POST", path, body: .bytes(json.bytes, contentType: "application/json"))
    }

    private func decode(_ response: Response) throws(ToolFailure) -> JSONValue {
        if response.body.isEmpty { return .null }
        do {
            return try JSONValue(parsing: response.body)
        } catch {
            throw ToolFailure("\(name) answered something else than JSON: is \(base) its address?")
        }
    }

    /// One segment of a path.
    static func escape(_ segment: String) -> String {
        segment.addingPercentEncoding(withAllowedCharacters: unreserved) ?? segment
    }

    private static func encode(_ query: [(String, String)]) -> String {
        query.isEmpty ? "" : "?" + query.map { "\(escape($0.0))=\(escape($0.1))" }.joined(separator: "&")
    }

    private static let unreserved = CharacterSet(
        charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
}
