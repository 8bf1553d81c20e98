import ArgumentParser
import Foundation
import JSON

/// What one request caused, hop by hop.
struct TraceCommand: ToolCommand {
    static let configuration = CommandConfiguration(
        commandName: "trace",
        abstract: "Show everything that one request caused: events, projections, tasks, with the lag of each hop.",
        discussion: """
            The id is the X-Correlation-Id of the answer; an import's report has one for each line.

            Example: closter trace 01900000-0000-7000-8000-000000000000
            """)

    @Argument(help: ArgumentHelp("The correlation id, a UUID.", valueName: "id"))
    var id: String
    @OptionGroup var tenant: TenantOption
    @OptionGroup var common: CommonOptions

    func validate() throws {
        if UUID(uuidString: id) == nil { throw ValidationError("\(id) is no correlation id: it must be a UUID") }
    }

    func run(in context: Context) async throws -> ExitStatus {
        let slug = try tenant.slug(context.settings)
        let trace = Trace(
            try await ServiceClient.query(context, tenant: slug).send("GET", "/v1/trace/\(id.lowercased())").json)
        if common.json {
            context.console.json(trace.source)
        } else {
            for line in trace.text { context.console.line(line) }
        }
        return .done
    }
}
