import Foundation
import NIOCore
import Synchronization

@testable import Operator

/// What a run of the tool printed and how it ended.
struct Run {
    var status: Int32
    var out: String
    var err: String
    var pauses: [Duration]
}

/// Answers by a closure and keeps what was asked.
final class FakeTransport: Transport {
    private let reply: @Sendable (Request, Int) throws(TransportFailure) -> Response
    private let kept = Mutex<[Request]>([])

    init(_ reply: @escaping @Sendable (Request, Int) throws(TransportFailure) -> Response) { self.reply = reply }

    var requests: [Request] { kept.withLock { $0 } }

    func send(_ request: Request) async throws(TransportFailure) -> Response {
        let number = kept.withLock { requests in
            requests.append(request)
            return requests.count
        }
        return try reply(request, number)
    }

    /// The whole body in pieces of a few bytes; then the end.
    func open(_ request: Request) async throws(TransportFailure) -> OpenResponse {
        let response = try await send(request)
        let pieces = stride(from: 0, to: response.body.count, by: 7).map { start in
            ByteBuffer(bytes: response.body[start..<min(start + 7, response.body.count)])
        }
        let body = AsyncThrowingStream<ByteBuffer, any Error> { continuation in
            for piece in pieces { continuation.yield(piece) }
            continuation.finish()
        }
        return OpenResponse(status: response.status, headers: response.headers, body: body)
    }
}

extension Response {
    static func json(_ status: Int, _ text: String, headers: [(name: String, value: String)] = []) -> Response {
        Response(status: status, headers: headers, body: Array(text.utf8))
    }
}

extension Request {
    func header(_ name: String) -> String? { headers.first { $0.name == name }?.value }

    var text: String {
        if case .bytes(let bytes, _) = body { String(decoding: bytes, as: UTF8.self) } else { "" }
    }
}

let environment = [
    "CLOSTER_COMMAND_URL": "http://command.test", "CLOSTER_QUERY_URL": "http://query.test/",
    "CLOSTER_OPERATOR_TOKEN": "operators-token", "CLOSTER_TENANT": "demo",
]

/// Runs a command line with everything it might touch handed in.
func closter(
    _ arguments: [String], environment: [String: String] = environment, directory: String = "/nowhere",
    interactive: Bool = false, transport: any Transport = FakeTransport { _, _ in Response(status: 500) },
    pause: @escaping @Sendable (Duration) async throws -> Void = { _ in },
    interruption: @escaping @Sendable () async -> Void = { try? await Task.sleep(for: .seconds(3_600)) }
) async -> Run {
    let kept = Kept()
    let console = Console(
        out: { text in kept.out.withLock { $0 += text } }, err: { text in kept.err.withLock { $0 += text } },
        isInteractive: interactive)
    let status = await OperatorTool.run(
        arguments, environment: environment, directory: directory, console: console, transport: transport,
        pause: { duration in
            kept.pauses.withLock { $0.append(duration) }
            try await pause(duration)
        }, interruption: interruption)
    return Run(
        status: status, out: kept.out.withLock { $0 }, err: kept.err.withLock { $0 },
        pauses: kept.pauses.withLock { $0 })
}

private final class Kept: Sendable {
    let out = Mutex("")
    let err = Mutex("")
    let pauses = Mutex<[Duration]>([])
}

/// A folder of its own, gone afterwards.
func withFolder<Value>(_ body: (String) async throws -> Value) async throws -> Value {
    let folder = FileManager.default.temporaryDirectory.appending(path: "closter-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    return try await body(folder.path)
}

func write(_ text: String, to path: String) throws {
    let url = URL(filePath: path)
    try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(text.utf8).write(to: url)
}
