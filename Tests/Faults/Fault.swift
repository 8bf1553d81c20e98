/// What is done to a running installation.
enum Fault: String, CaseIterable, Sendable {
    case kill, backends, restart, freeze, stall, delay, cut, silence, listener, snapshot, lock, disk, failover

    var title: String {
        switch self {
        case .kill: "kill -9 of a service"
        case .backends: "backend terminated, 10/s"
        case .restart: "Postgres: restart -m immediate"
        case .freeze: "SIGSTOP/SIGCONT of a service"
        case .stall: "network stalls"
        case .delay: "network delays"
        case .cut: "network cuts connections"
        case .silence: "network swallows, half-open"
        case .listener: "LISTENer that never reads"
        case .snapshot: "idle in transaction, old snapshot"
        case .lock: "idle in transaction, locked rows"
        case .disk: "disk full"
        case .failover: "primary killed, standby promoted"
        }
    }

    /// How often, in the short and in the long form.
    var counts: (short: Int, long: Int) {
        switch self {
        case .kill: (6, 200)
        case .backends: (30, 1000)
        case .restart: (3, 50)
        case .freeze: (4, 60)
        case .stall, .delay: (2, 30)
        // Connections, some two dozen at a time.
        case .cut: (50, 1000)
        case .silence: (1, 200)
        case .listener: (3, 15)
        case .snapshot: (1, 5)
        case .lock: (2, 10)
        case .disk: (1, 10)
        case .failover: (1, 10)
        }
    }
}
