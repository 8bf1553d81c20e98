import CNGHTTP2
import NIOCore
import NIOPosix

/// A client of HTTP/2 that sends what it is told to, frame by frame, and notes what it gets.
final class HTTP2Client {
    enum Kind: UInt8 {
        case data, headers, priority, reset, settings, push, ping, goaway, window, continuation
    }

    struct Answer {
        var fields: [(name: String, value: String)] = []
        var body: [UInt8] = []
        var isWhole = false
        /// The code of RST_STREAM.
        var reset: UInt32?

        var isOver: Bool { isWhole || reset != nil }
        var status: String? { self[":status"] }
        var text: String { String(decoding: body, as: UTF8.self) }

        subscript(name: String) -> String? { fields.first { $0.name == name }?.value }
    }

    /// By stream.
    private(set) var answers: [Int: Answer] = [:]
    /// Statuses before the final one, by stream.
    private(set) var interim: [Int: [String]] = [:]
    private(set) var goaways: [(last: UInt32, code: UInt32)] = []
    private(set) var isClosed = false
    private(set) var pings = 0
    /// What may be sent, by stream; 0 is the connection.
    private(set) var windows: [Int: Int] = [0: 65_535]
    /// What it gets may be followed by as much.
    var takes = true
    private var initialWindow = 65_535

    private let channel: any Channel
    private let outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
    private var inbound: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator
    private var bytes = ByteBuffer()
    private var next = 1
    private let inflater: OpaquePointer?

    private init(
        _ channel: any Channel, _ inbound: NIOAsyncChannelInboundStream<ByteBuffer>,
        _ outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
    ) {
        self.channel = channel
        self.outbound = outbound
        self.inbound = inbound.makeAsyncIterator()
        var inflater: OpaquePointer?
        nghttp2_hd_inflate_new(&inflater)
        self.inflater = inflater
    }

    deinit { nghttp2_hd_inflate_del(inflater) }

