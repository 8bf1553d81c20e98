import Foundation
import Glibc

/// The thread behind a proxy: one turn waits for the sockets, and moves what there is to move.
struct ProxyLoop {
    private let listener: Int32
    private let wake: Int32
    private var pipes: [ProxyPipe] = []
    private var weather = TCPProxy.Weather.clear

    init(listener: Int32, wake: Int32) {
        self.listener = listener
        self.wake = wake
    }

    var count: Int { pipes.count }

    /// False once the proxy is closed.
    mutating func turn(_ controls: TCPProxy.Controls) -> Bool {
        guard !controls.isClosed else {
            for index in pipes.indices { pipes[index].reset() }
            close(listener)
            return false
        }
        apply(controls)
        // A stalled network takes nobody in.
        var descriptors = [
            pollfd(fd: wake, events: Int16(POLLIN), revents: 0),
            pollfd(fd: weather == .stalled ? -1 : listener, events: Int16(POLLIN), revents: 0),
        ]
        let now = ContinuousClock.now
        for pipe in pipes { descriptors += pipe.interests(weather, now) }
        let due = pipes.compactMap { $0.nextDue(after: now) }.min()
        let timeout = due.map { Int32(max(1, min(1000, ($0 - now) / .milliseconds(1)))) } ?? 1000
        guard poll(&descriptors, nfds_t(descriptors.count), timeout) >= 0 else { return true }
        if descriptors[0].revents != 0 {
            var buffer = [UInt8](repeating: 0, count: 64)
            _ = read(wake, &buffer, buffer.count)
        }
        let delay: Duration = if case .delayed(let delay) = weather { delay } else { .zero }
        if weather != .stalled {
            for index in pipes.indices {
                pipes[index].move(
                    descriptors[2 + 2 * index].revents, descriptors[3 + 2 * index].revents, delay: delay)
            }
        }
        pipes.removeAll { $0.isOver }
        if descriptors[1].revents != 0 { accept(target: controls.target) }
        return true
    }

    private mutating func apply(_ controls: TCPProxy.Controls) {
        weather = controls.weather
        for index in pipes.indices {
            if weather == .swallowing { pipes[index].isSwallowed = true }
            if let bytes = controls.cutAfter { pipes[index].cut(after: bytes) }
            if let side = controls.reset, pipes[index].isSwallowed { pipes[index].give(up: side) }
        }
        pipes.removeAll { $0.isOver }
    }

    private mutating func accept(target: UInt16) {
        let client = Glibc.accept(listener, nil, nil)
        guard client >= 0 else { return }
        guard let server = LocalSocket.connect(target) else { return LocalSocket.reset(client) }
        for descriptor in [client, server] { _ = fcntl(descriptor, F_SETFL, O_NONBLOCK) }
        var pipe = ProxyPipe(client: client, server: server)
        pipe.isSwallowed = weather == .swallowing
        pipes.append(pipe)
    }
}

/// One connection through the proxy: two sockets, and what is under way between them.
struct ProxyPipe {
    /// From one end to the other.
    private struct Flow {
        var pieces: [(due: ContinuousClock.Instant, bytes: ArraySlice<UInt8>)] = []
        var held = 0
        var hasEnded = false
        var isShut = false
    }

    /// The client's and the server's socket; -1 once it is closed.
    private var ends: [Int32]
    private var flows = [Flow(), Flow()]
    /// How many bytes may still pass.
    private var budget: Int?
    var isSwallowed = false

    private static let most = 256 << 10

    init(client: Int32, server: Int32) { ends = [client, server] }

    var isOver: Bool { ends == [-1, -1] }

    func interests(_ weather: TCPProxy.Weather, _ now: ContinuousClock.Instant) -> [pollfd] {
        (0...1).map { end in
            // A socket of nobody's interest is left out: poll reports hang-ups whether asked for or not.
            guard ends[end] >= 0, weather != .stalled else { return pollfd(fd: -1, events: 0, revents: 0) }
            var events: Int32 = 0
            if isSwallowed || (!flows[end].hasEnded && flows[end].held < Self.most) { events |= POLLIN }
            if !isSwallowed, let first = flows[1 - end].pieces.first, first.due <= now { events |= POLLOUT }
            return pollfd(fd: events == 0 ? -1 : ends[end], events: Int16(events), revents: 0)
        }
    }

    func nextDue(after now: ContinuousClock.Instant) -> ContinuousClock.Instant? {
        flows.compactMap { $0.pieces.first?.due }.filter { $0 > now }.min()
    }

    mutating func move(_ client: Int16, _ server: Int16, delay: Duration) {
        for (end, ready) in [client, server].enumerated() where ready != 0 && !isOver {
            if isSwallowed { swallow(from: end) } else { receive(from: end, delay) }
        }
        guard !isSwallowed else { return }
        for end in 0...1 where !isOver { forward(from: end) }
        if !isOver, flows.allSatisfy(\.isShut) { closeBoth() }
    }

    mutating func cut(after bytes: Int) {
        if bytes == 0 { reset() } else { budget = bytes }
    }

    mutating func give(up side: TCPProxy.Side) {
        end(1)
        if side == .both { end(0) }
    }

    mutating func reset() {
        end(0)
        end(1)
    }

    private mutating func end(_ end: Int) {
        if ends[end] >= 0 { LocalSocket.reset(ends[end]) }
        ends[end] = -1
    }

    private mutating func closeBoth() {
        for end in 0...1 where ends[end] >= 0 {
            close(ends[end])
            ends[end] = -1
        }
    }

    /// The side that hangs up is let go; the other is not told.
    private mutating func swallow(from end: Int) {
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        let count = read(ends[end], &buffer, buffer.count)
        if count == 0 || (count < 0 && errno != EAGAIN) { self.end(end) }
    }

    private mutating func receive(from end: Int, _ delay: Duration) {
        guard !flows[end].hasEnded, flows[end].held < Self.most else { return }
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        let count = read(ends[end], &buffer, buffer.count)
        if count > 0 {
            flows[end].pieces.append((due: .now + delay, bytes: buffer[..<count]))
            flows[end].held += count
        } else if count == 0 {
            flows[end].hasEnded = true
        } else if errno != EAGAIN {
            reset()
        }
    }

    private mutating func forward(from end: Int) {
        let now = ContinuousClock.now
        while let piece = flows[end].pieces.first, piece.due <= now {
            let wanted = min(piece.bytes.count, budget ?? .max)
            let count = piece.bytes.withUnsafeBytes {
                send(ends[1 - end], $0.baseAddress, wanted, Int32(MSG_NOSIGNAL))
            }
            guard count >= 0 else {
                if errno != EAGAIN { reset() }
                return
            }
            flows[end].held -= count
            flows[end].pieces[0].bytes = piece.bytes.dropFirst(count)
            if flows[end].pieces[0].bytes.isEmpty { flows[end].pieces.removeFirst() }
            if let left = budget {
                budget = left - count
                if left == count { return reset() }
            }
            if count < wanted { return }
        }
        if flows[end].hasEnded, flows[end].pieces.isEmpty, !flows[end].isShut {
            shutdown(ends[1 - end], Int32(SHUT_WR))
            flows[end].isShut = true
        }
    }
}
