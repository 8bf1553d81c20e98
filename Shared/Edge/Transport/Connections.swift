import Foundation
import NIOCore
import Runtime
import Synchronization

/// The open connections of a server: how many there may be, and that all of them are asked to leave at its end.
final class Connections: Sendable {
    enum Refusal: String, CaseIterable, Sendable {
        /// There are as many as there may be.
        case full
        /// There are as many from this address.
        case address
        /// The server is about to end.
        case leaving
    }

    private struct State {
        var open: [ObjectIdentifier: any Channel] = [:]
        var perAddress: [ClientAddress: Int] = [:]
        var perListener: [Int]
        var refused: [Refusal: Int] = [:]
        var isLeaving = false
        var leaver: CheckedContinuation<Void, Never>?
    }

    private let most: Int
    private let mostPerAddress: Int
    private let state: Mutex<State>

    /// - Parameters:
    ///   - most: all in all.
    ///   - mostPerAddress: 0 is any number.
    init(listeners: Int, most: Int, mostPerAddress: Int) {
        self.most = most
        self.mostPerAddress = mostPerAddress
        state = Mutex(State(perListener: Array(repeating: 0, count: listeners)))
    }

    /// - Parameter listener: the number of the one that has accepted it.
    /// - Returns: false where it is not taken and must be closed.
    func add(_ channel: any Channel, listener: Int) -> Bool {
        let key = ObjectIdentifier(channel)
        let address = mostPerAddress == 0 ? nil : channel.remoteAddress.flatMap(ClientAddress.init)
        let isAdded = state.withLock { state in
            let others = address.map { state.perAddress[$0, default: 0] } ?? 0
            let refusal: Refusal? =
                if state.isLeaving {
                    .leaving
                } else if state.open.count >= most {
                    .full
                } else if address != nil, others >= mostPerAddress {
                    .address
                } else {
                    nil
                }
            if let refusal {
                state.refused[refusal, default: 0] += 1
                return false
            }
            state.open[key] = channel
            state.perListener[listener] += 1
            if let address { state.perAddress[address] = others + 1 }
            return true
        }
        if isAdded { channel.closeFuture.whenComplete { _ in self.remove(key, address, listener) } }
        return isAdded
    }

    private func remove(_ key: ObjectIdentifier, _ address: ClientAddress?, _ listener: Int) {
        let leaver = state.withLock { state in
            state.open[key] = nil
            state.perListener[listener] -= 1
            if let address {
                let others = state.perAddress[address, default: 1] - 1
                state.perAddress[address] = others == 0 ? nil : others
            }
            guard state.open.isEmpty else { return nil as CheckedContinuation<Void, Never>? }
            defer { state.leaver = nil }
            return state.leaver
        }
        leaver?.resume()
    }

    /// Asks every connection to end after what it has in flight, and returns when all have; a cancelled task closes them.
    func leave() async {
        let open = state.withLock { state in
            state.isLeaving = true
            return Array(state.open.values)
        }
        for channel in open { channel.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent()) }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isEmpty = state.withLock { state in
                    if !state.open.isEmpty { state.leaver = continuation }
                    return state.open.isEmpty
                }
                if isEmpty { continuation.resume() }
            }
        } onCancel: {
            for channel in state.withLock({ Array($0.open.values) }) { channel.close(promise: nil) }
        }
    }

    // MARK: What it tells

    /// - Parameter listeners: their names, in the order of their numbers.
    func register(_ listeners: [String], in metrics: PrometheusMetrics) {
        metrics.describe(
            MetricDefinition("closter_connections", .gauge, help: "Connections that are open, by listener."),
            MetricDefinition(
                "closter_connections_refused_total", .counter,
                help: "Connections closed as soon as they came, by reason: full, address or leaving."))
        for (number, name) in listeners.enumerated() {
            metrics.observe("closter_connections", dimensions: [("listener", name)]) { [self] in
                Double(state.withLock { $0.perListener[number] })
            }
        }
        for refusal in Refusal.allCases {
            metrics.observe(
                "closter_connections_refused_total", .counter, dimensions: [("reason", refusal.rawValue)]
            ) { [self] in Double(state.withLock { $0.refused[refusal, default: 0] }) }
        }
    }
}

/// Whom a connection is counted for: an address of IPv4, or the /64 of one of IPv6, which is what one subscriber has.
struct ClientAddress: Hashable, Sendable {
    private let bytes: UInt64
    private let isIPv4: Bool

    /// nil for a Unix socket, behind which nobody can be told from another.
    init?(_ address: SocketAddress) {
        switch address {
        case .v4(let address): self.init(ipv4: UInt32(bigEndian: address.address.sin_addr.s_addr))
        case .v6(let address):
            let (high, low) = withUnsafeBytes(of: address.address.sin6_addr) { bytes in
                (
                    UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
                    UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
                )
            }
            // A client of IPv4 at a socket that takes both.
            if high == 0, low >> 32 == 0xFFFF {
                self.init(ipv4: UInt32(truncatingIfNeeded: low))
            } else {
                self.init(high, isIPv4: false)
            }
        case .unixDomainSocket: return nil
        }
    }

    private init(ipv4: UInt32) { self.init(UInt64(ipv4), isIPv4: true) }

    private init(_ bytes: UInt64, isIPv4: Bool) {
        self.bytes = bytes
        self.isIPv4 = isIPv4
    }
}
