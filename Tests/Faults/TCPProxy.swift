import Foundation
import Glibc
import Synchronization

/// A TCP proxy on 127.0.0.1 that can be as bad as a network: it stalls, delays, cuts and swallows.
///
/// One thread does all of it; what is asked for takes effect at once on every connection.
final class TCPProxy: Sendable {
    enum Weather: Sendable, Equatable {
        case clear
        /// Nothing moves, nothing is lost.
        case stalled
        /// Each piece comes this much later, in order.
        case delayed(Duration)
        /// Whatever is sent disappears, and nobody is told. The connections of such a time never work again.
        case swallowing
    }

    enum Side: Sendable { case server, both }

    struct Controls: Sendable {
        var weather = Weather.clear
        var target: UInt16
        /// Reset each connection once this many more bytes have passed it.
        var cutAfter: Int?
        /// End the connections that were swallowed, towards the server or altogether.
        var reset: Side?
        var isClosed = false
    }

    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    let port: UInt16
    private let controls: Mutex<Controls>
    private let wake: (reader: Int32, writer: Int32)
    private let connections = Mutex(0)

    init(target: UInt16) throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var ends: [Int32] = [-1, -1]
        guard listener >= 0, let port = LocalSocket.listen(listener), pipe(&ends) == 0 else {
            throw Failure(description: "the proxy cannot listen")
        }
        self.port = port
        wake = (ends[0], ends[1])
        controls = Mutex(Controls(target: target))
        let thread = Thread { [self] in
            var loop = ProxyLoop(listener: listener, wake: wake.reader)
            while loop.turn(take()) { publish(loop.count) }
        }
        thread.name = "proxy"
        thread.start()
    }

    /// How many connections stand.
    var count: Int { connections.withLock { $0 } }

    func set(_ weather: Weather) { change { $0.weather = weather } }

    /// Where connections lead from now on.
    func retarget(_ port: UInt16) { change { $0.target = port } }

    /// Resets every connection after so many more bytes: 0 is now, and a few hundred is in the middle of a message.
    func cut(after bytes: Int) { change { $0.cutAfter = bytes } }

    /// Ends what was swallowed, as the kernels at both ends (or that of the server alone) would once they give up.
    func resetSwallowed(_ side: Side) { change { $0.reset = side } }

    func close() { change { $0.isClosed = true } }

    private func change(_ body: (inout Controls) -> Void) {
        controls.withLock { body(&$0) }
        var byte: UInt8 = 1
        _ = write(wake.writer, &byte, 1)
    }

    /// What is asked for; what happens once is handed out once.
    private func take() -> Controls {
        controls.withLock { controls in
            defer {
                controls.cutAfter = nil
                controls.reset = nil
            }
            return controls
        }
    }

    private func publish(_ count: Int) { connections.withLock { $0 = count } }
}

/// Sockets of this machine, as far as the harness needs them.
enum LocalSocket {
    static func listen(_ descriptor: Int32) -> UInt16? {
        var address = address(0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isListening = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && Glibc.listen(descriptor, 128) == 0
                    && getsockname(descriptor, $0, &length) == 0
            }
        }
        return isListening ? UInt16(bigEndian: address.sin_port) : nil
    }

    /// nil where nobody listens.
    static func connect(_ port: UInt16) -> Int32? {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = address(port)
        let code = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        if code == 0 { return descriptor }
        close(descriptor)
        return nil
    }

    /// Ends a connection without a goodbye.
    static func reset(_ descriptor: Int32) {
        var linger = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<Glibc.linger>.size))
        close(descriptor)
    }

    private static func address(_ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        address.sin_port = port.bigEndian
        return address
    }
}
