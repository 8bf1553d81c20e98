import ArgumentParser
import JSON

struct ParkedCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "parked",
        abstract: "Events that a projection could not take.",
        discussion: """
            An event that a projection cannot take is parked with all later ones of its group; everything else goes on.

            Example: closter parked list --projection listings
            """,
        subcommands: [ParkedList.self, ParkedRetry.self, ParkedSkip.self])
}

struct ParkedList: ToolCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List what is parked, of every tenant, from the database.",
        discussion: """
            WAITING is how many later events of the same group queue behind it.
            Exit status: 0 nothing is parked, 1 something is, 2 could not.

            Example: closter parked list --json
            """)

    @Option(help: "Of this projection only.")
    var projection: String?
    @Option(help: ArgumentHelp("Of this tenant only.", valueName: "slug"))
    var tenant: String?
    @OptionGroup var common: CommonOptions

    func run(in context: Context) async throws -> ExitStatus {
        if let tenant { _ = try await Registry.tenant(tenant, context.settings) }
        let events = try await Database.read(context.settings) { connection in
            try await ParkedEvent.list(projection: projection, tenant: tenant, connection)
        }
        if common.json {
            context.console.json(.array(events.map(\.json)))
        } else if events.isEmpty {
            context.console.line("nothing is parked")
        } else {
            context.console.table(ParkedEvent.columns, events.map(\.cells))
        }
        return events.isEmpty ? .done : .found
    }
}

struct ParkedRetry: ToolCommand {
    static let configuration = CommandConfiguration(
        commandName: "retry",
        abstract: "Try a parked event again, and then what waits behind it.",
        discussion: """
            For when the cause is gone: the projector applies the queue in order, as far as it can.
            Exit status: 0 applied, 1 still parked, 2 could not.

            Example: closter parked retry 4711 --projection listings
            """)

    @Argument(help: "The event's position, as `parked list` shows it.")
    var position: Int64
    @Option(help: "The projection that could not take it.")
    var projection: String
    @OptionGroup var common: CommonOptions

    func run(in context: Context) async throws -> ExitStatus {
        try await ParkedRequest(action: .retry, projection: projection, position: position, context: context)
            .run(common)
    }
}

struct ParkedSkip: ToolCommand {
    static let configuration = CommandConfiguration(
        commandName: "skip",
        abstract: "Pass a parked event over for good, in this and every later generation of the projection.",
        discussion: """
            The event stays in the log; the projection's rows will never show it. It is recorded who decided so. What \
            waits behind it is then tried.
            Exit status: 0 skipped, 1 it was applied meanwhile, 2 could not.

            Example: closter parked skip 4711 --projection listings --yes
            """)

    @Argument(help: "The event's position, as `parked list` shows it.")
    var position: Int64
    @Option(help: "The projection that could not take it.")
    var projection: String
    @Flag(help: "Yes, for good: there is no way back.")
    var yes = false
    @OptionGroup var common: CommonOptions

    func run(in context: Context) async throws -> ExitStatus {
        guard yes else { throw ToolFailure("skipping is for good: say --yes") }
        return try await ParkedRequest(action: .skip, projection: projection, position: position, context: context)
            .run(common)
    }
}

extension ParkedRequest {
    /// Carries it out and says what came of it: 0 where that is what was asked for.
    fileprivate func run(_ common: CommonOptions) async throws -> ExitStatus {
        let outcome = try await carryOut()
        if common.json {
            context.console.json(outcome.json(self))
        } else {
            context.console.line(outcome.text(self))
        }
        return switch (action, outcome) {
        case (.retry, .applied), (.skip, .skipped): .done
        default: .found
        }
    }
}
