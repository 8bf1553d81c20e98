import Foundation

/// New TLS connections: what a server pays before it is asked anything.
struct Handshakes: Sendable {
    let instance: Instance
    let plan: Plan

    private static let clients = 4

    func rows() async throws -> [Row] {
        let peers = try await FileServers(instance, file: [])
        defer { peers.stop() }
        let port = URL(string: instance.queryTLS)?.port ?? 0
        let rates = try await plan.alternate([
            { try await rate(port) }, { try await rate(peers.nginxTLS) },
        ])
        return [
            Row(
                "new TLS connections, full handshakes, TLS 1.3, ECDSA P-256", ours: rates[0], unit: "/s",
                theirs: rates[1], peer: "nginx, the same certificate",
                note: "\(Self.clients) × openssl s_time -new; goal: 80 %")
        ]
    }

    private func rate(_ port: Int) async throws -> Double {
        let started = ContinuousClock.now
        let counts = try await withThrowingTaskGroup(of: Double.self) { group in
            for _ in 0..<Self.clients { group.addTask { try await one(port) } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        return counts.reduce(0, +) / ((.now - started) / .seconds(1))
    }

    private func one(_ port: Int) async throws -> Double {
        let output = try await instance.run(
            "/usr/bin/openssl",
            ["s_time", "-connect", "127.0.0.1:\(port)", "-new", "-tls1_3", "-time", "\(plan.seconds)"])
        // "6144 connections in 5 real seconds, 0 bytes read per connection"
        guard let line = output.split(separator: "\n").first(where: { $0.contains(" real seconds") }),
            let count = line.split(separator: " ").first.flatMap({ Double($0) }), count > 0
        else { throw Failure("openssl counts no connections: \(output)") }
        return count
    }
}
