import Foundation
import Glibc

/// A blocking client of one connection to this machine, for a thread of its own: HTTP/1.1, requests sent ahead, answers
/// read in their order. It costs the cores that it shares with the server as little as a client can.
final class Loopback {
    struct Answer {
        var status: Int
        /// From the first field to the empty line.
        var fields: UnsafeRawBufferPointer
        var body: UnsafeRawBufferPointer

        /// The first field of this name, which is given in lower case.
        func field(_ name: StaticString) -> String? {
            var line = fields[...]
            while let end = line.firstIndex(of: UInt8(ascii: "\n")) {
                if let value = Self.value(of: name, in: UnsafeRawBufferPointer(rebasing: line[..<end])) {
                    return String(decoding: value, as: UTF8.self).trimmingCharacters(in: .whitespaces)
                }
                line = line[(end + 1)...]
            }
            return nil
        }

        /// A line without its newline.
        fileprivate static func value(of name: StaticString, in line: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer?
        {
            let length = name.utf8CodeUnitCount
            guard line.count > length + 1, line[length] == UInt8(ascii: ":"),
                strncasecmp(line.baseAddress!, UnsafeRawPointer(name.utf8Start), length) == 0
            else { return nil }
            return UnsafeRawBufferPointer(rebasing: line[(length + 1)..<(line.count - 1)])
        }
    }

    private let descriptor: Int32
    private var buffer: UnsafeMutableRawBufferPointer
    private var start = 0
    private var end = 0

    init(port: Int) throws {
        descriptor = try Socket.connected(port: port)
        // An answer that does not come ends the measurement, and does not hang it.
        var limit = timeval(tv_sec: 30, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        buffer = .allocate(byteCount: 256 << 10, alignment: 1)
    }

    deinit {
        close(descriptor)
        buffer.deallocate()
    }

    /// Whole, however long that takes.
    func send(_ bytes: [UInt8]) throws {
        try bytes.withUnsafeBytes { bytes in
            var rest = bytes[...]
            while !rest.isEmpty {
                let sent = Glibc.send(
                    descriptor, rest.withUnsafeBytes(\.baseAddress), rest.count, Int32(MSG_NOSIGNAL))
                guard sent > 0 else { throw Failure("a request cannot be sent: \(Socket.error)") }
                rest = rest.dropFirst(sent)
            }
        }
    }

    /// The next answer, which is valid only while `body` runs.
    ///
    /// - Parameter isHead: what was asked with HEAD has no body, whatever its fields say.
    func receive<Result>(isHead: Bool = false, _ body: (Answer) throws -> Result) throws -> Result {
        var head = endOfHead
        while head == nil {
            try fill()
            head = endOfHead
        }
        guard let head else { throw Failure("an answer without an end") }
        let (status, length) = try Self.measure(UnsafeRawBufferPointer(rebasing: buffer[start..<start + head]))
        let size = isHead || status == 304 ? 0 : length
        while end - start < head + size { try fill() }
        let whole = UnsafeRawBufferPointer(rebasing: buffer[start..<start + head + size])
        start += head + size
        let line = whole.firstIndex(of: UInt8(ascii: "\n")) ?? 0
        return try body(
            Answer(
                status: status, fields: UnsafeRawBufferPointer(rebasing: whole[(line + 1)..<(head - 2)]),
                body: UnsafeRawBufferPointer(rebasing: whole[head...])))
    }

    /// Its length, once it is there.
    private var endOfHead: Int? {
        var from = start
        while let newline = memchr(buffer.baseAddress! + from, 0x0a, end - from) {
            from = newline - buffer.baseAddress! + 1
            if from - start > 3, memcmp(buffer.baseAddress! + from - 4, "\r\n\r\n", 4) == 0 { return from - start }
        }
        return nil
    }

    /// Status and length of what follows.
    private static func measure(_ head: UnsafeRawBufferPointer) throws -> (Int, Int) {
        guard head.count > 12, let status = Int(String(decoding: head[9..<12], as: UTF8.self)) else {
            throw Failure("no answer of HTTP: \(String(decoding: head, as: UTF8.self))")
        }
        var line = head[...]
        while let end = line.firstIndex(of: UInt8(ascii: "\n")) {
            if let value = Answer.value(of: "content-length", in: UnsafeRawBufferPointer(rebasing: line[..<end])) {
                let digits = value.drop { $0 == UInt8(ascii: " ") }
                return (status, digits.reduce(0) { $0 * 10 + Int($1 & 0xf) })
            }
            line = line[(end + 1)...]
        }
        guard status == 304 else {
            throw Failure("an answer without a length: \(String(decoding: head, as: UTF8.self))")
        }
        return (status, 0)
    }

    private func fill() throws {
        if start == end { (start, end) = (0, 0) }
        if end == buffer.count {
            // What is left goes to the front, of a larger buffer if there is no room.
            let larger =
                start == 0 ? UnsafeMutableRawBufferPointer.allocate(byteCount: buffer.count * 2, alignment: 1) : buffer
            memmove(larger.baseAddress!, buffer.baseAddress! + start, end - start)
            if start == 0 { buffer.deallocate() }
            buffer = larger
            (start, end) = (0, end - start)
        }
        let count = recv(descriptor, buffer.baseAddress! + end, buffer.count - end, 0)
        guard count > 0 else { throw Failure("the connection ended before its answer: \(Socket.error)") }
        end += count
    }
}

enum Socket {
    /// A socket that is connected to a port of this machine.
    ///
    /// - Parameter room: for what was received and not read, in bytes; the system's own where none is given.
    static func connected(port: Int, room: Int32? = nil) throws -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw Failure("no socket: \(error)") }
        var one: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
        if var room { setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &room, socklen_t(MemoryLayout<Int32>.size)) }
        var address = local(port: port)
        let isConnected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        guard isConnected else {
            defer { close(descriptor) }
            throw Failure("nobody answers at port \(port): \(error)")
        }
        return descriptor
    }

    static func isOpen(port: Int) -> Bool {
        guard let descriptor = try? connected(port: port) else { return false }
        close(descriptor)
        return true
    }

    static var error: String { String(cString: strerror(errno)) }

    private static func local(port: Int) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        return address
    }
}

/// Blocking work on a thread of its own: the pool that tasks share is for those that never wait.
func onThread<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
    try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread { continuation.resume(with: Swift.Result { try body() }) }
    }
}

/// Microseconds since 1970, by the clock that PostgreSQL has too.
func wallClock() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000
}
