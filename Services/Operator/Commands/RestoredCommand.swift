import ArgumentParser
import Postgres

/// Says that the database was restored, and makes it safe to go on from there.
struct RestoredCommand: ToolCommand {
    static let configuration = CommandConfiguration(
        commandName: "restored",
        abstract: "Say that the database was restored, before the services start on it.",
        discussion: """
            For a restore from a backup and a failover that has lost commits. A new epoch is drawn, at random, so that \
            position tokens of the lost history are refused instead of misread. Open tasks of the outbox that are due \
            are held, because they may have been performed after the moment that was restored: closter outbox decides \
            about them. It tells where the log ends, and what knows positions beyond it. While services are connected \
            it is refused: they remember what is no more. Doing it again draws again, and holds what is open and due.
            Exit status: 0 done, 1 done, and something is ahead of the log, 2 could not.

            Example: closter restored --dry-run
            """)

    @Flag(help: "Say what would be done, and change nothing.")
    var dryRun = false
    @Flag(help: "Though services are connected. They must be started anew afterwards.")
    var force = false
    @OptionGroup var common: CommonOptions

    func run(in context: Context) async throws -> ExitStatus {
        let (survey, declaration) = try await Database.ask(context.settings) { connection in
            let survey = try await RestoreSurvey.make(connection)
            if dryRun { return (survey, Declaration?.none) }
            guard survey.services.isEmpty || force else {
                throw ToolFailure(
                    "services are connected: \(survey.connected); stop them first, they remember what is no more")
            }
            return (survey, try await Declaration.make(connection))
        }
        if !survey.services.isEmpty {
            context.console.warn(
                "services are connected: \(survey.connected); "
                    + (dryRun ? "they must be stopped first" : "start them anew"))
        }
        if common.json {
            context.console.json(survey.json(declaration))
        } else {
            for line in survey.text(declaration) { context.console.line(line) }
        }
        return survey.ahead.isEmpty ? .done : .found
    }
}
