import Synchronization

/// What a check found.
public enum HealthOutcome: Equatable, Sendable {
    /// The check holds. `detail` is shown beside it, such as "read-switch file broken, keeping the last good one".
    case passed(detail: String? = nil)
    /// The service cannot do its work; `reason` is shown to whoever asks `/readyz`: no secrets, no tenant data.
    case failed(reason: String)
}

/// All checks at one moment.
public struct HealthReport: Equatable, Sendable {
    public struct Check: Equatable, Sendable {
        public var name: String
        public var outcome: HealthOutcome
    }

    public var isShuttingDown: Bool
    /// In the order of registration.
    public var checks: [Check]

    public var isReady: Bool {
        !isShuttingDown && checks.allSatisfy { if case .passed = $0.outcome { true } else { false } }
    }

    /// Why the service is not ready; nil when it is.
    public var reason: String? {
        if isShuttingDown { return "shutting down" }
        let reasons = checks.compactMap { check -> String? in
            if case .failed(let reason) = check.outcome { "\(check.name): \(reason)" } else { nil }
        }
        return reasons.isEmpty ? nil : reasons.joined(separator: "; ")
    }

    /// `{"status":"ready"|"unavailable","reason":…,"checks":{"database":{"ok":true}}}`, `reason` only when unavailable.
    public var json: [UInt8] {
        var bytes: [UInt8] = [UInt8(ascii: "{")]
        JSONText.appendKey("status", to: &bytes)
        JSONText.appendString(isReady ? "ready" : "unavailable", to: &bytes)
        if let reason {
            JSONText.appendKey("reason", to: &bytes)
            JSONText.appendString(reason, to: &bytes)
        }
        JSONText.appendKey("checks", to: &bytes)
        bytes.append(UInt8(ascii: "{"))
        for check in checks {
            JSONText.appendKey(check.name, to: &bytes)
            bytes.append(UInt8(ascii: "{"))
            JSONText.appendKey("ok", to: &bytes)
            switch check.outcome {
            case .passed(let detail):
                bytes.append(contentsOf: "true".utf8)
                if let detail {
                    JSONText.appendKey("detail", to: &bytes)
                    JSONText.appendString(detail, to: &bytes)
                }
            case .failed(let reason):
                bytes.append(contentsOf: "false".utf8)
                JSONText.appendKey("reason", to: &bytes)
                JSONText.appendString(reason, to: &bytes)
            }
            bytes.append(UInt8(ascii: "}"))
        }
        bytes.append(contentsOf: "}}".utf8)
        return bytes
    }
}

/// The named checks behind `/readyz`.
public final class HealthRegistry: Sendable {
    public typealias Check = @Sendable () async -> HealthOutcome

    private struct State {
        var checks: [(name: String, check: Check)] = []
        var isShuttingDown = false
    }

    private let state = Mutex(State())
    private let limit: Duration

    /// - Parameter limit: how long one check may take before it counts as failed.
    public init(limit: Duration = .seconds(2)) {
        self.limit = limit
    }

    /// Adds a check; the same name again replaces it.
    public func register(_ name: String, _ check: @escaping Check) {
        state.withLock { state in
            state.checks.removeAll { $0.name == name }
            state.checks.append((name, check))
        }
    }

    /// From now on the service is not ready, whatever its checks say.
    public func beginShutdown() {
        state.withLock { $0.isShuttingDown = true }
    }

    public var isShuttingDown: Bool { state.withLock { $0.isShuttingDown } }

    /// Runs every check at once. A check that does not answer in time counts as failed, and the report does not wait
    /// for it.
    public func report() async -> HealthReport {
        let (checks, isShuttingDown) = state.withLock { ($0.checks, $0.isShuttingDown) }
        guard !isShuttingDown else { return HealthReport(isShuttingDown: true, checks: []) }
        let outcomes = await withTaskGroup(of: (Int, HealthOutcome).self) { group in
            for (index, check) in checks.enumerated() {
                group.addTask { [limit] in (index, await Self.run(check.check, limit: limit)) }
            }
            var outcomes: [Int: HealthOutcome] = [:]
            for await (index, outcome) in group { outcomes[index] = outcome }
            return outcomes
        }
        let results = checks.enumerated().map { index, check in
            HealthReport.Check(name: check.name, outcome: outcomes[index] ?? .failed(reason: "not run"))
        }
        return HealthReport(isShuttingDown: self.isShuttingDown, checks: results)
    }

    private static func run(_ check: @escaping Check, limit: Duration) async -> HealthOutcome {
        // Not a task group: it would wait for a check that ignores its cancellation.
        let (stream, continuation) = AsyncStream.makeStream(
            of: HealthOutcome.self, bufferingPolicy: .bufferingOldest(1))
        let work = Task { continuation.yield(await check()) }
        let timer = Task {
            try await Task.sleep(for: limit)
            continuation.yield(.failed(reason: "no answer within \(limit)"))
        }
        defer {
            work.cancel()
            timer.cancel()
        }
        for await outcome in stream { return outcome }
        return .failed(reason: "cancelled")
    }
}
