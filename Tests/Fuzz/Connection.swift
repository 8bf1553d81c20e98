#if DEBUG
import NIOCore
import NIOEmbedded
import Runtime

@testable import Edge

/// One connection to the service, from its first byte until nothing of it is left.
final class Connection {
    /// What may wait for a client that does not read: what is written at once, twice, and an answer.
    private static let most = 256 << 10
    /// So long may a client be silent at most, with all that is granted to it.
    private static let patience: TimeAmount = .minutes(20)

    private let service: Service
    private let input: Input
    private let channel: EmbeddedChannel
    private let loop: EmbeddedEventLoop
    private let socket = Socket()
    private var client: SecureClient?
    private var sent: ArraySlice<UInt8>
    private var isInputEnded = false

    private init(_ service: Service, _ input: Input, _ loop: EmbeddedEventLoop) throws {
        self.service = service
        self.input = input
        self.loop = loop
        sent = input.sent
        channel = EmbeddedChannel(handler: socket, loop: loop)
        channel.allowRemoteHalfClosure = true
    }

    /// Ends the process where anything is wrong.
    static func test(_ bytes: [UInt8], _ service: Service) {
        // Whoever belongs to the connection holds its loop.
        weak var loop: EmbeddedEventLoop?
        do {
            let made = EmbeddedEventLoop()
            loop = made
            let connection = try Connection(service, Input(bytes), made)
            try connection.begin()
            connection.play()
            connection.end()
        } catch {
            fail("the connection cannot begin: \(error)")
        }
        if loop != nil { fail("something of the connection is left") }
    }

    private func begin() throws {
        let pipeline = channel.pipeline.syncOperations
        let server = service.server
        switch input.pipeline {
        case .clear: try server.begin(channel, .http(host: "localhost", port: 0))
        case .http1: try server.converse(in: .http1, pipeline, server.dispatcher, isSecure: false)
        case .http2: try server.converse(in: .http2, pipeline, server.dispatcher, isSecure: false)
        case .handshake, .secureHTTP1, .secureHTTP2:
            try server.begin(channel, .https(host: "localhost", port: 0))
        }
        channel.pipeline.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 1), promise: nil)
        switch input.pipeline {
        case .secureHTTP1: try greet("http/1.1")
        case .secureHTTP2: try greet("h2")
        case .clear, .http1, .http2, .handshake: break
        }
    }

    private func greet(_ name: String) throws {
        let client = SecureClient(name)
        self.client = client
        while !client.greet() {
            socket.bring(client.said())
            take(.max)
        }
        // Its last word of the handshake.
        socket.bring(client.said())
        settle()
    }

    // MARK: What happens

    private func play() {
        var steps = input.script.makeIterator()
        for _ in 0..<4_000 where channel.isActive {
            if let step = steps.next() {
                happens(step)
            } else {
                if sent.isEmpty || isInputEnded { break }
                if input.script.isEmpty { happens(.bring(.max)) }
                steps = input.script.makeIterator()
            }
            check()
        }
    }

    private func happens(_ step: Input.Step) {
        switch step {
        case .bring(let count): bring(count)
        case .take(let count): take(count)
        case .turn(let jobs):
            loop.run()
            Jobs.run(most: jobs)
        case .pass(let time): loop.advanceTime(by: .milliseconds(time))
        case .rest: settle()
        case .endInput(let isPolite): endInput(isPolite)
        case .quiesce: socket.tell(ChannelShouldQuiesceEvent())
        case .reset: socket.reset()
        }
    }

    private func bring(_ count: Int) {
        guard socket.isReadWanted, !isInputEnded, !sent.isEmpty else { return }
        let part = sent.prefix(min(count, 64 << 10))
        sent = sent.dropFirst(part.count)
        guard let client else { return socket.bring(ByteBuffer(bytes: part)) }
        if client.encrypt(Array(part)) { socket.bring(client.said()) }
    }

    private func take(_ count: Int) {
        socket.take(count) { client?.hear($0) }
        client?.skip()
    }

    private func endInput(_ isPolite: Bool) {
        guard !isInputEnded else { return }
        isInputEnded = true
        if isPolite, let client {
            client.end()
            socket.bring(client.said())
        }
        socket.tell(ChannelEvent.inputClosed)
    }

    /// All that can go on without the client goes on.
    private func settle() {
        for _ in 0..<100_000 {
            loop.run()
            if Jobs.run(most: .max) == 0 { return }
        }
        fail("it does not come to rest")
    }

    // MARK: What must hold

    private func check() {
        if socket.bytes > Self.most { fail("\(socket.bytes) bytes wait for the client") }
    }

    /// A silent client loses its connection, and nothing that was begun for it goes on.
    private func end() {
        let start = loop.now
        while channel.isActive, loop.now - start < Self.patience {
            settle()
            check()
            // Whoever still reads reads on: a stream may be so long that it takes many turns, and one without an end must not
            // take for ever.
            for _ in 0..<64 where !input.isDeafInTheEnd && socket.bytes > 0 {
                take(.max)
                settle()
                check()
            }
            loop.advanceTime(by: .seconds(30))
        }
        settle()
        if channel.isActive, service.patient.value == 0 { fail("it is open to a client that has gone silent") }
        socket.reset()
        settle()
        if socket.bytes > 0 { fail("\(socket.bytes) bytes are kept for a client that is gone") }
        if service.running.value > 0 { fail("\(service.running.value) handlers have not ended") }
        if !Jobs.isEmpty { fail("tasks are left") }
    }
}
#endif
