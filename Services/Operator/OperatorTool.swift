import ArgumentParser
import Foundation

/// The `closter` tool: parses, runs, reports, and turns what happened into an exit status.
public enum OperatorTool {
    /// Runs one command line, without the program's name, and returns its exit status: 0 done, 1 found something,
    /// 2 could not. Results go to standard output, everything else to standard error.
    public static func run(_ arguments: [String]) async -> Int32 {
        await run(
            arguments, environment: ProcessInfo.processInfo.environment,
            directory: FileManager.default.currentDirectoryPath, console: .standard, transport: NetworkTransport())
    }

    static func run(
        _ arguments: [String], environment: [String: String], directory: String, console: Console,
        transport: any Transport,
        pause: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) },
        interruption: @escaping @Sendable () async -> Void = Interruption.wait
    ) async -> Int32 {
        do {
            var command = try Closter.parseAsRoot(arguments)
            guard let tool = command as? any ToolCommand else {
                try command.run()
                return ExitStatus.done.rawValue
            }
            let settings = try Settings.load(
                environment: environment, file: tool.common.envFile, directory: directory)
            let context = Context(
                settings: settings, console: console, transport: transport, pause: pause, interruption: interruption)
            return try await tool.run(in: context).rawValue
        } catch {
            return report(error, console)
        }
    }

    private static func report(_ error: any Error, _ console: Console) -> Int32 {
        if Closter.exitCode(for: error) == .success {
            console.line(Closter.fullMessage(for: error))
            return ExitStatus.done.rawValue
        }
        let isOfTheParser = !(error is ToolFailure) && Closter.exitCode(for: error) == .validationFailure
        console.fail(isOfTheParser ? ToolFailure(Closter.message(for: error)) : ToolFailure(describing: error))
        return ExitStatus.failed.rawValue
    }
}

enum ExitStatus: Int32 {
    case done = 0
    /// The command ran to its end and found something: a rejected line, a parked event.
    case found = 1
    case failed = 2
}

/// What a command is given besides its arguments.
struct Context: Sendable {
    var settings: Settings
    var console: Console
    var transport: any Transport
    /// Sleeps between polls; tests do not.
    var pause: @Sendable (Duration) async throws -> Void
    /// Returns at Ctrl-C, or when its task is cancelled.
    var interruption: @Sendable () async -> Void
}

/// A subcommand that does something. Unlike `ParsableCommand.run`, it gets its surroundings handed in, and says how
/// the process is to end.
protocol ToolCommand: ParsableCommand {
    var common: CommonOptions { get }
    func run(in context: Context) async throws -> ExitStatus
}

struct CommonOptions: ParsableArguments {
    @Option(
        name: .customLong("env-file"),
        help: ArgumentHelp(
            "KEY=value lines to read the configuration from; they win over the environment.",
            discussion: """
                Without it, .closter/local.env is read where the environment configures nothing of its own.
                """, valueName: "file"))
    var envFile: String?

    @Flag(name: .long, help: "Print JSON, for scripts.")
    var json = false
}

struct TenantOption: ParsableArguments {
    @Option(name: .long, help: ArgumentHelp("The tenant's slug (default: CLOSTER_TENANT).", valueName: "slug"))
    var tenant: String?

    func slug(_ settings: Settings) throws(ToolFailure) -> String {
        if let tenant { return tenant }
        return try settings.require("CLOSTER_TENANT", or: "--tenant")
    }
}

/// The root: it only has subcommands.
struct Closter: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "closter",
        abstract: "The operator's tool of Closter.",
        discussion: """
            Configured by the environment, or by a file of KEY=value lines (--env-file, else .closter/local.env).
            Exit status: 0 done, 1 found something, 2 could not.

            Completions for a shell: closter --generate-completion-script bash (or zsh, fish)
            """,
        subcommands: [
            MigrateCommand.self, ImportCommand.self, TokenCommand.self, TenantCommand.self, KeyCommand.self,
            TraceCommand.self, EventsCommand.self, VerifyCommand.self, RebuildCommand.self, ParkedCommand.self,
            SwitchesCommand.self, RestoredCommand.self, OutboxCommand.self, PersonalCommand.self,
        ])
}
