import ArgumentParser
import EventSourcing
import JSON

struct TenantCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tenant", abstract: "Tenants and their members.",
        subcommands: [TenantCreate.self, TenantList.self, TenantShow.self, TenantSet.self, TenantMember.self])
}

struct TenantCreate: ToolCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Create a tenant.",
        discussion: """
            Needs a platform operator's token (CLOSTER_OPERATOR_TOKEN). Its subject becomes the first member, with every \
            permission. Prints `created SLUG`, or `exists SLUG` with --if-missing, once the tenant takes requests.

            Example: closter tenant create acme --currency PLN --time-zone Europe/Warsaw
            """)

    @Argument(help: "The tenant's name in URLs and headers: lower-case letters, digits and hyphens.")
    var slug: String
    @Option(help: "The name that people read (default: the slug).")
    var name: String?
    @Option(help: "The currency of every price, by ISO 4217.")
    var currency: String
    @Option(help: ArgumentHelp("The time zone of its calendar days.", valueName: "zone"))
    var timeZone: String
    @Flag(help: "Be content if it exists already, with the same settings.")
    var ifMissing = false
    @OptionGroup var common: CommonOptions

    func run(in context: Context) async throws -> ExitStatus {
        let answer = try await ServiceClient.command(context, tenant: nil).post(
            "/v1/tenants",
            [
                "slug": .string(slug), "name": .string(name ?? slug), "currency": .string(currency),
                "time_zone": .string(timeZone),
            ])
        let isNew = answer.status == 201
        guard isNew || ifMissing else { throw ToolFailure("the tenant \(slug) exists already") }
        if isNew { try await untilItTakesRequests(context) }
        if common.json {
            context.console.json(answer.json)
        } else {
            context.console.line("\(isNew ? "created" : "exists") \(slug)")
        }
        return .done
    }

    /// Other processes may have remembered for a second that there is no such tenant. Asks with a member who is none:
    /// a service that knows the tenant refuses that by its fields, which changes nothing.
    private func untilItTakesRequests(_ context: Context) async throws {
        let client = try ServiceClient.command(context, tenant: slug)
        for _ in 0..<100 {
            do {
                _ = try await client.post("/v1/members", [:])
                return
            } catch let failure as ToolFailure where failure.status == 403 {
                try await context.pause(.milliseconds(100))
            } catch let failure as ToolFailure where failure.status.map({ (400..<500).contains($0) }) ?? false {
                return
            }
        }
        throw ToolFailure("the tenant \(slug) was created, but \(client.name) does not take its requests yet")
    }
}

struct TenantList: ToolCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List every tenant, from the database.",
        discussion: "Example: closter tenant list --json")
    @OptionGroup var common: CommonOptions

    func run(in context: Context) async throws -> ExitStatus {
        let tenants = try await Registry.tenants(context.settings)
        if common.json {
            context.console.json(.array(tenants.map(\.summary)))
        } else {
            context.console.table(
                ["SLUG", "ID", "NAME", "CURRENCY", "TIME ZONE", "SHARD"],
                tenants.map { [$0.slug, $0.id, $0.name, $0.currency, $0.timeZone, $0.shard] })
        }
        return .done
    }
}

struct TenantShow: ToolCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show a tenant: its settings, members and keys, from the database.",
        discussion: "Example: closter tenant show acme")
    @Argument(help: "The tenant's slug (default: CLOSTER_TENANT).")
    var slug: String?
    @OptionGroup var common: CommonOptions

    func run(in context: Context) async throws -> ExitStatus {
        let wanted = try slug ?? context.settings.require("CLOSTER_TENANT", or: "a slug as argument")
        let tenant = try await Registry.tenant(wanted, context.settings)
        guard !common.json else {
            context.console.json(tenant.details)
            return .done
        }
        let console = context.console
        console.line("\(tenant.slug)  \(tenant.id)  \(tenant.name)")
        console.line("currency \(tenant.currency), time zone \(tenant.timeZone), shard \(tenant.shard)")
        console.line("members:")
        for member in tenant.members {
            console.line("  \(member.subject)  \(member.name)  \(member.permissions.joined(separator: " "))")
        }
        console.line(
            "keys: \(tenant.keys.count { !$0.isRevoked }) in use, \(tenant.keys.count(where: \.isRevoked)) revoked")
        return .done
    }
}

