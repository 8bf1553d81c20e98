import Edge
import Logging
import ServiceLifecycle

/// A server that can be told to finish, as a signal would.
struct ServiceGroupBox: Sendable {
    private let group: ServiceGroup

    init(_ service: EdgeApplication, logger: Logger) {
        group = ServiceGroup(services: [service], logger: logger)
    }

    func run() async throws { try await group.run() }
    func stop() async { await group.triggerGracefulShutdown() }
}
