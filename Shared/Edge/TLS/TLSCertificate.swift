import Foundation
import Logging
import Runtime
import Synchronization

/// The certificates and keys that connections begin under, kept in step with their files.
///
/// It looks every two seconds whether the files are others. When all are good they are used for new connections, and those
/// that are open go on under theirs; a bad one changes nothing, and is told.
final class TLSCertificate: Sendable {
    static let poll: Duration = .seconds(2)

    private struct State {
        var context: TLSContext?
        var tickets = TicketKeys()
        var stamps: [Stamp] = []
        /// Why the files as they are now are not used.
        var refusal: String?
        var taken = 0
        var refused = 0
    }

    /// What changes when a file does, or the file that a link leads to.
    private struct Stamp: Equatable {
        var inode: Int?
        var size: Int?
        var modified: Date?

        init(_ path: String) {
            let target = URL(filePath: path).resolvingSymlinksInPath().path
            let attributes = try? FileManager.default.attributesOfItem(atPath: target)
            inode = attributes?[.systemFileNumber] as? Int
            size = attributes?[.size] as? Int
            modified = attributes?[.modificationDate] as? Date
        }
    }

    private let files: ServiceConfiguration.TLS
    private let service: String
    private let logger: Logger
    private let state = Mutex(State())

    init(_ files: ServiceConfiguration.TLS, service: String, logger: Logger) {
        self.files = files
        self.service = service
        self.logger = logger
    }

    /// For a new connection; nil before `load`.
    var context: TLSContext? { state.withLock { $0.context } }

    /// Reads the files for the first time.
    func load() throws(ConfigurationError) {
        let stamps = stamps()
        let tickets = state.withLock { $0.tickets }
        let context = try TLSContext(files, tickets: tickets, service: service)
        state.withLock { state in
            state.context = context
            state.stamps = stamps
        }
    }

    /// Until the task is cancelled.
    func watch() async {
        while (try? await Task.sleep(for: Self.poll)) != nil { look() }
    }

    /// Takes the files anew where they have changed, and also once a day, for the tickets' keys.
    func look() {
        let stamps = stamps()
        let (tickets, isSame) = state.withLock { state in
            (state.tickets.areOld ? nil : state.tickets, stamps == state.stamps)
        }
        if isSame, tickets != nil { return }
        do throws(ConfigurationError) {
            let tickets = tickets ?? TicketKeys()
            let context = try TLSContext(files, tickets: tickets, service: service)
            state.withLock { state in
                state.context = context
                state.tickets = tickets
                state.stamps = stamps
                state.refusal = nil
                if !isSame { state.taken += 1 }
            }
            if !isSame { logger.notice("certificate taken from its files") }
        } catch {
            let reason = error.problems.map { "\($0.key): \($0.message)" }.joined(separator: "; ")
            let isNews = state.withLock { state in
                defer { state.refusal = reason }
                state.stamps = stamps
                if !isSame { state.refused += 1 }
                return !isSame || state.refusal == nil
            }
            if isNews { logger.error("certificate not usable, the last good one stays in use: \(reason)") }
        }
    }

    private func stamps() -> [Stamp] {
        (files.pairs.flatMap { [$0.certificate, $0.key] } + [files.clientAuthority].compactMap(\.self)).map(Stamp.init)
    }

    // MARK: What it tells

    func register(in health: HealthRegistry, _ metrics: PrometheusMetrics) {
        metrics.describe(
            MetricDefinition(
                "closter_tls_certificate_expiry_seconds", .gauge,
                help: "When the first of the certificates in use and their chains ends, in seconds since 1970-01-01."),
            MetricDefinition(
                "closter_tls_certificate_broken", .gauge,
                help: "1 while the files of the certificate cannot be used and the last good one stays in use."),
            MetricDefinition(
                "closter_tls_reloads_total", .counter,
                help: "Changes of the certificate's files that were seen, by outcome: taken or refused."))
        metrics.observe("closter_tls_certificate_expiry_seconds") { [self] in Double(context?.expiry ?? 0) }
        metrics.observe("closter_tls_certificate_broken") { [self] in state.withLock { $0.refusal == nil ? 0 : 1 } }
        metrics.observe("closter_tls_reloads_total", .counter, dimensions: [("outcome", "taken")]) { [self] in
            Double(state.withLock { $0.taken })
        }
        metrics.observe("closter_tls_reloads_total", .counter, dimensions: [("outcome", "refused")]) { [self] in
            Double(state.withLock { $0.refused })
        }
        // Ready all the same: new connections begin under the last good one. Paths are the operator's, not everybody's.
        health.register("tls") { [self] in
            let isBroken = state.withLock { $0.refusal != nil }
            return .passed(detail: isBroken ? "the certificate's files cannot be used: the last good one is" : nil)
        }
    }
}
