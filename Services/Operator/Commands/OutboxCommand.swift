import ArgumentParser
import Foundation
import JSON

struct OutboxCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "outbox",
        abstract: "Tasks of the outbox that are held until somebody has decided about them.",
        discussion: """
            After a restore (closter restored) nobody knows which of the open tasks were performed meanwhile. They are \
            held: look outside, then release what has not happened and settle what has.

            Example: closter outbox list --tenant acme
            """,
        subcommands: [OutboxList.self, OutboxRelease.self, OutboxSettle.self])
}

struct HeldFilter: ParsableArguments {
    @Option(help: ArgumentHelp("Of this tenant only.", valueName: "slug"))
    var tenant: String?
    @Option(help: "Of this kind only.")
    var kind: String?

    func tasks(_ context: Context) async throws -> [HeldTask] {
        if let tenant { _ = try await Registry.tenant(tenant, context.settings) }
        return try await Database.read(context.settings) { connection in
            try await HeldTask.list(tenant: tenant, kind: kind, connection)
        }
    }
}

struct OutboxList: ToolCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the tasks that are held, of every tenant, from the database.",
        discussion: """
            What a task is about: closter trace with its correlation id.
            Exit status: 0 nothing is held, 1 something is, 2 could not.

            Example: closter outbox list --kind shopify.publish --json
            """)

    @OptionGroup var filter: HeldFilter
    @OptionGroup var common: CommonOptions

    func run(in context: Context) async throws -> ExitStatus {
        let tasks = try await filter.tasks(context)
        if common.json {
            context.console.json(.array(tasks.map(\.json)))
        } else if tasks.isEmpty {
            context.console.line("no task is held")
        } else {
            context.console.table(HeldTask.columns, tasks.map(\.cells))
        }
        return tasks.isEmpty ? .done : .found
    }
}

/// Which held tasks a decision is about.
struct HeldSelection: ParsableArguments {
    @Argument(help: "The tasks, as `outbox list` shows them.", transform: Self.identifier)
    var tasks: [UUID] = []
    @Flag(help: "All that are held, or all of a tenant or a kind.")
    var all = false
    @OptionGroup var filter: HeldFilter

    private static func identifier(_ text: String) throws -> UUID {
        guard let id = UUID(uuidString: text) else { throw ValidationError("\(text) is no task: it must be a UUID") }
        return id
    }

    func validate() throws {
        if all == !tasks.isEmpty { throw ValidationError("name the tasks, or say --all") }
        if !all, filter.tenant != nil || filter.kind != nil {
            throw ValidationError("--tenant and --kind go with --all")
        }
    }

    /// Makes the decision and says what came of it: 0 where all of them were held.
    fileprivate func decide(
        _ decision: TaskDecision, _ common: CommonOptions, in context: Context
    ) async throws -> ExitStatus {
        let chosen = all ? try await filter.tasks(context).map(\.id) : tasks
        let outcome = try await Database.ask(context.settings) { try await decision.make(for: chosen, $0) }
        if common.json {
            context.console.json(
                [
                    "decision": .string(decision.rawValue),
                    "tasks": .array(outcome.decided.map { .string($0.lowercase) }),
                    "not_held": .array(outcome.others.map { .string($0.lowercase) }),
                ])
        } else {
            context.console.line("\(Figures.count(Int64(outcome.decided.count), "task")) \(decision.rawValue)")
            for id in outcome.others { context.console.line("\(id.lowercase) is not held") }
        }
        return outcome.others.isEmpty ? .done : .found
    }
}

struct OutboxRelease: ToolCommand {
    static let configuration = CommandConfiguration(
        commandName: "release",
        abstract: "Let held tasks be performed.",
        discussion: """
            For what has not happened yet, or does no harm twice.
            Exit status: 0 done, 1 one of them was not held, 2 could not.

            Example: closter outbox release --all --tenant acme
            """)

    @OptionGroup var selection: HeldSelection
    @OptionGroup var common: CommonOptions

    func run(in context: Context) async throws -> ExitStatus {
        try await selection.decide(.released, common, in: context)
    }
}

struct OutboxSettle: ToolCommand {
    static let configuration = CommandConfiguration(
        commandName: "settle",
        abstract: "Let held tasks count as done, without performing them.",
        discussion: """
            For what has happened already, or must not happen any more. It is recorded who decided so.
            Exit status: 0 done, 1 one of them was not held, 2 could not.

            Example: closter outbox settle 0193a1b2-0000-7000-8000-000000000000 --yes
            """)

    @OptionGroup var selection: HeldSelection
    @Flag(help: "Yes, for good: there is no way back.")
    var yes = false
    @OptionGroup var common: CommonOptions

    func run(in context: Context) async throws -> ExitStatus {
        guard yes else { throw ToolFailure("settling is for good: say --yes") }
        return try await selection.decide(.settled, common, in: context)
    }
}
