import Testing

@testable import Operator

@Suite struct `The command line` {
    static let commands = [
        [], ["migrate"], ["import"], ["token"], ["tenant"], ["tenant", "create"], ["tenant", "list"],
        ["tenant", "show"], ["tenant", "member"], ["tenant", "member", "add"], ["tenant", "member", "remove"],
        ["key"], ["key", "create"], ["key", "list"], ["key", "revoke"], ["trace"],
    ]

    @Test(arguments: commands)
    func `explains every command on standard output`(command: [String]) async {
        let run = await closter(command + ["--help"], environment: [:])
        #expect(run.status == 0)
        #expect(run.out.contains("USAGE: closter"))
        #expect(run.err.isEmpty)
    }

    @Test(arguments: [[], ["tenant"], ["key"], ["tenant", "member"]])
    func `shows the help where a command is missing`(command: [String]) async {
        let run = await closter(command, environment: [:])
        #expect(run.status == 0)
        #expect(run.out.contains("SUBCOMMANDS:"))
    }

    @Test(arguments: [
        ["nonsense"], ["import"], ["import", "a.csv", "--format", "etsy"], ["import", "a.csv", "--currency", "XYZ"],
        ["import", "a.csv", "--timeout", "0"], ["trace", "no-uuid"], ["key", "create", "--kind", "public"],
        ["tenant", "create", "demo"], ["token", "--subject", "a", "--hours", "0"],
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
    ])
    func `without a configuration ends with 2 and says what is not set`(arguments: [String]) async {
        let run = await closter(arguments, environment: [:])
        #expect(run.status == 2)
        #expect(run.err.contains(" is not set"))
    }
}
