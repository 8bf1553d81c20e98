import Foundation
import Glibc

/// A session that LISTENs and never reads: what the server sends it piles up until the server cannot send.
final class SilentListener: Sendable {
    private let descriptor: Int32

    init(port: UInt16, database: String, channels: [String]) throws {
        guard let descriptor = LocalSocket.connect(port) else {
            throw TCPProxy.Failure(description: "no server to listen to")
        }
        self.descriptor = descriptor
        // The smallest the kernel gives, so that it is soon full.
        var size: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
        // The frontend/backend protocol 3.0: a startup message, then a simple query.
        let startup = "user\0postgres\0database\0\(database)\0\0"
        let query = channels.map { "LISTEN \($0);" }.joined() + "\0"
        let message =
            Self.bytes(Int32(8 + startup.utf8.count)) + Self.bytes(196_608) + Array(startup.utf8)
            + [UInt8(ascii: "Q")] + Self.bytes(Int32(4 + query.utf8.count)) + Array(query.utf8)
        guard write(descriptor, message, message.count) == message.count else {
            throw TCPProxy.Failure(description: "the server does not take a listener")
        }
    }

    func close() { LocalSocket.reset(descriptor) }

    private static func bytes(_ number: Int32) -> [UInt8] {
        withUnsafeBytes(of: number.bigEndian) { Array($0) }
    }
}