struct TenantSet: ToolCommand {
    static let configuration = CommandConfiguration(
        commandName: "set", abstract: "Change a tenant's settings.",
        discussion: """
            Each is NAME=VALUE, the value as JSON or, where it is none, as text; NAME= brings the default back.

            Example: closter tenant set return_days=30 'sku_pattern=WAW-{seq:6}' features='{"photos": true}'
            """)
    @Argument(help: "Like return_days=30; see PATCH /v1/tenant for what there is.")
    var settings: [String]
    @OptionGroup var tenant: TenantOption
    @OptionGroup var common: CommonOptions

    func run(in context: Context) async throws -> ExitStatus {
        var changes: JSONObject = [:]
        for setting in settings {
            let parts = setting.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, !parts[0].isEmpty else { throw ToolFailure("\(setting) is not NAME=VALUE") }
            let value = String(parts[1])
            changes[String(parts[0])] = value.isEmpty ? .null : (try? JSONValue(parsing: value)) ?? .string(value)
        }
        let slug = try tenant.slug(context.settings)
        let answer = try await ServiceClient.command(context, tenant: slug).send(
            "PATCH", "/v1/tenant",
            body: .bytes(JSONValue.object(changes).bytes, contentType: "application/json"))
        if common.json {
            context.console.json(answer.json)
        } else {
            let isNew = answer.json["events"]?.arrayValue?.isEmpty == false
            context.console.line(isNew ? "\(slug) is changed" : "\(slug) is so already")
        }
        return .done
    }
}

struct TenantMember: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "member", abstract: "Add and remove members.",
        subcommands: [MemberAdd.self, MemberRemove.self])
}

struct MemberAdd: ToolCommand {
    static let configuration = CommandConfiguration(
        commandName: "add", abstract: "Make somebody a member, or set a member's permissions anew.",
        discussion: "Example: closter tenant member add ann --role intake --permission listings:write")
    @Argument(help: "The subject (`sub`) of the person's tokens.")
    var subject: String
    @Option(help: "The name that people read (default: the subject).")
    var name: String?
    @Option(help: "owner, manager, intake, sales, finance or viewer: what the role may do.")
    var role: String?
    @Option(
        name: .customLong("permission"),
        help: ArgumentHelp(
            "A permission besides the role's, like items:write; once for each. None of either: reading only.",
            valueName: "permission"))
    var permissions: [String] = []
    @OptionGroup var tenant: TenantOption
    @OptionGroup var common: CommonOptions

    func run(in context: Context) async throws -> ExitStatus {
        let slug = try tenant.slug(context.settings)
        var member: JSONObject = ["subject": .string(subject), "name": .string(name ?? subject)]
        if let role { member["role"] = .string(role) }
        member["permissions"] = .array(permissions.map { .string($0) })
        let answer = try await ServiceClient.command(context, tenant: slug).post("/v1/members", .object(member))
        if common.json {
            context.console.json(answer.json)
        } else {
            context.console.line("\(subject) is a member of \(slug)")
        }
        return .done
    }
}

struct MemberRemove: ToolCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove", abstract: "End somebody's membership.",
        discussion: "Example: closter tenant member remove ann")
    @Argument(help: "The subject (`sub`) of the person's tokens.")
    var subject: String
    @OptionGroup var tenant: TenantOption
    @OptionGroup var common: CommonOptions

    func run(in context: Context) async throws -> ExitStatus {
        let slug = try tenant.slug(context.settings)
        let answer = try await ServiceClient.command(context, tenant: slug).send(
            "DELETE", "/v1/members/\(ServiceClient.escape(subject))")
        if common.json {
            context.console.json(answer.json)
        } else {
            context.console.line("\(subject) is no member of \(slug)")
        }
        return .done
    }
}
