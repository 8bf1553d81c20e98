import Logging
import Runtime
import Testing

@Suite struct ConfigurationTests {
    private let key = String(repeating: "0f", count: 32)

    @Test func `an empty environment gives the documented defaults`() throws {
        let configuration = try ServiceConfiguration(service: "query", defaultPort: 8080, environment: [:])

        #expect(configuration.httpHost == "127.0.0.1")
        #expect(configuration.httpPort == 8080)
        #expect(configuration.listeners == [.http(host: "127.0.0.1", port: 8080)])
        #expect(configuration.tls == nil)
        #expect(configuration.connections == 20_000)
        #expect(configuration.connectionsPerAddress == 1000)
        #expect(configuration.doorbell)
        #expect(configuration.poll == .milliseconds(250))
        #expect(configuration.parkedLimit == 1000)
        #expect(configuration.logLevel == .info)
        #expect(configuration.shard == "main")
        #expect(configuration.auditRate == 20)
        #expect(!configuration.auditRepair)
        #expect(!configuration.rebuildOnNewFold)
        #expect(configuration.rebuildShare == 0.25)
        #expect(configuration.issuer == nil)
        #expect(configuration.platformOperators.isEmpty)
        #expect(configuration.photos == nil)
        #expect(configuration.photoBytes == 20_971_520)
        #expect(configuration.resizer == "/usr/bin/vipsthumbnail")
    }

    @Test func `every value is read`() throws {
        let configuration = try ServiceConfiguration(
            service: "command", requires: [.database, .issuer, .fingerprintKey, .queryURL],
            environment: [
                "CLOSTER_DATABASE_URL": "postgres://closter_command:hunter2@db/closter",
                "CLOSTER_HTTP_HOST": "0.0.0.0", "CLOSTER_HTTP_PORT": "9000",
                "CLOSTER_QUERY_URL": "https://shop.example/", "CLOSTER_COMMAND_URL": "http://127.0.0.1:8081",
                "CLOSTER_STACK_PROJECT": "p1", "CLOSTER_STACK_JWKS_URL": "http://127.0.0.1:1/jwks",
                "CLOSTER_FINGERPRINT_KEY": key, "CLOSTER_MASTER_KEYS": "/etc/closter/master.keys",
                "CLOSTER_DOORBELL": "off", "CLOSTER_POLL_MS": "40",
                "CLOSTER_REBUILD_ON_NEW_FOLD": "true", "CLOSTER_REBUILD_SHARE": "1.5",
                "CLOSTER_PARKED_LIMIT": "7",
                "CLOSTER_LOG_LEVEL": "debug", "CLOSTER_READ_SWITCHES": "/etc/switches.yaml",
                "CLOSTER_PLATFORM_OPERATORS": "anna, jan,,", "CLOSTER_SHARD": "eu_1",
                "CLOSTER_PHOTOS": "/srv/photos", "CLOSTER_PHOTO_BYTES": "5000", "CLOSTER_RESIZER": "/opt/vips",
                "CLOSTER_AUDIT_RATE": "0", "CLOSTER_AUDIT_REPAIR": "true",
                "CLOSTER_LISTEN": "http://0.0.0.0:80, https://[::1]:443,unix:/run/closter.sock,",
                "CLOSTER_TLS_CERTIFICATE": "/c.pem, /d.pem,", "CLOSTER_TLS_KEY": "/c.key,/d.key",
                "CLOSTER_TLS_CLIENT_CA": "/ca.pem",
                "CLOSTER_TLS_CLIENTS": "required", "CLOSTER_CONNECTIONS": "5", "CLOSTER_CONNECTIONS_PER_ADDRESS": "0",
            ])

        #expect(configuration.databaseURL?.reveal() == "postgres://closter_command:hunter2@db/closter")
        #expect(configuration.httpHost == "0.0.0.0")
        #expect(configuration.httpPort == 9000)
        #expect(configuration.queryURL == "https://shop.example")
        #expect(configuration.commandURL == "http://127.0.0.1:8081")
        #expect(configuration.issuer == .stack(project: "p1", jwksURL: "http://127.0.0.1:1/jwks"))
        #expect(configuration.fingerprintKey?.reveal() == Array(repeating: 0x0F, count: 32))
        #expect(configuration.masterKeys == "/etc/closter/master.keys")
        #expect(!configuration.doorbell)
        #expect(configuration.rebuildOnNewFold)
        #expect(configuration.rebuildShare == 1.5)
        #expect(configuration.poll == .milliseconds(40))
        #expect(configuration.parkedLimit == 7)
        #expect(configuration.logLevel == .debug)
        #expect(configuration.readSwitches == "/etc/switches.yaml")
        #expect(configuration.platformOperators == ["anna", "jan"])
        #expect(configuration.shard == "eu_1")
        let listeners: [ServiceConfiguration.Listener] = [
            .http(host: "0.0.0.0", port: 80), .https(host: "::1", port: 443), .unix(path: "/run/closter.sock"),
        ]
        #expect(configuration.listeners == listeners)
        #expect(configuration.listeners.map(\.description)[1] == "https://[::1]:443")
        let files = ServiceConfiguration.TLS(
            [.init(certificate: "/c.pem", key: "/c.key"), .init(certificate: "/d.pem", key: "/d.key")],
            clientAuthority: "/ca.pem", clients: .required)
        #expect(configuration.tls == files)
        #expect(configuration.connections == 5)
        #expect(configuration.connectionsPerAddress == 0)
        #expect(configuration.auditRate == 0)
        #expect(configuration.auditRepair)
        #expect(configuration.photos == "/srv/photos")
        #expect(configuration.photoBytes == 5000)
        #expect(configuration.resizer == "/opt/vips")
    }

