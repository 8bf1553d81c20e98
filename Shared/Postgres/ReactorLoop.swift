import Glibc
import Logging
import Synchronization

/// The thread of a pool: does what the lanes' machines decide, and tells them what has come of it.
struct ReactorLoop {
    private struct Channel {
        let lane: Lane
        let link: Link
        var wantsWrite = false
    }

    private let reactor: Reactor
    private let configuration: PostgresConfiguration
    private let logger: Logger
    private var lanes: [LaneMachine]
    private var channels: [ConnectionID: Channel] = [:]
    private var callers: [RequestID: Caller] = [:]
    private var descriptors: [pollfd] = []
    private var polled: [ConnectionID] = []

    init(_ reactor: Reactor, _ configuration: PostgresConfiguration, _ pool: PoolConfiguration, _ logger: Logger) {
        self.reactor = reactor
        self.logger = logger
        var configuration = configuration
        // What every session has anyway need not be set for each request.
        configuration.runtimeParameters["statement_timeout"] = String(pool.defaultDeadline.milliseconds)
        // A body that hangs in a transaction holds its locks no longer than this.
        configuration.runtimeParameters.merge(["idle_in_transaction_session_timeout": "60000"]) { given, _ in given }
        self.configuration = configuration
        lanes = Lane.allCases.map { lane in
            LaneMachine(
                limits: LaneLimits(pool, lane: lane), firstConnection: ConnectionID(lane.rawValue) << 32,
                random: { .random(in: 0...1) })
        }
    }

    mutating func run() {
        while true {
            let inputs = reactor.take()
            for input in inputs { handle(input) }
            let now = monotonicNow()
            for lane in lanes.indices {
                lanes[lane].tick(now: now)
                lanes[lane].dispatch(now: now)
                perform(lane)
            }
            publish()
            if lanes.allSatisfy(\.isDrained) { break }
            wait(sleeping: inputs.isEmpty)
        }
        channels = [:]
        reactor.close()
    }

    private mutating func handle(_ input: Reactor.Input) {
        let now = monotonicNow()
        switch input {
        case .submit(let lane, let request, let ticket, let caller):
            callers[request.id] = caller
            lanes[lane.rawValue].submit(request, now: now)
            // Cancelled before it arrived: the cancellation came first and found nothing.
            if ticket.isCancelled.load(ordering: .sequentiallyConsistent) {
                lanes[lane.rawValue].cancel(request.id, now: now)
            }
        case .cancel(let lane, let id): lanes[lane.rawValue].cancel(id, now: now)
        case .release(let lane, let id): lanes[lane.rawValue].release(id, now: now)
        case .opened(let lane, let id, let link):
            // Given up meanwhile: the link closes itself.
            guard lanes[lane.rawValue].index(of: id) != nil else { return }
            channels[id] = Channel(lane: lane, link: link)
            lanes[lane.rawValue].opened(id, now: now)
            logger.debug("connected to PostgreSQL", metadata: ["lane": "\(lane)", "backend": "\(link.backendProcess)"])
        case .openFailed(let lane, let id, let error):
            lanes[lane.rawValue].openFailed(id, error, now: now)
            logger.warning("cannot connect to PostgreSQL", metadata: ["lane": "\(lane)", "error": "\(error)"])
        case .cancelSent(let lane, let id): lanes[lane.rawValue].cancelSent(id, now: now)
        case .drain(let limit): for lane in lanes.indices { lanes[lane].drain(until: limit) }
        }
    }

    private func publish() {
        var statistics = PoolStatistics()
        for lane in Lane.allCases { statistics[lane] = lanes[lane.rawValue].currentStatistics }
        reactor.publish(statistics)
    }

    // MARK: Waiting and receiving

