import ArgumentParser
import Testing

@testable import Operator

@Suite struct `The command line` {
    /// Every command there is, by the words that call it.
    private static func walk(
        _ command: any ParsableCommand.Type = Closter.self, _ path: [String] = []
    ) -> [(path: [String], command: any ParsableCommand.Type)] {
        [(path, command)]
            + command.configuration.subcommands.flatMap { subcommand in
                walk(subcommand, path + [subcommand.configuration.commandName ?? ""])
            }
    }

    @Test func `explains every command on standard output, with an example`() async {
        let commands = Self.walk()
        #expect(commands.count > 20)
        for (path, command) in commands {
            let run = await closter(path + ["--help"], environment: [:])
            #expect(run.status == 0, "\(path)")
            #expect(run.out.hasPrefix("OVERVIEW: "), "\(path)")
            #expect(run.out.contains("USAGE: \((["closter"] + path).joined(separator: " "))"), "\(path)")
            #expect(run.err.isEmpty, "\(path)")
            guard command is any ToolCommand.Type else { continue }
            #expect(run.out.contains("Example: \((["closter"] + path).joined(separator: " "))"), "\(path)")
            #expect(run.out.contains("--json"), "\(path)")
        }
    }

    @Test(arguments: ["bash", "zsh", "fish"])
    func `completes itself in a shell`(shell: String) async {
        let run = await closter(["--generate-completion-script", shell], environment: [:])
        #expect(run.status == 0)
        #expect(run.err.isEmpty)
        for name in Closter.configuration.subcommands.compactMap({ $0.configuration.commandName }) {
            #expect(run.out.contains(name), "\(name)")
        }
    }

    @Test(arguments: [[], ["tenant"], ["key"], ["tenant", "member"], ["parked"], ["outbox"]])
    func `shows the help where a command is missing`(command: [String]) async {
        let run = await closter(command, environment: [:])
        #expect(run.status == 0)
        #expect(run.out.contains("SUBCOMMANDS:"))
    }

    @Test(arguments: [
        ["nonsense"], ["import"], ["import", "a.csv", "--format", "etsy"], ["import", "a.csv", "--currency", "XYZ"],
        ["import", "a.csv", "--timeout", "0"], ["trace", "no-uuid"], ["key", "create", "--kind", "public"],
        ["tenant", "create", "demo"], ["token", "--subject", "a", "--hours", "0"], ["rebuild"],
        ["rebuild", "items", "--share", "0"], ["rebuild", "items", "--share", "nan"],
        ["rebuild", "items", "--batch", "0"], ["rebuild", "items", "--workers", "17"],
        ["rebuild", "items", "--grace", "1x"], ["rebuild", "items", "--grace", "10"],
        ["rebuild", "items", "--back", "--cancel"], ["rebuild", "items", "--dry-run", "--detach"],
        ["parked", "retry", "1"], ["parked", "skip", "1", "--projection", "items"],
        ["switches", "set", "items", "nowhere"], ["switches", "set", "things", "tables"],
        ["switches", "set", "items", "tables", "--percent", "101"],
        ["switches", "set", "default", "tables", "--tenant", "acme"],
        ["switches", "set", "items", "tables", "--tenant", "No Slug"], ["outbox", "release"],
        ["outbox", "release", "no-uuid"], ["outbox", "settle", "--yes"],
        ["outbox", "release", "0193a1b2-0000-7000-8000-000000000000", "--all"],
        ["outbox", "release", "0193a1b2-0000-7000-8000-000000000000", "--kind", "a"],
    ])
    func `that makes no sense ends with 2 and one line`(arguments: [String]) async {
        let run = await closter(arguments)
        #expect(run.status == 2)
        #expect(run.out.isEmpty)
        #expect(run.err.hasPrefix("closter: "))
        #expect(run.err.split(separator: "\n").count == 1)
    }

    @Test(arguments: [
        ["import", "x.csv"], ["tenant", "create", "a", "--currency", "PLN", "--time-zone", "Europe/Warsaw"],
        ["key", "revoke", "x"], ["trace", "01900000-0000-7000-8000-000000000000"], ["tenant", "list"],
        ["rebuild", "items"], ["parked", "list"], ["switches"], ["switches", "check"],
        ["switches", "set", "items", "tables"], ["restored"], ["outbox", "list"],
    ])
    func `without a configuration ends with 2 and says what is not set`(arguments: [String]) async {
        let run = await closter(arguments, environment: [:])
        #expect(run.status == 2)
        #expect(run.err.contains(" is not set"))
    }
}
