import Edge
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import JSON
import NIOCore
import NIOPosix
import Runtime

extension EdgeFixture {
    /// The application on a port of its own for as long as `body` takes; then it is told to stop, and must end.
    func serve<Value: Sendable>(
        _ application: (@escaping @Sendable (Int) async -> Void) -> EdgeApplication,
        _ body: @Sendable (Int) async throws -> Value
    ) async throws -> Value {
        let (ports, port) = AsyncStream.makeStream(of: Int.self)
        let group = ServiceGroupBox(application { port.yield($0) }, logger: environment.logger)
        return try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask {
                defer { port.finish() }
                try await group.run()
            }
            var numbers = ports.makeAsyncIterator()
            guard let number = await numbers.next() else {
                try await tasks.waitForAll()
                throw ServerEnded()
            }
            let result: Result<Value, any Error>
            do { result = .success(try await body(number)) } catch { result = .failure(error) }
            await group.stop()
            try await tasks.waitForAll()
            return try result.get()
        }
    }

    /// The application with a few routes more.
    func serve<Value: Sendable>(
        limits: TransportLimits = TransportLimits(), hot: (any HotReads)? = nil,
        _ routes: (EdgeRouter) -> Void = { _ in }, _ body: @Sendable (Int) async throws -> Value
    ) async throws -> Value {
        try await serve({ application(routes, limits: limits, hot: hot, onRunning: $0) }, body)
    }

    struct ServerEnded: Error {}
}

extension TestClient.Response {
    var json: JSONValue? { body.flatMap { try? JSONValue(parsing: Array($0.readableBytesView)) } }
    var problem: String? {
        headers[.contentType] == "application/problem+json" ? json?["code"]?.stringValue : nil
    }
}

/// Bytes to a server and back, as nobody's client sends them.
final class RawConnection {
    private let channel: NIOAsyncChannel<ByteBuffer, ByteBuffer>
    private let outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
    private var inbound: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator
    private var text = ""

    private init(
        _ channel: NIOAsyncChannel<ByteBuffer, ByteBuffer>, _ inbound: NIOAsyncChannelInboundStream<ByteBuffer>,
        _ outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
    ) {
        self.channel = channel
        self.outbound = outbound
        self.inbound = inbound.makeAsyncIterator()
    }

    static func with<Value>(port: Int, _ body: (RawConnection) async throws -> Value) async throws -> Value {
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .connect(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(
                        wrappingChannelSynchronously: channel, configuration: .init(isOutboundHalfClosureEnabled: true))
                }
            }
        return try await channel.executeThenClose { inbound, outbound in
            try await body(RawConnection(channel, inbound, outbound))
        }
    }

    func send(_ text: String) async throws { try await outbound.write(ByteBuffer(string: text)) }

    /// No more is sent, but answers are still read.
    func endSending() { outbound.finish() }

    /// Sends a part many times, each when the kernel has taken the one before, and says how often so far.
    func send(_ part: ByteBuffer, times: Int, _ sent: @escaping @Sendable (Int) -> Void) -> Task<Void, any Error> {
        let channel = channel.channel
        return Task {
            for number in 1...times {
                try await channel.writeAndFlush(part).get()
                sent(number)
            }
        }
    }

    /// Everything up to and including `mark`.
    func read(to mark: String) async throws -> String {
        while true {
            if let range = text.range(of: mark) {
                defer { text.removeSubrange(..<range.upperBound) }
                return String(text[..<range.upperBound])
            }
            guard let more = try await inbound.next() else { throw Ended(before: mark, read: text) }
            text += String(buffer: more)
        }
    }

    /// Everything until the server closes.
    func readToEnd() async throws -> String {
        while let more = try await inbound.next() { text += String(buffer: more) }
        defer { text = "" }
        return text
    }

    struct Ended: Error { var before: String, read: String }
}
