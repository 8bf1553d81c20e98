import ArgumentParser
import Identity
import JSON
import Query

struct SwitchesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "switches",
        abstract: "Where reads come from: the operational tables or the projections.",
        discussion: """
            Without a subcommand: show.

            Example: closter switches set listings shadow --percent 25
            """,
        subcommands: [SwitchesShow.self, SwitchesCheck.self, SwitchesSet.self], defaultSubcommand: SwitchesShow.self)
}

struct SwitchesShow: ToolCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show the switches in force for a tenant, as the query service has them.",
        discussion: """
            Exit status: 0 done, 1 the file is not what is in force, because it is broken or missing, 2 could not.

            Example: closter switches show --tenant acme
            """)

    @OptionGroup var tenant: TenantOption
    @OptionGroup var common: CommonOptions

    func run(in context: Context) async throws -> ExitStatus {
        let slug = try tenant.slug(context.settings)
        let answer = try await ServiceClient.query(context, tenant: slug).send("GET", "/v1/read-switches").json
        let state = answer["file"]?["state"]?.stringValue
        let isInForce = state != "broken" && state != "missing"
        if common.json {
            context.console.json(answer)
        } else {
            context.console.table(
                ["RESOURCE", "USE", "PERCENT", "BY"],
                (answer["data"]?.arrayValue ?? []).map { entry in
                    [
                        entry["resource"]?.stringValue ?? "?", entry["use"]?.stringValue ?? "?",
                        entry["percent"]?.integerValue.map { "\($0)" } ?? "?", entry["origin"]?.stringValue ?? "?",
                    ]
                })
        }
        if !isInForce, let state { context.console.warn("the file is \(state): what was last good is in force") }
        return isInForce ? .done : .found
    }
}

struct SwitchesCheck: ToolCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Read a read-switch file as the query service would.",
        discussion: """
            Exit status: 0 it would be taken, 1 it would be refused, 2 could not.

            Example: closter switches check new.yaml
            """)

    @Argument(help: ArgumentHelp("The file (default: CLOSTER_READ_SWITCHES).", valueName: "file"))
    var file: String?
    @OptionGroup var common: CommonOptions

    func run(in context: Context) async throws -> ExitStatus {
        let path = try file ?? context.settings.require("CLOSTER_READ_SWITCHES", or: "a file as argument")
        guard let text = try SwitchFile(path: path).text() else { throw ToolFailure("there is no file \(path)") }
        do throws(ReadSwitchesError) {
            let switches = try ReadSwitches.parse(text)
            if common.json {
                context.console.json(["file": .string(path), "ok": true, "rules": .array(switches.entries.map(\.json))])
            } else {
                context.console.table(
                    ["TENANT", "RESOURCE", "USE", "PERCENT"], switches.entries.map(\.cells))
            }
            return .done
        } catch {
            if common.json {
                context.console.json(["file": .string(path), "ok": false, "problem": .string("\(error)")])
            } else {
                context.console.line("\(path): \(error)")
            }
            return .found
        }
    }
}

struct SwitchesSet: ToolCommand {
    static let configuration = CommandConfiguration(
        commandName: "set",
        abstract: "Set a switch in the file CLOSTER_READ_SWITCHES; services take it up within two seconds.",
        discussion: """
            The file is written anew, in one step: comments in it are lost, and what was there is kept beside it as .bak.

            Example: closter switches set offers tables --tenant acme
            """)

    @Argument(
        help: "items, listings, contracts or offers; or default.",
        completion: .list(ReadResource.allCases.map(\.rawValue) + ["default"]))
    var resource: String
    @Argument(
        help: "tables, projections or shadow.", completion: .list(ReadUse.allCases.map(\.rawValue)),
        transform: { text in
            guard let use = ReadUse(rawValue: text) else {
                throw ValidationError("\(text) is none of \(ReadUse.allCases.map(\.rawValue).joined(separator: ", "))")
            }
            return use
        })
    var use: ReadUse
    @Option(help: ArgumentHelp("Of a hundred readers; the rest go to the other side.", valueName: "number"))
    var percent = 100
    @Option(help: ArgumentHelp("For this tenant only.", valueName: "slug"))
    var tenant: String?
    @OptionGroup var common: CommonOptions

    func validate() throws {
        if !(0...100).contains(percent) { throw ValidationError("--percent is from 0 to 100") }
        if let tenant, !TenantRecord.isValid(slug: tenant) { throw ValidationError("\(tenant) is no tenant's slug") }
        if resource == "default", tenant != nil { throw ValidationError("a tenant has no default of its own") }
        if resource != "default", ReadResource(rawValue: resource) == nil {
            let known = ReadResource.allCases.map(\.rawValue) + ["default"]
            throw ValidationError("\(resource) is none of \(known.joined(separator: ", "))")
        }
    }

    func run(in context: Context) async throws -> ExitStatus {
        let file = SwitchFile(path: try context.settings.require("CLOSTER_READ_SWITCHES"))
        let text = try file.text()
        let before = try text.map(file.parse) ?? ReadSwitches()
        let rule = ReadRule(use, percent: percent)
        var after = before
        switch (ReadResource(rawValue: resource), tenant) {
        case (nil, _): after.default = rule
        case (let resource?, nil): after.resources[resource] = rule
        case (let resource?, let tenant?): after.tenants[tenant, default: [:]][resource] = rule
        }
        if after != before || text == nil {
            try file.write(after, replacing: text)
            if text?.contains("#") == true {
                context.console.warn("comments are lost; the file as it was is \(file.path).bak")
            }
        }
        if common.json {
            let entry = after.entries.first { $0.tenant == tenant && $0.resource == ReadResource(rawValue: resource) }
            context.console.json(entry?.json ?? .null)
        } else {
            let whose = tenant.map { " for \($0)" } ?? ""
            context.console.line("\(resource)\(whose): \(use.rawValue)\(percent == 100 ? "" : ", \(percent) %")")
        }
        return .done
    }
}

extension ReadSwitches.Entry {
    fileprivate var cells: [String] {
        [tenant ?? "(all)", resource?.rawValue ?? "default", rule.use.rawValue, "\(rule.percent)"]
    }

    fileprivate var json: JSONValue {
        [
            "tenant": JSONValue(tenant), "resource": .string(resource?.rawValue ?? "default"),
            "use": .string(rule.use.rawValue), "percent": JSONValue(rule.percent),
        ]
    }
}
