import EventSourcing
import Foundation
import Logging
import Runtime
import Synchronization

/// Keeps the read switches in step with their file.
///
/// It reads the file twice a second and compares what is in it: a change is in force a second after it was made, by
/// whatever means, and a file that is broken or gone changes nothing.
final class SwitchFile: Sendable {
    static let poll: Duration = .milliseconds(500)

    private let path: String?
    private let logger: Logger
    private let state = Mutex(SwitchState())
    private let onChange: @Sendable () -> Void

    /// Takes a first look, so that no read is answered before the file was seen.
    /// - Parameters:
    ///   - path: nil: projections everywhere.
    ///   - onChange: called once other switches are in force.
    init(path: String?, logger: Logger, onChange: @escaping @Sendable () -> Void = {}) {
        self.onChange = onChange
        self.path = path
        self.logger = logger
        look()
    }

    /// As of the last look.
    var status: SwitchState { state.withLock { $0 } }

    /// Which side answers a read; a list has no id.
    func use(_ resource: ReadResource, of tenant: (id: TenantID, slug: String), id: UUID?) -> ReadUse {
        state.withLock { $0.switches.rule(resource, for: tenant.slug).rule }.use(for: tenant.id, id: id)
    }

    /// Until the task is cancelled, even where there is no file: a part of the process that ends, ends the process.
    func run() async {
        while (try? await Task.sleep(for: Self.poll)) != nil { look() }
    }

    func look() {
        guard let path else { return }
        let reading = Self.read(path)
        let change = state.withLock { $0.observe(reading, at: .now) }
        switch change {
        case .taken:
            onChange()
            logger.notice("read switches taken from their file")
        case .refused(let reason):
            logger.error("read-switch file not usable, the last good one stays in force: \(reason)")
        case nil: break
        }
    }

    private static func read(_ path: String) -> SwitchState.Reading {
        guard FileManager.default.fileExists(atPath: path) else { return .missing }
        // One byte more than may be there: the parser says that it is too much.
        guard let file = FileHandle(forReadingAtPath: path),
            let bytes = try? file.read(upToCount: ReadSwitches.mostBytes + 1)
        else { return .unreadable("it cannot be read") }
        guard let text = String(validating: bytes, as: UTF8.self) else { return .unreadable("it is not UTF-8") }
        return .text(text)
    }

    // MARK: What it tells

    func register(in health: HealthRegistry, _ metrics: PrometheusMetrics) {
        metrics.describe(
            MetricDefinition(
                "closter_read_switches_broken", .gauge,
                help: "1 while the read-switch file is broken or missing and the last good one stays in force."),
            MetricDefinition(
                "closter_read_switches_reloads_total", .counter,
                help: "Changes of the read-switch file that were seen, by outcome: taken or refused."))
        metrics.observe("closter_read_switches_broken") { [self] in
            switch status.condition {
            case .good, .unconfigured: 0
            case .broken, .missing: 1
            }
        }
        metrics.observe("closter_read_switches_reloads_total", .counter, dimensions: [("outcome", "taken")]) { [self] in
            Double(status.taken)
        }
        metrics.observe("closter_read_switches_reloads_total", .counter, dimensions: [("outcome", "refused")]) {
            [self] in Double(status.refused)
        }
        health.register("read_switches") { [self] in .passed(detail: Self.detail(status)) }
    }

    /// Always ready: reads are answered as before.
    static func detail(_ status: SwitchState) -> String? {
        let inForce = status.takenAt == nil ? "projections everywhere" : "the last good one stays in force"
        switch status.condition {
        case .unconfigured, .good: return nil
        case .missing: return "the file is missing: \(inForce)"
        case .broken(let place): return "the file is broken (\(place)): \(inForce)"
        }
    }
}
