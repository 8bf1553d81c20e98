import Foundation

/// What a connection takes that does nothing.
struct Connections: Sendable {
    let instance: Instance

    func rows() async throws -> [Row] {
        let count = try self.count()
        var rows: [Row] = []
        for (what, url) in [("TLS", instance.queryTLS), ("cleartext", instance.query)] {
            // A service that has had as many before has their memory still.
            let (before, after) = try await Connections(instance: instance.restarted([:])).memory(with: count, url)
            rows.append(
                Row(
                    "memory of an idle connection, HTTP/2, \(what), \(count) of them",
                    ours: (after - before) / Double(count),
                    unit: "KiB", near: 64, reach: 64, isLessBetter: true,
                    note:
                        "query: \(Table.number(before / 1024)) → \(Table.number(after / 1024)) MB; each has had an answer"
                ))
        }
        return rows
    }

    /// As many as descriptors allow, for h2load and for the service, which has as many as we.
    private func count() throws -> Int {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        return min(10_000, Int(limit.rlim_max) - 1_000)
    }

    /// Kilobytes without and with them.
    private func memory(with count: Int, _ url: String) async throws -> (Double, Double) {
        let target = "\(url)/livez"
        // What the first connections make once is not what each takes.
        _ = try await instance.run("/usr/bin/h2load", ["-t1", "-c100", "-n1000", target])
        try await until("the end of these connections") { try await open() < 50 }
        let before = try Memory.resident(of: instance, "query")
        let answered = try await instance.metric(Self.answered)
        // 500 more a second: of all at once the last would wait for their handshake longer than they may. One request each
        // in twenty seconds: whoever never asks is sent away.
        let clients = try Background(
            "/usr/bin/h2load",
            ["-t1", "-c\(count)", "-n\(100 * count)", "-m1", "--rps=0.05", "-r500", target], of: instance, name: "idle")
        defer { clients.stop() }
        try await until("\(count) connections with an answer each", within: .seconds(240)) {
            guard clients.isRunning else { throw Failure("h2load has ended, see logs/bench-idle.log") }
            let (open, now) = (try await open(), try await instance.metric(Self.answered))
            return open >= Double(count) && now - answered >= Double(count)
        }
        return (before, try Memory.resident(of: instance, "query"))
    }

    private static let answered = "closter_http_requests_total"

    private func open() async throws -> Double { try await instance.metric("closter_connections") }
}
