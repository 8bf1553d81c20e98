import HTTPTypes
import Hummingbird
public import Postgres

extension Problem {
    /// What a failure of the database means to a client.
    ///
    /// A lost connection means that nothing was done: only who appends can leave an outcome unknown, and says so itself.
    public init(postgres error: PostgresError) {
        switch error.kind {
        case .connectionFailed, .connectionLost, .deadlineExceeded, .poolWaitExceeded, .cancelled, .closed:
            self.init(.unavailable)
        case .decoding, .invalidConfiguration:
            self.init(.internalError)
        case .server(let state):
            switch state {
            // Serialization failure, deadlock, a uniqueness that was taken meanwhile.
            case "40001", "40P01", "23505": self.init(.conflict)
            // Lock not available, statement timeout, read-only after a failover.
            case "55P03", "57014", "25006": self.init(.unavailable)
            default:
                // Connection exceptions, insufficient resources, operator intervention.
                let isOutage = ["08", "53", "57"].contains { state.hasPrefix($0) }
                self.init(isOutage ? .unavailable : .internalError)
            }
        }
    }

    /// What any error means to a client. Unknown ones say nothing of their insides.
    init(_ error: any Error) {
        switch error {
        case let problem as Problem: self = problem
        case let error as PostgresError: self.init(postgres: error)
        case let error as any HTTPResponseError: self.init(.standing(for: error.status.code))
        case is CancellationError: self.init(.unavailable)
        default: self.init(.internalError)
        }
    }
}