    /// A connection that has said its preface.
    static func with<Value>(
        port: Int, window: UInt32? = nil, _ body: (HTTP2Client) async throws -> Value
    ) async throws -> Value {
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .connect(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(
                        wrappingChannelSynchronously: channel, configuration: .init(isOutboundHalfClosureEnabled: true))
                }
            }
        return try await channel.executeThenClose { inbound, outbound in
            let client = HTTP2Client(channel.channel, inbound, outbound)
            try await outbound.write(ByteBuffer(string: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))
            try await client.send(.settings, window.map { [0, 4] + big($0) } ?? [])
            return try await body(client)
        }
    }

    private static func big(_ number: UInt32) -> [UInt8] { withUnsafeBytes(of: number.bigEndian, Array.init) }

    func send(_ kind: Kind, _ payload: [UInt8] = [], flags: UInt8 = 0, on stream: Int = 0) async throws {
        try await outbound.write(Self.frame(kind, payload, flags: flags, on: stream))
    }

    private static func frame(_ kind: Kind, _ payload: [UInt8], flags: UInt8, on stream: Int) -> ByteBuffer {
        ByteBuffer(
            bytes: big(UInt32(payload.count)).dropFirst() + [kind.rawValue, flags] + big(UInt32(stream)) + payload)
    }

    /// Begins a request on a stream of its own.
    func ask(
        _ method: String, _ path: String, _ fields: [(String, String)] = [], isWhole: Bool = true
    ) async throws -> Int {
        let all = [(":method", method), (":scheme", "http"), (":authority", "a"), (":path", path)] + fields
        let stream = next
        next += 2
        var block = Self.block(all)[...]
        let first = block.prefix(16_384)
        block = block.dropFirst(first.count)
        try await send(.headers, Array(first), flags: (isWhole ? 1 : 0) + (block.isEmpty ? 4 : 0), on: stream)
        while !block.isEmpty {
            let more = block.prefix(16_384)
            block = block.dropFirst(more.count)
            try await send(.continuation, Array(more), flags: block.isEmpty ? 4 : 0, on: stream)
        }
        windows[stream] = initialWindow
        return stream
    }

    /// Many requests in one write.
    func ask(_ paths: [String]) async throws -> [Int] {
        var all = ByteBuffer()
        let streams = paths.map { path in
            let fields = [(":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", path)]
            var frame = Self.frame(.headers, Self.block(fields), flags: 5, on: next)
            all.writeBuffer(&frame)
            next += 2
            return next - 2
        }
        try await outbound.write(all)
        return streams
    }

    /// Each field as a literal that is not remembered (RFC 7541 §6.2.2).
    static func block(_ fields: [(String, String)]) -> [UInt8] {
        fields.flatMap { name, value in [0] + string(name) + string(value) }
    }

    private static func string(_ text: String) -> [UInt8] {
        var length: [UInt8] = []
        var left = text.utf8.count
        if left < 127 {
            length = [UInt8(left)]
        } else {
            length = [127]
            left -= 127
            while left >= 128 {
                length.append(UInt8(left % 128 + 128))
                left /= 128
            }
            length.append(UInt8(left))
        }
        return length + Array(text.utf8)
    }

    /// Sends a body as fast as the windows let it.
    func send(body: [UInt8], on stream: Int) async throws {
        var left = body[...]
        if left.isEmpty { try await send(data: [], isLast: true, on: stream) }
        while !left.isEmpty {
            let most = min(16_384, left.count)
            try await until { min($0.windows[0] ?? 0, $0.windows[stream] ?? 0) >= most || $0.isOver(stream) }
            guard !isOver(stream) else { return }
            try await send(data: Array(left.prefix(most)), isLast: left.count == most, on: stream)
            left = left.dropFirst(most)
        }
    }

    func send(data: [UInt8], isLast: Bool = false, on stream: Int) async throws {
        windows[0]? -= data.count
        windows[stream]? -= data.count
        try await send(.data, data, flags: isLast ? 1 : 0, on: stream)
    }

    func reset(_ stream: Int) async throws { try await send(.reset, Self.big(8), on: stream) }

    func endSending() { outbound.finish() }

    func isOver(_ stream: Int) -> Bool { answers[stream]?.isOver == true }

    func answer(_ stream: Int) async throws -> Answer {
        try await until { $0.isOver(stream) }
        return answers[stream] ?? Answer()
    }

    /// Reads until something is so.
    func until(_ isSo: (HTTP2Client) -> Bool) async throws {
        while !isSo(self) {
            guard !isClosed else { throw Closed(goaways: goaways.map(\.code)) }
            guard var more = try await inbound.next() else {
                isClosed = true
                continue
            }
            bytes.writeBuffer(&more)
            while let frame = readFrame() { try await take(frame) }
        }
    }

    func untilClosed() async throws { try await until { $0.isClosed } }

    struct Closed: Error { var goaways: [UInt32] }

    private struct Frame {
        var kind: Kind?
        var flags: UInt8
        var stream: Int
        var payload: ByteBuffer
    }

    private func readFrame() -> Frame? {
        guard let head = bytes.getBytes(at: bytes.readerIndex, length: 9) else { return nil }
        let length = Int(head[0]) << 16 | Int(head[1]) << 8 | Int(head[2])
        guard bytes.readableBytes >= 9 + length else { return nil }
        bytes.moveReaderIndex(forwardBy: 5)
        let stream = bytes.readInteger(as: UInt32.self) ?? 0
        let payload = bytes.readSlice(length: length) ?? ByteBuffer()
        return Frame(kind: Kind(rawValue: head[3]), flags: head[4], stream: Int(stream), payload: payload)
    }

    private func take(_ frame: Frame) async throws {
        var payload = frame.payload
        switch frame.kind {
        case .headers:
            let fields = inflate(payload)
            if let status = fields.first?.value, status.hasPrefix("1") {
                interim[frame.stream, default: []].append(status)
            } else {
                answers[frame.stream, default: Answer()].fields = fields
            }
        case .data:
            answers[frame.stream, default: Answer()].body += payload.readableBytesView
            if takes, payload.readableBytes > 0 {
                let more = Self.big(UInt32(payload.readableBytes))
                try await send(.window, more)
                if frame.flags & 1 == 0 { try await send(.window, more, on: frame.stream) }
            }
        case .reset: answers[frame.stream, default: Answer()].reset = payload.readInteger()
        case .window: windows[frame.stream]? += Int(payload.readInteger(as: UInt32.self) ?? 0)
        case .settings:
            guard frame.flags & 1 == 0 else { break }
            while let name = payload.readInteger(as: UInt16.self), let value = payload.readInteger(as: UInt32.self) {
                if name == 4 { initialWindow = Int(value) }
            }
            for stream in windows.keys where stream > 0 { windows[stream]? += initialWindow - 65_535 }
            try await send(.settings, flags: 1)
        case .ping:
            pings += 1
            if frame.flags & 1 == 0 { try await send(.ping, Array(payload.readableBytesView), flags: 1) }
        case .goaway: goaways.append((payload.readInteger() ?? 0, payload.readInteger() ?? 0))
        default: break
        }
        if frame.flags & 1 != 0, frame.kind == .headers || frame.kind == .data {
            answers[frame.stream, default: Answer()].isWhole = true
        }
    }

    private func inflate(_ block: ByteBuffer) -> [(name: String, value: String)] {
        var fields: [(String, String)] = []
        block.withUnsafeReadableBytes { bytes in
            var rest = bytes.bindMemory(to: UInt8.self)[...]
            while true {
                var field = nghttp2_nv()
                var flags: Int32 = 0
                let input = UnsafeBufferPointer(rebasing: rest)
                let count = nghttp2_hd_inflate_hd2(inflater, &field, &flags, input.baseAddress, input.count, 1)
                guard count >= 0 else { break }
                rest = rest.dropFirst(count)
                if flags & Int32(NGHTTP2_HD_INFLATE_EMIT.rawValue) != 0 {
                    let name = UnsafeBufferPointer(start: field.name, count: field.namelen)
                    let value = UnsafeBufferPointer(start: field.value, count: field.valuelen)
                    fields.append((String(decoding: name, as: UTF8.self), String(decoding: value, as: UTF8.self)))
                }
                if flags & Int32(NGHTTP2_HD_INFLATE_FINAL.rawValue) != 0 { break }
            }
        }
        nghttp2_hd_inflate_end_headers(inflater)
        return fields
    }
}
