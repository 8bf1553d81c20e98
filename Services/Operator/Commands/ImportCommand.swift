import ArgumentParser
import EventSourcing
import Foundation
import JSON

/// Hands a file of products to the command service and follows what becomes of it.
struct ImportCommand: ToolCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Import a file of products or of consignors.",
        discussion: """
            Each variant becomes an item and a listing. Importing the same file again changes nothing; a changed file \
            changes what changed in it, and never what an operator changed since.
            Exit status: 0 done, 1 done but a line was rejected, 2 could not.

            Example: closter import products.csv --no-publish
            """)

    enum Format: String, ExpressibleByArgument, CaseIterable { case shopify, consignors }

    /// What the service accepts at most.
    static let largestFile = 64 * 1024 * 1024

    @Argument(
        help: ArgumentHelp("The file: a Shopify product CSV or one of consignors, up to 64 MiB.", valueName: "file"))
    var file: String
    @Option(help: "The file's format.")
    var format = Format.shopify
    @Option(help: ArgumentHelp("The currency of its prices (default: the tenant's).", valueName: "code"))
    var currency: String?
    @Option(
        help: ArgumentHelp("Whose the products are where the file's column Consignor does not say.", valueName: "id"))
    var consignor: String?
    @Flag(inversion: .prefixedNo, help: "Publish the products that the file calls published.")
    var publish = true
    @Flag(inversion: .prefixedNo, help: "Wait for the report.")
    var wait = true
    @Option(help: ArgumentHelp("How long to wait at most, in seconds.", valueName: "seconds"))
    var timeout = 900
    @Flag(help: "List every line, not only the rejected ones.")
    var verbose = false
    @OptionGroup var tenant: TenantOption
    @OptionGroup var common: CommonOptions

    func validate() throws {
        if let currency, Currency(code: currency) == nil { throw ValidationError("\(currency) is no currency code") }
        if timeout < 1 { throw ValidationError("--timeout is at least 1 second") }
    }

    func run(in context: Context) async throws -> ExitStatus {
        let slug = try tenant.slug(context.settings)
        let command = try ServiceClient.command(context, tenant: slug)
        let query = try ServiceClient.query(context, tenant: slug)
        let chunks = try FileChunks(path: file)
        guard chunks.size > 0 else { throw ToolFailure("\(file) is empty") }
        guard chunks.size <= Self.largestFile else { throw ToolFailure("\(file) is larger than 64 MiB") }

        let id = try await upload(chunks, to: command, context.console)
        guard wait else {
            if common.json {
                context.console.json(["id": .string(id), "status": "queued"])
            } else {
                context.console.line("\(id): handed in")
            }
            return .done
        }
        let report = try await follow(id, rows: try chunks.countLines() - 1, query, context)
        if common.json {
            context.console.json(report.source)
        } else {
            for line in report.text(verbose: verbose) { context.console.line(line) }
        }
        if report.status == "failed" { throw ToolFailure("\(id) failed" + (report.reason.map { ": \($0)" } ?? "")) }
        return report.count("rejected") > 0 ? .found : .done
    }

    private func upload(_ chunks: FileChunks, to command: ServiceClient, _ console: Console) async throws -> String {
        var parameters = [("format", format.rawValue), ("publish", publish ? "true" : "false")]
        if let currency { parameters.append(("currency", currency)) }
        if let consignor { parameters.append(("consignor_id", consignor)) }
        defer { console.endProgress() }
        let answer = try await command.send(
            "POST", "/v1/imports", query: parameters,
            body: .file(chunks, contentType: "text/csv") { sent in
                console.progress(
                    Progress(label: "sending", done: sent / 1024, total: (chunks.size + 1023) / 1024, unit: "KiB"))
            }, deadline: .seconds(600))
        guard let id = answer.json["id"]?.stringValue else {
            throw ToolFailure("\(command.name) took the file but did not say under which id")
        }
        return id
    }

    /// Polls until the import has ended, at growing intervals of at most a second, and then reads the lines that are
    /// to be shown.
    private func follow(
        _ id: String, rows: Int, _ query: ServiceClient, _ context: Context
    ) async throws -> ImportReport {
        let path = "/v1/imports/\(ServiceClient.escape(id))"
        let end = ContinuousClock.now + .seconds(timeout)
        var interval = Duration.milliseconds(50)
        var unknown = 0
        defer { context.console.endProgress() }
        while true {
            do {
                let report = ImportReport(try await query.send("GET", path, query: [("lines", "none")]).json)
                context.console.progress(report.progress(fileRows: rows))
                if report.hasEnded { break }
            } catch let failure as ToolFailure where failure.status == 404 && unknown < 20 {
                unknown += 1  // a reader may be a moment behind the writer
            }
            guard ContinuousClock.now < end else {
                throw ToolFailure("\(id) has not ended after \(timeout) s; it goes on: GET \(path) tells")
            }
            try await context.pause(interval)
            interval = min(interval * 2, .seconds(1))
        }
        let lines = verbose || common.json ? "all" : "rejected"
        return ImportReport(try await query.send("GET", path, query: [("lines", lines)], deadline: .seconds(300)).json)
    }
}
