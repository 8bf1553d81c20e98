import Testing

@testable import Operator

@Suite struct `Environment files` {
    @Test func `are read as a shell reads them`() throws {
        let file = try EnvironmentFile(
            parsing: """
                # made by deploy/run
                CLOSTER_TENANT=demo

                export CLOSTER_QUERY_URL=http://127.0.0.1:8080
                  SINGLE='it'\\''s $HOME # not a comment'
                DOUBLE="a \\"b\\" c"
                BARE=a\\ b   # a comment
                HASH=a#b
                EMPTY=
                EQUALS=postgres://a:b@c/d?e=f
                CLOSTER_TENANT=later
                """)
        #expect(
            file.values == [
                "CLOSTER_TENANT": "later", "CLOSTER_QUERY_URL": "http://127.0.0.1:8080",
                "SINGLE": "it's $HOME # not a comment", "DOUBLE": "a \"b\" c", "BARE": "a b", "HASH": "a#b",
                "EMPTY": "", "EQUALS": "postgres://a:b@c/d?e=f",
            ])
    }

    @Test func `keep the values of files with CRLF clean`() throws {
        let file = try EnvironmentFile(parsing: "A=1\r\nB='2'\r\n")
        #expect(file.values == ["A": "1", "B": "2"])
    }

    @Test(arguments: [("A=1\nnonsense", 2), ("1A=x", 1), ("A=1\n\nB='open", 3), ("=x", 1), ("A B=x", 1)])
    func `are refused by the number of the line and without its text`(text: String, line: Int) {
        let failure = #expect(throws: ToolFailure.self) { try EnvironmentFile(parsing: text) }
        #expect(failure?.message.hasPrefix("line \(line) ") == true)
        #expect(failure?.message.contains("open") == false && failure?.message.contains("nonsense") == false)
    }
}

@Suite struct `The configuration` {
    @Test func `comes from the default file where the environment names no instance`() async throws {
        try await withFolder { folder in
            try write("CLOSTER_TENANT=demo\nCLOSTER_QUERY_URL=http://q", to: folder + "/.closter/local.env")
            let settings = try Settings.load(environment: ["CLOSTER_TENANT": "acme"], file: nil, directory: folder)
            #expect(settings["CLOSTER_TENANT"] == "acme")
            #expect(settings["CLOSTER_QUERY_URL"] == "http://q")
        }
    }

    @Test func `never mixes the default file into an environment that names an instance`() async throws {
        try await withFolder { folder in
            try write("CLOSTER_TENANT=demo\nCLOSTER_QUERY_URL=http://q", to: folder + "/.closter/local.env")
            let settings = try Settings.load(
                environment: ["CLOSTER_COMMAND_URL": "http://other"], file: nil, directory: folder)
            #expect(settings["CLOSTER_QUERY_URL"] == nil)
            #expect(settings["CLOSTER_TENANT"] == nil)
        }
    }

    @Test func `of a named file wins over the environment`() async throws {
        try await withFolder { folder in
            try write("CLOSTER_TENANT=acme", to: folder + "/acme.env")
            let settings = try Settings.load(environment: environment, file: "acme.env", directory: folder)
            #expect(settings["CLOSTER_TENANT"] == "acme")
            #expect(settings["CLOSTER_OPERATOR_TOKEN"] == "operators-token")
        }
    }

    @Test func `refuses a named file that is not there`() {
        #expect(throws: ToolFailure("cannot read /nowhere/x.env")) {
            try Settings.load(environment: [:], file: "x.env", directory: "/nowhere")
        }
    }

    @Test func `takes an empty value for none and says what to do`() {
        let failure = #expect(throws: ToolFailure.self) {
            try Settings(["CLOSTER_TENANT": ""]).require("CLOSTER_TENANT")
        }
        #expect(failure?.message.contains("CLOSTER_TENANT is not set") == true)
    }

    @Test(arguments: [("http://a:1/", "http://a:1"), ("https://a/b//", "https://a/b")])
    func `drops the slash at the end of an address`(text: String, expected: String) throws {
        let url = try Settings(["U": text]).url("U")
        #expect(url == expected)
    }

    @Test(arguments: ["ftp://a", "a:1", "http://", "nonsense"])
    func `refuses what is no address`(text: String) {
        #expect(throws: ToolFailure("U is not an http or https URL")) { try Settings(["U": text]).url("U") }
    }
}
