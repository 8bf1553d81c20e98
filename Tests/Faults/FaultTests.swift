import Foundation
import Postgres
import TestSupport
import Testing

/// Only where `CLOSTER_FAULTS` asks for it: it wants the machine for itself.
@Suite(.serialized, .enabled(if: FaultPlan().isWanted)) struct FaultTests {
    private let plan = FaultPlan()

    @Test func `no fault loses, doubles or disorders what was acknowledged`() async throws {
        var run = FaultRun(plan)
        do {
            try await run.onOneServer()
            try await run.onASmallDisk()
            try await run.onAReplicatedServer()
        } catch {
            Issue.record("\(error)")
        }
        print("\(run.table.text)\nseed \(plan.seed)")
        #expect(run.violations.isEmpty, "CLOSTER_FAULT_SEED=\(plan.seed) replays the schedule")
    }

    /// The harness is watched failing: a standby that had stopped following takes over.
    @Test func `a failover that loses what was acknowledged is found out`() async throws {
        let primary = try await offThread { try PrivateCluster() }
        // They outlive the services, which would wait for them at their end.
        var servers = [primary]
        defer { servers.forEach { $0.destroy() } }
        try await World.with(primary) { world in
            let standby = try await offThread { try PrivateCluster(standbyOf: primary) }
            servers.append(standby)
            let follower = try await world.direct.through(port: standby.port).connect()
            _ = try await follower.query("ALTER SYSTEM SET primary_conninfo = ''")
            _ = try await follower.query("SELECT pg_reload_conf()")
            await follower.close()
            let administrator = try await world.administrator()
            try await eventually("nobody follows") {
                let rows = try await administrator.query("SELECT count(*) FROM pg_stat_replication")
                return try rows[0].decode(0, as: Int.self) == 0
            }
            await administrator.close()
            try await world.underLoad(plan.chance("loss")) {
                try await eventually("much is acknowledged") { world.history.intents.count { $0.answer != nil } > 50 }
                try await offThread {
                    try primary.kill()
                    try standby.promote()
                }
                world.move(to: standby)
            }
            let connection = try await world.administrator()
            let evidence = try await connection.evidence()
            await connection.close()
            let found = Checker(evidence, world.history.intents, seen: world.tailer.seen).violations().map(\.kind)
            #expect(found.contains(.lost))
            #expect(found.contains(.tail))
        }
    }
}

/// A run of all faults, one after the other, and what it has shown.
private struct FaultRun {
    let plan: FaultPlan
    var table = FaultTable()
    var violations: [Violation] = []

    init(_ plan: FaultPlan) { self.plan = plan }

    mutating func onOneServer() async throws {
        try await suffer([
            .kill, .backends, .restart, .freeze, .stall, .delay, .cut, .silence, .listener, .snapshot, .lock,
        ])
    }

    mutating func onASmallDisk() async throws {
        guard !plan.chosen([.disk]).isEmpty else { return }
        guard let disk = SmallDisk() else {
            table.notes.append("disk full: left out, this user may not mount a tmpfs")
            return
        }
        defer { disk.unmount() }
        try await suffer([.disk], disk: disk)
    }

    mutating func onAReplicatedServer() async throws { try await suffer([.failover]) }

    /// A world of its own for these faults, and a proof at its end.
    private mutating func suffer(_ faults: [Fault], disk: SmallDisk? = nil) async throws {
        let faults = plan.chosen(faults)
        guard !faults.isEmpty else { return }
        let cluster = try await offThread { try PrivateCluster(in: disk?.folder ?? "/tmp") }
        var last = cluster
        defer { last.destroy() }
        try await World.with(cluster) { world in
            defer { last = world.cluster }
            var phases: [(line: FaultTable.Line, ends: [ContinuousClock.Instant])] = []
            for fault in faults { phases.append(try await phase(fault, world, disk)) }
            let found = try await world.violations(plan.chance("answers"))
            violations += found
            for violation in found.prefix(20) { Issue.record("\(violation)") }
            table.lines += phases.map { Self.counted($0.line, $0.ends, world.history.intents, found) }
        }
    }

    /// Load, the fault again and again, each time until every service is ready, and then until all is settled.
    private func phase(
        _ fault: Fault, _ world: World, _ disk: SmallDisk?
    ) async throws -> (FaultTable.Line, [ContinuousClock.Instant]) {
        world.history.begin(fault.rawValue)
        var injector = Injector(world, plan.chance(fault.rawValue), isLong: plan.isLong, disk: disk)
        var line = FaultTable.Line(fault: fault, injected: 0)
        var ends: [ContinuousClock.Instant] = []
        let count = plan.count(fault)
        try await world.underLoad(plan.chance("load of \(fault.rawValue)")) {
            let began = ContinuousClock.now
            try await Task.sleep(for: .milliseconds(plan.isLong ? 3000 : 700))
            let rate =
                Double(world.history.acknowledged(from: began, to: .now)) / (began.duration(to: .now) / .seconds(1))
            while line.injected < count {
                let injected = try await injector.inject(fault, most: count - line.injected)
                // Where there was nothing to hurt, there is nothing to count; what cuts many counts many.
                line.injected += max(injected, 1)
                let end = ContinuousClock.now
                ends.append(end)
                let last = try await world.ready()
                line.ready.append((end.duration(to: .now), last))
            }
            line.fullRate = try await fullRate(rate, world)
        }
        try await world.settled()
        return (line, ends)
    }

    /// How long until half a second brought nine tenths of the rate there was; nil: not in the time it is watched.
    private func fullRate(_ rate: Double, _ world: World) async throws -> Duration? {
        let window = Duration.milliseconds(500)
        let from = ContinuousClock.now
        while from.duration(to: .now) < .seconds(plan.isLong ? 20 : 2) {
            let now = ContinuousClock.now
            let count = Double(world.history.acknowledged(from: now - window, to: now))
            if now - window >= from, count >= rate * (window / .seconds(1)) * 0.9 {
                return from.duration(to: now) - window
            }
            try await Task.sleep(for: .milliseconds(50))
        }
        return nil
    }

    /// The line with what the clients recorded and the checker found.
    private static func counted(
        _ line: FaultTable.Line, _ ends: [ContinuousClock.Instant], _ intents: [Recorded], _ found: [Violation]
    ) -> FaultTable.Line {
        var line = line
        let own = intents.filter { $0.phase == line.fault.rawValue }
        line.acknowledged = own.count { $0.answer != nil }
        line.unavailable = own.count { if case .fail(503, _) = $0.outcome { true } else { false } }
        line.unknown = own.count { if case .unknown = $0.outcome { true } else { false } }
        line.lost = found.count { $0.kind == .lost && $0.phase == line.fault.rawValue }
        line.doubled = found.count { $0.kind == .doubled && $0.phase == line.fault.rawValue }
        line.write = ends.compactMap { end in
            own.filter { $0.answer != nil && $0.started >= end }.map(\.ended).min().map { end.duration(to: $0) }
        }
        return line
    }
}
