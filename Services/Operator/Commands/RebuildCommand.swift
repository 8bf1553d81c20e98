import ArgumentParser
import Foundation
import JSON
import Postgres

/// Asks for a projection to be filled anew, and follows what becomes of it. The projector does the work.
struct RebuildCommand: ToolCommand {
    static let configuration = CommandConfiguration(
        commandName: "rebuild",
        abstract: "Fill a projection anew beside the live one, and let it take over.",
        discussion: """
            The projector fills a new generation from the log, compares it with the live one and makes it the live one \
            in one step; reads and writes go on meanwhile. The old one keeps up for the grace, and --back returns to it \
            at once. Where a rebuild is open already, it is followed as it is. Ctrl-C ends the following only.
            Exit status: 0 done, 1 cancelled, 2 failed or could not.

            Example: closter rebuild listings --share 1 --workers 2
            """)

    @Argument(help: "The projection: items or listings.")
    var projection: String
    @Option(help: ArgumentHelp("How much of a core it may use, for all workers together.", valueName: "cores"))
    var share = 0.25
    @Option(help: ArgumentHelp("Rows in a transaction.", valueName: "rows"))
    var batch: Int32 = 500
    @Option(help: ArgumentHelp("How many parts are filled side by side.", valueName: "count"))
    var workers: Int32 = 2
    @Option(help: ArgumentHelp("How long the old generation stays, like 90s, 15m, 1h30m or 2d.", valueName: "time"))
    var grace = Span(seconds: 3_600)
    @Flag(help: "Say what would be done, and change nothing.")
    var dryRun = false
    @Flag(help: "Ask, and do not wait.")
    var detach = false
    @Flag(help: "Return to the generation that was live before.")
    var back = false
    @Flag(help: "End the open rebuild; what it has filled is dropped.")
    var cancel = false
    @OptionGroup var common: CommonOptions

    func validate() throws {
        if !(share > 0 && share <= 64) { throw ValidationError("--share is above 0 and at most 64") }
        if !(1...100_000).contains(batch) { throw ValidationError("--batch is from 1 to 100000") }
        if !(1...16).contains(workers) { throw ValidationError("--workers is from 1 to 16") }
        if [dryRun, back, cancel].count(where: { $0 }) > 1 {
            throw ValidationError("only one of --dry-run, --back and --cancel makes sense at a time")
        }
        if detach, dryRun || back { throw ValidationError("--detach goes with a rebuild or with --cancel") }
    }

    func run(in context: Context) async throws -> ExitStatus {
        if dryRun { return try await plan(context) }
        if back { return try await goBack(context) }
        let follower = RebuildFollower(context: context)
        if cancel { return try await end(context, follower) }

        let id = try await request(context)
        if !detach, let state = try await Interruption.orNil(context, { try await follower.untilEnded(id) }) {
            return try report(state, context.console)
        }
        if !detach {
            context.console.warn(
                """
                no longer followed; the rebuild goes on (closter rebuild \(projection) follows it again, --cancel ends it)
                """)
        }
        let state = try await follower.state(id)
        show(["\(projection): a rebuild is asked for; it is \(state.status.words)"], state.json, context.console)
        return .done
    }
}

extension RebuildCommand {
    private func show(_ lines: [String], _ json: JSONValue, _ console: Console) {
        if common.json {
            console.json(json)
        } else {
            for line in lines { console.line(line) }
        }
    }

    private func plan(_ context: Context) async throws -> ExitStatus {
        let plan = try await Database.read(context.settings) { try await RebuildPlan.make(projection, $0) }
        show(plan.text, plan.json, context.console)
        return .done
    }

    private func request(_ context: Context) async throws -> UUID {
        let (open, id): (RebuildState?, UUID) = try await Database.ask(context.settings) { connection in
            let open = try await RebuildState.open(projection, connection)
            let rows = try await connection.query(
                """
                SELECT main.request_rebuild(\(projection), \(Requester.name), \(share)::float8::real, \(batch), \(workers),
                                            make_interval(secs => \(Double(grace.seconds))))
                """)
            return (open, try rows[0].decode(0))
        }
        if let open, open.id == id {
            context.console.warn(
                "a rebuild is open already, asked for by \(open.requestedBy) with settings of its own: it is followed")
        }
        return id
    }

    private func report(_ state: RebuildState, _ console: Console) throws -> ExitStatus {
        switch state.status {
        case .done:
            show(state.summary, state.json, console)
            return .done
        case .cancelled:
            let by = state.cancelledBy.map { " by \($0)" } ?? ""
            show(["\(projection): the rebuild was cancelled\(by); nothing has changed"], state.json, console)
            return .found
        default:
            if common.json { console.json(state.json) }
            throw ToolFailure("the rebuild of \(projection) failed: \(state.detail ?? "no reason is given")")
        }
    }

    private func end(_ context: Context, _ follower: RebuildFollower) async throws -> ExitStatus {
        let id: UUID? = try await Database.ask(context.settings) { connection in
            guard let open = try await RebuildState.open(projection, connection) else { return nil }
            let rows = try await connection.query("SELECT main.cancel_rebuild(\(projection), \(Requester.name))")
            return try rows[0].decode(0, as: Bool.self) ? open.id : nil
        }
        guard let id else { throw ToolFailure("there is no open rebuild of \(projection) to cancel") }
        let state = detach ? try await follower.state(id) : try await follower.untilEnded(id, polls: 60)
        guard state.status.hasEnded || detach else {
            throw ToolFailure(
                "the rebuild is to be cancelled, but no projector has done so yet: is one running? The wish stays")
        }
        let said =
            state.status == .cancelled
            ? "the rebuild is cancelled"
            : state.status.hasEnded ? "the rebuild had ended" : "the rebuild is to be cancelled"
        show(["\(projection): \(said)"], state.json, context.console)
        return state.status == .cancelled || detach ? .done : .found
    }

    /// A generation that is a moment behind the live one catches up in that moment.
    private func goBack(_ context: Context) async throws -> ExitStatus {
        for attempt in 0..<20 {
            if attempt > 0 { try await context.pause(.milliseconds(250)) }
            let number: Int? = try await Database.ask(context.settings) { connection in
                try await connection.query(
                    "SELECT main.return_generation(\(projection), make_interval(secs => \(Double(grace.seconds))))")[0]
                    .decode(0)
            }
            guard let number else { continue }
            show(
                [
                    "\(projection): generation \(number) is live again; the one that was is kept for \(grace.text)"
                ], ["projection": .string(projection), "generation": JSONValue(number)], context.console)
            return .done
        }
        throw ToolFailure(
            "the generation to go back to is behind the live one, and does not catch up: is a projector running?")
    }
}

extension RebuildState.Status {
    fileprivate var words: String { self == .catchingUp ? "catching up" : rawValue }
}
