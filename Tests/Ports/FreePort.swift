import Glibc
import Synchronization

/// Ports of this machine for servers that are started later.
///
/// They lie below those the kernel gives to the client ends of connections and to whoever asks for any port: nobody
/// takes one between this and the server's start. A process gets each but once.
public enum FreePort {
    private static let range = 10_000..<32_000
    private static let last = Mutex(Int.random(in: range))

    public struct NoneLeft: Error {}

    /// - Throws: `NoneLeft` where all are taken.
    public static func next() throws -> Int {
        try last.withLock { last in
            for _ in range {
                last = last + 1 < range.upperBound ? last + 1 : range.lowerBound
                if isFree(last) { return last }
            }
            throw NoneLeft()
        }
    }

    private static func isFree(_ port: Int) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = INADDR_ANY
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }
}
