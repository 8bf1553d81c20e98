import Foundation
import Glibc
import Synchronization

/// What others feel of a thousand clients that take their time.
struct Slow: Sendable {
    let instance: Instance
    let plan: Plan
    let shop: Shop

    private static let clients = 1_000

    func rows() async throws -> [Row] {
        let url = "\(instance.query)/v1/listings/\(shop.listings[0])"
        let key = "closter-key: \(shop.publishable)"
        let load = try await Hot(instance: instance, plan: plan, shop: shop).load(url, [key])
        let generator = H2Load(instance: instance, shape: .http1)
        func p99() async throws -> Double {
            try await generator.times(url, [key], rate: load / 2, seconds: plan.seconds).percentile(99)
        }
        let returns = Mutex<[Int]>([])
        let times = try await plan.alternate([
            {
                let clients = SlowClients(port: shop.port, count: Self.clients, key: shop.publishable)
                let work = Task { try await onThread { try clients.run() } }
                try await until("\(Self.clients) slow connections") {
                    try await instance.metric("closter_connections") >= Double(Self.clients)
                }
                let time = try await p99()
                clients.isDone.store(true, ordering: .relaxed)
                let returned = try await work.value
                returns.withLock { $0.append(returned) }
                return time
            }, { try await p99() },
        ])
        return [
            Row(
                "p99 of hot GETs at half load beside \(Self.clients) slow connections", ours: times[0], unit: "ms",
                theirs: times[1], peer: "without them", isLessBetter: true,
                note: "half send a byte of a head each second, half read one of what they asked for; "
                    + "\(returns.withLock { $0.max() ?? 0 }) were closed and came back; goal: 110 %")
        ]
    }
}

/// Half of them send a head a byte each second, the others ask for much and read it as slowly. Whoever is thrown out
/// comes again.
private final class SlowClients: Sendable {
    let isDone = Atomic(false)
    private let port: Int
    private let count: Int
    /// What the senders send, without an end.
    private let head: [UInt8]
    private let wants: [UInt8]

    init(port: Int, count: Int, key: String) {
        self.port = port
        self.count = count
        head = Array(
            "GET /v1/listings HTTP/1.1\r\nhost: localhost\r\nx-slow: \(String(repeating: "x", count: 10_000))".utf8)
        let one = Shop.request("GET", "/v1/listings?limit=100", ["closter-key: \(key)"])
        wants = Array(repeatElement(one, count: 20).joined())
    }

    private struct Client {
        var descriptor: Int32 = -1
        var sent = 0
    }

    /// - Returns: how many were closed by the server.
    func run() throws -> Int {
        var clients = [Client](repeating: Client(), count: count)
        defer { for client in clients where client.descriptor >= 0 { close(client.descriptor) } }
        for index in clients.indices { try connect(&clients[index], reads: index % 2 == 1) }
        var returned = 0
        // A tenth of them each tenth of a second.
        var turn = 0
        while !isDone.load(ordering: .relaxed) {
            let due = ContinuousClock.now + .milliseconds(100)
            for index in stride(from: turn % 10, to: count, by: 10) where !step(&clients[index], reads: index % 2 == 1)
            {
                close(clients[index].descriptor)
                returned += 1
                try connect(&clients[index], reads: index % 2 == 1)
            }
            turn += 1
            Thread.sleep(forTimeInterval: max(0, (due - .now) / .seconds(1)))
        }
        return returned
    }

    private func connect(_ client: inout Client, reads: Bool) throws {
        client = Client(descriptor: try Socket.connected(port: port, room: reads ? 4_096 : nil))
        guard reads else { return }
        _ = send(client.descriptor, wants, wants.count, Int32(MSG_NOSIGNAL | MSG_DONTWAIT))
    }

    /// False where the server has closed it.
    private func step(_ client: inout Client, reads: Bool) -> Bool {
        var byte: UInt8 = 0
        if reads {
            let count = recv(client.descriptor, &byte, 1, Int32(MSG_DONTWAIT))
            return count > 0 || (count < 0 && errno == EAGAIN)
        }
        // An answer before the head is whole says that it came too slowly.
        let early = recv(client.descriptor, &byte, 1, Int32(MSG_DONTWAIT))
        guard early < 0, errno == EAGAIN, client.sent < head.count else { return false }
        byte = head[client.sent]
        client.sent += 1
        return send(client.descriptor, &byte, 1, Int32(MSG_NOSIGNAL)) == 1
    }
}
