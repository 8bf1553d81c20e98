import COpenSSL
import Foundation
import NIOCore

private let fine = Int32(closter_ssl_fine)
private let wantsRead = Int32(closter_ssl_wants_read)
private let wantsWrite = Int32(closter_ssl_wants_write)
private let hasEnded = Int32(closter_ssl_has_ended)

/// One connection's TLS, on the server's side: a machine between ciphertext and plaintext that knows no socket.
///
/// What a client must get grows in `outgoing` and is taken out there. OpenSSL sees each buffer only during one call; at rest
/// a session holds none. To be used by one thread at a time.
final class TLSSession {
    enum Step {
        /// Nothing more can be done with what has come.
        case waiting
        /// The handshake has ended.
        case open
        /// The client has said that it will send no more.
        case ended
        case failed(TLSFailure)
    }

    private let ssl: OpaquePointer
    /// Its handshake looks for the certificate of a name in there.
    private let context: TLSContext
    private let lent: UnsafeMutablePointer<closter_lent>
    /// Ciphertext to be sent.
    private(set) var outgoing = ByteBuffer()

    init(_ context: TLSContext) throws(TLSFailure) {
        lent = .allocate(capacity: 1)
        lent.initialize(to: closter_lent())
        guard let ssl = closter_ssl_new(context.pointer, lent) else {
            lent.deallocate()
            throw .taken()
        }
        self.ssl = ssl
        self.context = context
    }

    // In this order: the one looks at the other.
    deinit {
        SSL_free(ssl)
        lent.deallocate()
    }

    // MARK: Ciphertext in

    func handshake(_ incoming: inout ByteBuffer) -> Step {
        var room = 4 << 10
        while true {
            var error = fine
            outgoing.writeWithUnsafeMutableBytes(minimumWritableBytes: room) { out in
                call(&incoming, out, &error) { SSL_do_handshake(ssl) }
            }
            switch error {
            case fine: return .open
            case wantsWrite: room *= 2
            default: return step(error)
            }
        }
    }

    /// Decrypts what has come, to its end.
    func read(_ incoming: inout ByteBuffer, into plain: inout ByteBuffer) -> Step {
        // For alerts and the like: seldom anything, and small.
        withUnsafeTemporaryAllocation(byteCount: 512, alignment: 1) { out in
            while incoming.readableBytes > 0 || SSL_pending(ssl) > 0 {
                var error = fine
                var used = 0
                plain.writeWithUnsafeMutableBytes(minimumWritableBytes: max(64, Int(SSL_pending(ssl)))) { room in
                    var count = 0
                    used = call(&incoming, out, &error) { SSL_read_ex(ssl, room.baseAddress, room.count, &count) }
                    return count
                }
                if used > 0 { outgoing.writeBytes(UnsafeRawBufferPointer(rebasing: out[..<used])) }
                if error != fine, error != wantsWrite { return step(error) }
            }
            return .waiting
        }
    }

    // MARK: Ciphertext out

    /// Encrypts into `outgoing`; in records of 16 KiB and a rest.
    func write(_ plain: ByteBuffer) -> Step {
        guard plain.readableBytes > 0 else { return .waiting }
        var nothing = ByteBuffer()
        // Of a record: its head, and what TLS 1.2 may add at most. And something that may come before it.
        var room = plain.readableBytes + (plain.readableBytes / Self.recordBytes + 1) * 96 + 128
        while true {
            var error = fine
            outgoing.writeWithUnsafeMutableBytes(minimumWritableBytes: room) { out in
                plain.withUnsafeReadableBytes { bytes in
                    var count = 0
                    return call(&nothing, out, &error) { SSL_write_ex(ssl, bytes.baseAddress, bytes.count, &count) }
                }
            }
            switch error {
            case fine: return .waiting
            // The same bytes again, to go on with.
            case wantsWrite: room *= 2
            default: return step(error)
            }
        }
    }

    static let recordBytes = 16 << 10

    /// Says that no more will be sent. Not after a failure.
    func end() {
        var nothing = ByteBuffer()
        var error = fine
        outgoing.writeWithUnsafeMutableBytes(minimumWritableBytes: 256) { out in
            call(&nothing, out, &error) { SSL_shutdown(ssl) }
        }
        ERR_clear_error()
    }

    func takeOutgoing() -> ByteBuffer {
        defer { outgoing = ByteBuffer() }
        return outgoing
    }

    // MARK: What the handshake has shown

    /// The protocol that was chosen by ALPN; nil where the client did not ask.
    var applicationProtocol: String? {
        var name: UnsafePointer<UInt8>?
        var length: UInt32 = 0
        SSL_get0_alpn_selected(ssl, &name, &length)
        return name.map { String(decoding: UnsafeBufferPointer(start: $0, count: Int(length)), as: UTF8.self) }
    }

    /// The subject of the client's certificate, as RFC 2253 writes it; nil where it has shown none. A resumed session has
    /// that of the one it resumes.
    var clientSubject: String? {
        guard let text = closter_ssl_client(ssl) else { return nil }
        defer { free(text) }
        return String(cString: text)
    }

    // MARK: OpenSSL

    /// Lends memory for one call.
    ///
    /// - Returns: how much was written to `out`.
    private func call(
        _ incoming: inout ByteBuffer, _ out: UnsafeMutableRawBufferPointer, _ error: inout Int32, _ body: () -> Int32
    ) -> Int {
        incoming.readWithUnsafeReadableBytes { bytes in
            lent.pointee = closter_lent(
                in: bytes.bindMemory(to: UInt8.self).baseAddress, in_left: bytes.count,
                out: out.bindMemory(to: UInt8.self).baseAddress, out_left: out.count)
            // Of an earlier call, or SSL_get_error would take it for one of this.
            ERR_clear_error()
            let result = body()
            error = result > 0 ? fine : SSL_get_error(ssl, result)
            let left = lent.pointee
            lent.pointee = closter_lent()
            return (bytes.count - left.in_left, out.count - left.out_left)
        }
    }

    private func step(_ error: Int32) -> Step {
        switch error {
        case wantsRead: .waiting
        case hasEnded: .ended
        default: .failed(.taken())
        }
    }
}
