import Edge
import Foundation
import Hummingbird
import NIOCore
import NIOPosix
import Subprocess
import Synchronization
import SystemPackage
import TestSupport

/// What a program has said, on either output, and how it ended.
struct Said: Sendable {
    var text: String
    var isSuccess: Bool
}

/// Runs a program to its end; cancelling ends it.
///
/// - Parameter input: read through a shell, for which it is no failure that a program ends before it has read all.
func run(_ program: String, _ arguments: [String], input: String? = nil) async throws -> Said {
    let shell = ["-c", #"input=$1; shift; printf %s "$input" | "$@""#, "sh"]
    let result = try await Subprocess.run(
        .name(input == nil ? program : "sh"),
        arguments: .init(input.map { shell + [$0, program] + arguments } ?? arguments),
        output: .string(limit: 4 << 20), error: .string(limit: 1 << 20))
    return Said(text: result.standardOutput + result.standardError, isSuccess: result.terminationStatus.isSuccess)
}

/// Certificates in a folder, made by the openssl program, and a server that uses them.
final class TLSFixture: Sendable {
    let folder: URL

    /// An authority `ca`, and a certificate `server` for this machine.
    init() async throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "closter-tls-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try await authority("ca")
        try await issue("server", "/CN=localhost")
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    func path(_ name: String) -> String { folder.appending(path: name).path }

    func authority(_ name: String) async throws {
        try await request(name, "/CN=\(name)", [])
    }

    /// Writes NAME.pem and NAME.key.
    func issue(
        _ name: String, _ subject: String, by authority: String = "ca", days: Int = 2,
        names: String = "DNS:localhost,IP:127.0.0.1"
    ) async throws {
        try await request(
            name, subject,
            [
                "-CA", path("\(authority).pem"), "-CAkey", path("\(authority).key"),
                "-addext", "basicConstraints=critical,CA:FALSE", "-addext",
                "subjectAltName=\(names)",
            ], days: days)
    }

    private func request(_ name: String, _ subject: String, _ more: [String], days: Int = 2) async throws {
        let said = try await run(
            "openssl",
            [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-utf8", "-days",
                "\(days)", "-subj", subject, "-keyout", path("\(name).key"), "-out", path("\(name).pem"),
            ] + more)
        guard said.isSuccess else { throw Instance.Failure(said.text) }
    }

    /// Puts another pair in the place of the server's.
    func replaceServer(by name: String) throws {
        for kind in ["key", "pem"] {
            let copy = try Data(contentsOf: URL(filePath: path("\(name).\(kind)")))
            try copy.write(to: URL(filePath: path("server.\(kind)")), options: .atomic)
        }
    }

    var settings: [String: String] {
        [
            "CLOSTER_LISTEN": "https://127.0.0.1:0", "CLOSTER_TLS_CERTIFICATE": path("server.pem"),
            "CLOSTER_TLS_KEY": path("server.key"),
        ]
    }

    /// A server that says, besides what each says, who asks.
    func serve<Value: Sendable>(
        _ more: [String: String] = [:], limits: TransportLimits = TransportLimits(),
        _ routes: @escaping @Sendable (EdgeRouter) -> Void = { _ in },
        _ body: @escaping @Sendable (Int) async throws -> Value
    ) async throws -> Value {
        let fixture = try EdgeFixture(settings.merging(more) { $1 })
        return try await fixture.serve(
            limits: limits,
            { router in
                router.get("/whoami") { _, context in Response.json(Array((context.clientSubject ?? "nobody").utf8)) }
                routes(router)
            }, body)
    }

    func curl(_ port: Int, _ path: String, _ arguments: [String] = []) async throws -> Said {
        try await run(
            "curl",
            ["--silent", "--show-error", "--cacert", self.path("ca.pem"), "https://127.0.0.1:\(port)\(path)"]
                + arguments)
    }

    /// Says a request and everything about the connection.
    func client(_ port: Int, _ arguments: [String] = [], path: String = "/livez") async throws -> Said {
        try await run(
            "openssl",
            ["s_client", "-connect", "127.0.0.1:\(port)", "-CAfile", self.path("ca.pem"), "-ign_eof"] + arguments,
            input: "GET \(path) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    }
}

/// Passes connections on to a port: in pieces, and until they are cut.
final class Meddler: Sendable {
    private let servers = Mutex<[any Channel]>([])
    private let piece: Int

    private init(_ piece: Int) { self.piece = piece }

    /// - Parameter piece: the bytes that a client's side passes on at a time.
    static func with<Value>(
        port: Int, piece: Int = .max, _ body: (Int, Meddler) async throws -> Value
    ) async throws -> Value {
        let meddler = Meddler(piece)
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelOption(.autoRead, value: false)
            .childChannelInitializer { client in
                ClientBootstrap(group: client.eventLoop)
                    .channelOption(.tcpOption(.tcp_nodelay), value: 1)
                    .channelInitializer { server in
                        server.eventLoop.makeCompletedFuture {
                            try server.pipeline.syncOperations.addHandler(Passing(client, .max))
                        }
                    }
                    .connect(host: "127.0.0.1", port: port)
                    .flatMapThrowing { server in
                        meddler.servers.withLock { $0.append(server) }
                        try client.pipeline.syncOperations.addHandler(Passing(server, meddler.piece))
                    }
                    .flatMap { client.setOption(.autoRead, value: true) }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let result: Result<Value, any Error>
        do { result = .success(try await body(listener.localAddress?.port ?? 0, meddler)) } catch {
            result = .failure(error)
        }
        meddler.cut()
        try await listener.close()
        return try result.get()
    }

    /// Ends every connection to the server, as a network does.
    func cut() {
        for server in servers.withLock({ $0 }) { server.close(promise: nil) }
    }

    private final class Passing: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private let other: any Channel
        private let piece: Int

        init(_ other: any Channel, _ piece: Int) {
            self.other = other
            self.piece = piece
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            var bytes = unwrapInboundIn(data)
            while let part = bytes.readSlice(length: min(piece, bytes.readableBytes)), part.readableBytes > 0 {
                other.writeAndFlush(part, promise: nil)
            }
        }

        func channelInactive(context: ChannelHandlerContext) { other.close(promise: nil) }
    }
}