    private mutating func wait(sleeping: Bool) {
        descriptors.removeAll(keepingCapacity: true)
        polled.removeAll(keepingCapacity: true)
        descriptors.append(pollfd(fd: reactor.wakeReader, events: Int16(POLLIN), revents: 0))
        for (id, channel) in channels {
            let events = POLLIN | (channel.wantsWrite ? POLLOUT : 0)
            descriptors.append(pollfd(fd: channel.link.socket, events: Int16(events), revents: 0))
            polled.append(id)
        }
        let next = lanes.reduce(Int64.max) { min($0, $1.nextTick) }
        // With input taken, more may have come since: only a look at the sockets.
        let timeout = sleeping ? pollTimeout(until: next == .max ? nil : next) : 0
        guard poll(&descriptors, nfds_t(descriptors.count), timeout) > 0 else { return }
        if descriptors[0].revents != 0 { reactor.woken() }
        for index in polled.indices where descriptors[index + 1].revents != 0 { receive(polled[index]) }
    }

    private mutating func receive(_ id: ConnectionID) {
        guard let channel = channels[id] else { return }
        let lane = channel.lane.rawValue
        let now = monotonicNow()
        let isWhole = channel.link.consume()
        while lanes[lane].awaitsResults(id), !channel.link.isBusy {
            let outcome = channel.link.nextResult()
            if case .end = outcome, channel.link.isBroken { break }
            if !lanes[lane].received(outcome, on: id, now: now) {
                if case .failed(let error) = outcome { return lose(id, error) }
                return lose(id, PostgresError(.connectionLost, "the connection is out of step"))
            }
        }
        if !isWhole || channel.link.isBroken { return lose(id, channel.link.lostError) }
        if channel.wantsWrite { channels[id]?.wantsWrite = channel.link.flush() }
        perform(lane)
    }

    private mutating func lose(_ id: ConnectionID, _ error: PostgresError) {
        guard let channel = channels.removeValue(forKey: id) else { return }
        logger.info("lost a connection to PostgreSQL", metadata: ["lane": "\(channel.lane)", "error": "\(error)"])
        lanes[channel.lane.rawValue].lost(id, error, now: monotonicNow())
        perform(channel.lane.rawValue)
    }

    // MARK: Performing

    private mutating func perform(_ lane: Int) {
        while true {
            let actions = lanes[lane].takeActions()
            if actions.isEmpty { return }
            for action in actions { perform(action, Lane.allCases[lane]) }
        }
    }

    private mutating func perform(_ action: LaneAction, _ lane: Lane) {
        switch action {
        case .finish(let id, let result): callers.removeValue(forKey: id)?.resume(returning: result)
        case .send(let id, let commands): send(commands, on: id, lane)
        case .open(let id): open(id, lane)
        case .close(let id): channels[id] = nil
        case .cancelRunning(let id):
            guard let link = channels[id]?.link else { return }
            let reactor = reactor
            startThread("pg-cancel") {
                link.cancel()
                reactor.put(.cancelSent(lane, id))
            }
        }
    }

    private mutating func send(_ commands: [LaneAction.Command], on id: ConnectionID, _ lane: Lane) {
        guard let link = channels[id]?.link else { return }
        for command in commands {
            let isSent =
                switch command {
                case .prepare(let name, let sql): link.sendPrepare(name, sql)
                case .run(let name, let sql): link.send(prepared: name, sql)
                case .runUnnamed(let sql): link.send(sql)
                case .sync: link.sync()
                }
            guard isSent else {
                channels[id] = nil
                return lanes[lane.rawValue].lost(id, link.lostError, now: monotonicNow())
            }
        }
        channels[id]?.wantsWrite = link.flush()
    }

    private func open(_ id: ConnectionID, _ lane: Lane) {
        let configuration = configuration
        let reactor = reactor
        startThread("pg-connect") {
            do throws(PostgresError) {
                let link = try Link.open(configuration)
                guard link.enterPipeline() else { throw link.lostError }
                reactor.put(.opened(lane, id, link))
            } catch {
                reactor.put(.openFailed(lane, id, error))
            }
        }
    }
}

extension LaneMachine {
    var currentStatistics: PoolStatistics.LaneStatistics {
        var statistics = statistics
        statistics.open = connections.count(where: \.isOpen)
        statistics.busy = connections.count { $0.isOpen && !($0.groups.isEmpty && $0.lease == nil) }
        return statistics
    }
}
