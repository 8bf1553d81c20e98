#if DEBUG
import Foundation
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import Runtime
import Synchronization

@testable import Edge

/// A small service behind the transport: an answer that is kept, and routes that read, echo, stream, wait and fail.
final class Service: Sendable {
    let server: HTTPServer
    /// Handlers that have begun and not ended.
    let running: Counter
    /// Of these, those that end only when their client goes.
    let patient: Counter

    init() throws {
        let running = Counter(), patient = Counter()
        let logger = Logger(label: "fuzz") { _ in SwiftLogNoOpLogHandler() }
        let environment = ServiceProcess.Environment(
            configuration: try ServiceConfiguration(service: "query", environment: [:]), health: HealthRegistry(),
            logger: logger, metrics: PrometheusMetrics())
        let router = Edge.makeRouter()
        router.get("/cold") { _, _ in running.during { Response.json(Hot.text) } }
        router.post("/count") { request, _ in
            try await running.during {
                var count = 0
                for try await part in request.body { count += part.readableBytes }
                return Response.json(Array("\(count)".utf8))
            }
        }
        router.post("/ignore") { _, _ in running.during { Response.json(Array("1".utf8)) } }
        router.post("/echo") { request, _ in
            Self.stream(running) { writer in
                for try await part in request.body { try await writer.write(part) }
            }
        }
        router.get("/parts") { _, _ in
            Self.stream(running) { writer in
                for _ in 0..<16 { try await writer.write(ByteBuffer(repeating: 0x61, count: 16 << 10)) }
            }
        }
        router.get("/break") { _, _ in
            Self.stream(running) { writer in
                try await writer.write(ByteBuffer(string: "it begins"))
                throw ClientGone()
            }
        }
        router.get("/wait") { _, _ in
            await running.during {
                await patient.during {
                    let (stream, end) = AsyncStream.makeStream(of: Never.self)
                    for await _ in stream {}
                    end.finish()
                }
                return Response.json(Array("0".utf8))
            }
        }
        let responder = Edge.application(router, environment: environment, authenticator: nil).responder
        let certificate = try Self.certificate(logger)
        self.running = running
        self.patient = patient
        server = HTTPServer(
            listeners: [], certificate: certificate,
            connections: Connections(listeners: 0, most: 0, mostPerAddress: 0), limits: TransportLimits(),
            dispatcher: RequestDispatcher(responder, hot: Hot(), logger: logger), logger: logger)
    }

    private static func stream(
        _ running: Counter, _ body: @escaping @Sendable (inout any ResponseBodyWriter) async throws -> Void
    ) -> Response {
        Response(
            status: .ok,
            body: ResponseBody { writer in
                var writer = writer
                try await running.during { try await body(&writer) }
                try await writer.finish(nil)
            })
    }

    /// One of its own, made by the openssl program.
    private static func certificate(_ logger: Logger) throws -> TLSCertificate {
        let folder = FileManager.default.temporaryDirectory.appending(path: "closter-fuzz-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let (certificate, key) = (folder.appending(path: "pem").path, folder.appending(path: "key").path)
        let openssl = Process()
        openssl.executableURL = URL(filePath: "/usr/bin/env")
        openssl.arguments = [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
            "-subj", "/CN=localhost", "-keyout", key, "-out", certificate,
        ]
        openssl.standardError = FileHandle.nullDevice
        try openssl.run()
        openssl.waitUntilExit()
        let made = TLSCertificate(.init([.init(certificate: certificate, key: key)]), service: "fuzz", logger: logger)
        try made.load()
        return made
    }
}

/// How many of something there are.
final class Counter: Sendable {
    private let count = Mutex(0)

    var value: Int { count.withLock { $0 } }

    func during<Value>(_ body: () async throws -> Value) async rethrows -> Value {
        count.withLock { $0 += 1 }
        defer { count.withLock { $0 -= 1 } }
        return try await body()
    }

    func during<Value>(_ body: () throws -> Value) rethrows -> Value {
        count.withLock { $0 += 1 }
        defer { count.withLock { $0 -= 1 } }
        return try body()
    }
}

/// Knows one answer, of one kilobyte, and its entity tag.
private struct Hot: HotPath {
    static let text = Array("\"\(String(repeating: "a", count: 1_022))\"".utf8)

    private let response: FinishedResponse
    private let same: FinishedResponse

    init() {
        let body = ByteBuffer(bytes: Self.text)
        same = FinishedResponse(status: 304, [.eTag: "\"1\""], body: body)
        response = FinishedResponse(status: 200, [.eTag: "\"1\""], body: body)
    }

    func answer(_ request: HotRequest, own: inout FieldBlock) -> FinishedResponse? {
        guard request.target.hasPrefix("/hot"), !request.isUnusual else { return nil }
        if let correlation = request.correlationID { own.append("x-correlation-id", correlation) }
        return request.ifNoneMatch == "\"1\"" ? same : response
    }
}
#endif
