import FuzzClient
import NIOCore

/// The client's side of TLS.
final class SecureClient {
    private let client: OpaquePointer

    /// - Parameter name: of the protocol, as ALPN has it.
    init(_ name: String) { client = fuzz_client_new(name) }

    deinit { fuzz_client_free(client) }

    /// - Returns: whether the handshake is done.
    func greet() -> Bool {
        let result = fuzz_client_greet(client)
        if result < 0 { fail("the handshake fails") }
        return result == 1
    }

    /// What it has to say.
    func said() -> ByteBuffer {
        var buffer = ByteBuffer()
        while true {
            let count = buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: 16 << 10) {
                fuzz_client_say(client, $0.baseAddress, $0.count)
            }
            if count == 0 { return buffer }
        }
    }

    func hear(_ bytes: ByteBuffer) {
        bytes.withUnsafeReadableBytes { fuzz_client_hear(client, $0.baseAddress, $0.count) }
    }

    /// - Returns: false where it has nothing more to say: the server has broken off.
    func encrypt(_ bytes: [UInt8]) -> Bool { fuzz_client_encrypt(client, bytes, bytes.count) == 1 }

    func skip() { fuzz_client_skip(client) }

    func end() { fuzz_client_end(client) }
}
