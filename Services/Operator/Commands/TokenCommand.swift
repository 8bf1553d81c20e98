import ArgumentParser
import Identity
import JSON

/// The development issuer: who has its key may be anybody.
struct TokenCommand: ToolCommand {
    static let configuration = CommandConfiguration(
        commandName: "token",
        abstract: "Sign a development token and print it.",
        discussion: """
            Makes the key (CLOSTER_AUTH_DEV_KEY, readable by its owner only) and the public key set \
            (CLOSTER_AUTH_DEV_JWKS) if they are missing. For developers' machines: it refuses where a real project \
            (CLOSTER_STACK_PROJECT) is configured, and services that trust one do not accept its tokens.

            Example: closter token --subject ann --name Ann --hours 8
            """)

    @Option(help: "The subject (`sub`): whom the token is for.")
    var subject: String
    @Option(help: "The person's name.")
    var name: String?
    @Option(help: ArgumentHelp("How long the token is valid.", valueName: "hours"))
    var hours = 24
    @OptionGroup var common: CommonOptions

    func validate() throws {
        if subject.isEmpty { throw ValidationError("--subject is empty") }
        if !(1...8_760).contains(hours) { throw ValidationError("--hours is from 1 to 8760") }
    }

    func run(in context: Context) async throws -> ExitStatus {
        let issuer = try DevelopmentIssuer.open(
            keyPath: context.settings.require("CLOSTER_AUTH_DEV_KEY"),
            jwksPath: context.settings.require("CLOSTER_AUTH_DEV_JWKS"),
            stackProject: context.settings["CLOSTER_STACK_PROJECT"])
        let token = try issuer.token(subject: subject, name: name, lifetime: .seconds(hours * 3_600))
        if common.json {
            context.console.json(["token": .string(token)])
        } else {
            context.console.line(token)
        }
        return .done
    }
}
