import ArgumentParser
import Foundation
import JSON

/// What happened in a tenant, and what happens.
struct EventsCommand: ToolCommand {
    static let configuration = CommandConfiguration(
        commandName: "events",
        abstract:
            "Print what happened, one event a line: position, time, type, stream, version, actor, correlation id.",
        discussion: """
            With --follow it goes on until Ctrl-C, also over lost connections.

            Example: closter events --after 1200 --type ListingEnded
            Example: closter events --follow --json | jq .type
            """)

    @Flag(name: .long, help: "Go on with what comes.")
    var follow = false
    @Option(
        name: .long, help: ArgumentHelp("Begin after this position (default: the beginning).", valueName: "position"))
    var after: Int64 = 0
    @Option(name: .long, help: "Only events of streams of this category, such as item.")
    var category: String?
    @Option(name: .long, help: "Only events of this type, such as ItemReceived.")
    var type: String?
    @Option(name: .long, help: ArgumentHelp("End after so many events.", valueName: "count"))
    var limit: Int?
    @OptionGroup var tenant: TenantOption
    @OptionGroup var common: CommonOptions

    func validate() throws {
        if after < 0 { throw ValidationError("--after is a position: 0 or more") }
        if let limit, limit < 1 { throw ValidationError("--limit must be at least 1") }
    }

    func run(in context: Context) async throws -> ExitStatus {
        let client = try ServiceClient.query(context, tenant: tenant.slug(context.settings))
        let filter = [("category", category), ("type", type)].compactMap { name, value in value.map { (name, $0) } }
        let printer = Printer(console: context.console, json: common.json, limit: limit)
        if follow {
            _ = try await Interruption.orNil(context) { [after] in
                var feed = EventFeed(client: client, filter: filter, after: after)
                var printer = printer
                try await feed.run { printer.take($0) }
            }
        } else {
            try await list(client, filter, printer)
        }
        return .done
    }

    private func list(_ client: ServiceClient, _ filter: [(String, String)], _ printer: Printer) async throws {
        var printer = printer
        var next: String? = "\(after)"
        while let after = next {
            let page = min(printer.left ?? 200, 200)
            let answer = try await client.send(
                "GET", "/v1/events", query: [("after", after), ("limit", "\(page)")] + filter)
            for event in answer.json["data"]?.arrayValue ?? [] {
                guard printer.take(event) else { return }
            }
            next = answer.json["next"]?.stringValue
        }
    }

    /// Prints events until there have been enough.
    struct Printer: Sendable {
        let console: Console
        let json: Bool
        /// How many more; nil where there is no end to it.
        private(set) var left: Int?

        init(console: Console, json: Bool, limit: Int?) {
            self.console = console
            self.json = json
            left = limit
        }

        /// Whether it goes on after this one: there are to be more, and somebody reads.
        mutating func take(_ event: JSONValue) -> Bool {
            if json { console.json(event) } else { console.line(Self.text(event)) }
            left = left.map { $0 - 1 }
            return left != 0 && console.isRead
        }

        /// `7  2026-01-30T10:00:00.002310Z  ItemReceived  item_…  1  operator:ada  0190…`
        static func text(_ event: JSONValue) -> String {
            let number = { (name: String) in event[name]?.integerValue.map { "\($0)" } ?? "?" }
            let word = { (name: String) in event[name]?.stringValue ?? "?" }
            return [
                number("position"), word("recorded_at"), word("type"), word("stream_id"), number("version"),
                word("actor"), word("correlation_id"),
            ].joined(separator: "  ")
        }
    }
}
