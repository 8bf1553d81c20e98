import ArgumentParser
import JSON

struct KeyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "key", abstract: "A tenant's API keys.",
        subcommands: [KeyCreate.self, KeyList.self, KeyRotate.self, KeyRevoke.self])
}

struct KeyCreate: ToolCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Create a key and print it.",
        discussion: """
            The key is shown this once: only its digest is kept. A publishable key is for storefront browsers and reads \
            what is published; a secret one is for a storefront's back end.

            Example: closter key create --kind secret --name "Back end" --permission offers:create
            """)

    enum Kind: String, ExpressibleByArgument, CaseIterable { case publishable, secret }

    @Option(help: "publishable or secret.")
    var kind: Kind
    @Option(help: "What it is for.")
    var name: String
    @Option(
        name: .customLong("permission"),
        help: ArgumentHelp("A permission of a secret key, like offers:create; once for each.", valueName: "permission"))
    var permissions: [String] = []
    @Option(
        name: .customLong("allowed-origin"),
        help: ArgumentHelp(
            "An origin from which browsers may use a publishable key, or *; once for each.", valueName: "origin"))
    var allowedOrigins: [String] = []
    @OptionGroup var tenant: TenantOption
    @OptionGroup var common: CommonOptions

    func run(in context: Context) async throws -> ExitStatus {
        let slug = try tenant.slug(context.settings)
        let client = try ServiceClient.command(context, tenant: slug)
        let answer = try await client.post(
            "/v1/keys",
            [
                "kind": .string(kind.rawValue), "name": .string(name),
                "permissions": .array(permissions.map { .string($0) }),
                "allowed_origins": .array(allowedOrigins.map { .string($0) }),
            ])
        guard let key = answer.json["key"]?.stringValue else {
            throw ToolFailure("\(client.name) made a key but did not show it: revoke it and create another")
        }
        if common.json {
            context.console.json(answer.json)
        } else {
            context.console.line(key)
        }
        return .done
    }
}

struct KeyList: ToolCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List a tenant's keys, from the database. The keys themselves are nowhere kept.",
        discussion: "Example: closter key list --tenant acme")
    @OptionGroup var tenant: TenantOption
    @OptionGroup var common: CommonOptions

    func run(in context: Context) async throws -> ExitStatus {
        let found = try await Registry.tenant(tenant.slug(context.settings), context.settings)
        if common.json {
            context.console.json(.array(found.keys.map(\.json)))
        } else {
            context.console.table(
                ["ID", "KIND", "STATE", "NAME", "PERMISSIONS", "ORIGINS"],
                found.keys.map {
                    [
                        $0.id, $0.kind, $0.isRevoked ? "revoked" : "in use", $0.name,
                        $0.permissions.joined(separator: " "), $0.allowedOrigins.joined(separator: " "),
                    ]
                })
        }
        return .done
    }
}

struct KeyRotate: ToolCommand {
    static let configuration = CommandConfiguration(
        commandName: "rotate", abstract: "Put another key in a key's place, and print it.",
        discussion: """
            It has the old one's name, permissions and origins. The old key goes on for a while, so that whoever uses it can \
            change over.

            Example: closter key rotate key_01h455vb4pex5vsknk084sn02q --grace-hours 48
            """)
    @Argument(help: "The key's id, as `key list` shows it.")
    var id: String
    @Option(help: "For how many hours the old key goes on (0 to 720).")
    var graceHours = 24
    @OptionGroup var tenant: TenantOption
    @OptionGroup var common: CommonOptions

    func run(in context: Context) async throws -> ExitStatus {
        let slug = try tenant.slug(context.settings)
        let client = try ServiceClient.command(context, tenant: slug)
        let answer = try await client.post(
            "/v1/keys/\(ServiceClient.escape(id))/rotate", ["grace_hours": .integer(Int64(graceHours))])
        guard let key = answer.json["key"]?.stringValue else {
            throw ToolFailure("\(client.name) made a key but did not show it: rotate again, with the new key's id")
        }
        if common.json {
            context.console.json(answer.json)
        } else {
            context.console.line(key)
        }
        return .done
    }
}

struct KeyRevoke: ToolCommand {
    static let configuration = CommandConfiguration(
        commandName: "revoke", abstract: "Revoke a key: within a second or two it opens nothing any more.",
        discussion: "Example: closter key revoke key_01h455vb4pex5vsknk084sn02q")
    @Argument(help: "The key's id, as `key list` shows it.")
    var id: String
    @OptionGroup var tenant: TenantOption
    @OptionGroup var common: CommonOptions

    func run(in context: Context) async throws -> ExitStatus {
        let slug = try tenant.slug(context.settings)
        let answer = try await ServiceClient.command(context, tenant: slug).send(
            "DELETE", "/v1/keys/\(ServiceClient.escape(id))")
        if common.json {
            context.console.json(answer.json)
        } else {
            context.console.line("\(id) is revoked")
        }
        return .done
    }
}