    @Test func `everything that is wrong is told at once and no secret is repeated`() throws {
        let error = try #require(throws: ConfigurationError.self) {
            try ServiceConfiguration(
                service: "command", requires: [.database, .issuer, .fingerprintKey, .queryURL, .masterKeys],
                environment: [
                    "CLOSTER_DATABASE_URL": "mysql://u:hunter2@h", "CLOSTER_HTTP_PORT": "70000",
                    "CLOSTER_FINGERPRINT_KEY": "hunter2", "CLOSTER_DOORBELL": "maybe", "CLOSTER_POLL_MS": "1",
                    "CLOSTER_REBUILD_ON_NEW_FOLD": "perhaps", "CLOSTER_REBUILD_SHARE": "nan",
                    "CLOSTER_LOG_LEVEL": "loud", "CLOSTER_SHARD": "Main; DROP", "CLOSTER_AUDIT_REPAIR": "perhaps",
                    "CLOSTER_AUDIT_RATE": "10001",
                ])
        }

        #expect(
            error.problems.map(\.key) == [
                "CLOSTER_DATABASE_URL", "CLOSTER_QUERY_URL", "CLOSTER_FINGERPRINT_KEY", "CLOSTER_MASTER_KEYS",
                "CLOSTER_HTTP_PORT",
                "CLOSTER_STACK_PROJECT", "CLOSTER_DOORBELL", "CLOSTER_POLL_MS",
                "CLOSTER_REBUILD_ON_NEW_FOLD", "CLOSTER_REBUILD_SHARE", "CLOSTER_LOG_LEVEL",
                "CLOSTER_AUDIT_RATE", "CLOSTER_AUDIT_REPAIR", "CLOSTER_SHARD",
            ])
        #expect(!"\(error)".contains("hunter2"))
    }

    @Test(arguments: [
        "ftp://a:1", "http://a", "http://a:70000", "http://:80", "http://::1:80", "http://[a]:80", "http://a b:80",
        "unix:relative", "unix:/folder/", "unix:/\(String(repeating: "a", count: 100))", "http://a:1,http://a:1",
        "8080",
    ]) func `a listener that is none is told`(_ text: String) throws {
        let error = #expect(throws: ConfigurationError.self) {
            try ServiceConfiguration(service: "query", environment: ["CLOSTER_LISTEN": text])
        }
        #expect(error?.problems.map(\.key) == ["CLOSTER_LISTEN"])
    }

    @Test(arguments: [
        (["CLOSTER_LISTEN": "https://a:1"], ["CLOSTER_TLS_CERTIFICATE", "CLOSTER_TLS_KEY"]),
        (["CLOSTER_TLS_CERTIFICATE": "/c.pem"], ["CLOSTER_TLS_KEY"]),
        (["CLOSTER_TLS_KEY": "/c.key"], ["CLOSTER_TLS_CERTIFICATE"]),
        (["CLOSTER_TLS_CERTIFICATE": "/c.pem,/d.pem", "CLOSTER_TLS_KEY": "/c.key"], ["CLOSTER_TLS_KEY"]),
        (["CLOSTER_TLS_CERTIFICATE": ",", "CLOSTER_TLS_KEY": "/c.key"], ["CLOSTER_TLS_CERTIFICATE"]),
        (["CLOSTER_TLS_CLIENT_CA": "/ca.pem"], ["CLOSTER_TLS_CERTIFICATE", "CLOSTER_TLS_KEY"]),
        (["CLOSTER_TLS_CLIENTS": "required"], ["CLOSTER_TLS_CLIENTS"]),
        (["CLOSTER_TLS_CLIENTS": "some"], ["CLOSTER_TLS_CLIENTS"]),
    ]) func `TLS is told what it lacks`(_ environment: [String: String], _ keys: [String]) throws {
        let error = #expect(throws: ConfigurationError.self) {
            try ServiceConfiguration(service: "query", environment: environment)
        }
        #expect(error?.problems.map(\.key) == keys)
    }

    @Test func `a development issuer beside a real project is refused`() throws {
        let error = try #require(throws: ConfigurationError.self) {
            try ServiceConfiguration(
                service: "query", requires: [.issuer],
                environment: ["CLOSTER_AUTH_DEV_JWKS": "/keys.json", "CLOSTER_STACK_PROJECT": "p1"])
        }

        #expect(error.problems.map(\.key) == ["CLOSTER_AUTH_DEV_JWKS"])
    }

    @Test func `a blank variable is an absent one`() throws {
        let configuration = try ServiceConfiguration(
            service: "query", environment: ["CLOSTER_AUTH_DEV_JWKS": "/keys.json", "CLOSTER_STACK_PROJECT": " "])

        #expect(configuration.issuer == .development(jwksPath: "/keys.json"))
    }

    @Test func `printing a configuration or a secret shows neither password nor key`() throws {
        let configuration = try ServiceConfiguration(
            service: "command",
            environment: [
                "CLOSTER_DATABASE_URL": "postgres://closter:hunter2@db/closter", "CLOSTER_FINGERPRINT_KEY": key,
            ])
        var dumped = ""
        dump(configuration, to: &dumped)

        for text in [configuration.description, "\(configuration)", String(reflecting: configuration), dumped] {
            #expect(!text.contains("hunter2"))
            #expect(!text.contains(key))
        }
    }
}
