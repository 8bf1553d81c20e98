import Configuration
import Foundation
public import Logging

/// What a service reads from its environment, once, at start.
///
/// | key | meaning | default |
/// |---|---|---|
/// | `CLOSTER_DATABASE_URL` | connection URL of this service's own role (secret) | required by most |
/// | `CLOSTER_HTTP_HOST` | address to listen on | `127.0.0.1` |
/// | `CLOSTER_HTTP_PORT` | port to listen on, 0 = any free one | given by the service |
/// | `CLOSTER_LISTEN` | instead of host and port, comma-separated: `http://HOST:PORT`, `https://HOST:PORT`, `unix:/PATH` | none |
/// | `CLOSTER_TLS_CERTIFICATE`, `CLOSTER_TLS_KEY` | files of the certificate chain and its key, in PEM; several, for several names, separated by commas | required by https |
/// | `CLOSTER_TLS_CLIENT_CA` | file of those who vouch for clients' certificates, in PEM | none: clients are not asked |
/// | `CLOSTER_TLS_CLIENTS` | `optional` or `required`: whether a client must show a certificate | `optional` |
/// | `CLOSTER_CONNECTIONS` | connections that are open at once, 1 to 1000000 | `20000` |
/// | `CLOSTER_CONNECTIONS_PER_ADDRESS` | of them from one address, or one /64 of IPv6; 0 is any number | `1000` |
/// | `CLOSTER_QUERY_URL` | public base URL of the query service, for `Location` | required by command |
/// | `CLOSTER_COMMAND_URL` | public base URL of the command service | none |
/// | `CLOSTER_AUTH_DEV_JWKS` | file with the development issuer's public keys | none |
/// | `CLOSTER_STACK_PROJECT` | Stack Auth project whose tokens are accepted | none |
/// | `CLOSTER_STACK_JWKS_URL` | where that project's keys are | Stack Auth's own address |
/// | `CLOSTER_FINGERPRINT_KEY` | hex, at least 32 bytes: key of the idempotency fingerprints (secret) | required by command |
/// | `CLOSTER_MASTER_KEYS` | file of the keys that wrap the keys of persons, `name base64(32 bytes)` a line, the current one first | required by command and query |
/// | `CLOSTER_PHOTOS` | absolute path of the folder of photos, the same for command and query | none: photos are neither taken nor shown |
/// | `CLOSTER_PHOTO_BYTES` | the largest photo that command takes, 1024 to 2²⁸ | 20 MiB |
/// | `CLOSTER_RESIZER` | absolute path of `vipsthumbnail`, by which query makes photos smaller | `/usr/bin/vipsthumbnail` |
/// | `CLOSTER_DOORBELL` | `on` or `off`: whether NOTIFY is rung and listened to | `on` |
/// | `CLOSTER_POLL_MS` | interval of the polls that make doorbells dispensable, 10 to 60000 | `250` |
/// | `CLOSTER_REBUILD_ON_NEW_FOLD` | `true` or `false`: whether a projector rebuilds what an older fold has filled | `false` |
/// | `CLOSTER_REBUILD_SHARE` | of a core, what such a rebuild may take, 0.01 to 64 | `0.25` |
/// | `CLOSTER_PARKED_LIMIT` | events that a projection may park before it stops, 0 to 1000000 | `1000` |
/// | `CLOSTER_LOG_LEVEL` | `trace` … `critical` | `info` |
/// | `CLOSTER_READ_SWITCHES` | path of the read-switch file | none |
/// | `CLOSTER_PLATFORM_OPERATORS` | comma-separated token subjects that may create tenants | none |
/// | `CLOSTER_AUDIT_RATE` | groups of rows a second that the projector holds against the log, 0 (none) to 10000 | `20` |
/// | `CLOSTER_AUDIT_REPAIR` | `true` or `false`: whether it repairs what differs | `false` |
/// | `CLOSTER_FOLLOWERS` | followers of the live feed that a query process takes at once, 1 to 1000000 | `10000` |
/// | `CLOSTER_HOT_BYTES` | memory for finished answers in a query process, 0 (none) to 2³⁸ | 64 MiB |
/// | `CLOSTER_REQUESTS_PER_TENANT` | requests a second of one tenant that a process answers, 0 (no limit) to 1000000 | `0` |
/// | `CLOSTER_SHARD` | shard this process works for | `main` |
///
/// Exactly one of `CLOSTER_AUTH_DEV_JWKS` and `CLOSTER_STACK_PROJECT` may be set: a process that trusts a real
/// project never also trusts a development key. An empty variable counts as absent.
public struct ServiceConfiguration: Sendable, CustomStringConvertible {
    /// Who vouches for operators.
    public enum Issuer: Equatable, Sendable {
        /// Public keys in a file, made by `closter token`.
        case development(jwksPath: String)
        /// A Stack Auth project; `jwksURL` is nil for the project's standard address.
        case stack(project: String, jwksURL: String?)
    }

    /// What a service cannot do without; a missing one is a problem at start, not at the first request.
    public struct Requirements: OptionSet, Sendable {
        public var rawValue: Int
        public init(rawValue: Int) { self.rawValue = rawValue }

        public static let database = Requirements(rawValue: 1)
        public static let issuer = Requirements(rawValue: 2)
        public static let fingerprintKey = Requirements(rawValue: 4)
        public static let queryURL = Requirements(rawValue: 8)
        public static let masterKeys = Requirements(rawValue: 16)
    }

    public var service: String
    public var databaseURL: Secret<String>?
    public var httpHost: String
    public var httpPort: Int
    /// At least one.
    public var listeners: [Listener]
    /// Given wherever a listener needs it.
    public var tls: TLS?
    public var connections: Int
    /// 0: any number.
    public var connectionsPerAddress: Int
    /// Without a trailing slash.
    public var queryURL: String?
    /// Without a trailing slash.
    public var commandURL: String?
    public var issuer: Issuer?
    public var fingerprintKey: Secret<[UInt8]>?
    /// The path of the file.
    public var masterKeys: String?
    /// The path of the folder.
    public var photos: String?
    public var photoBytes: Int
    /// The path of the program, whether it is there or not.
    public var resizer: String
    public var doorbell: Bool
    public var poll: Duration
    public var rebuildOnNewFold: Bool
    public var rebuildShare: Double
    public var parkedLimit: Int
    public var logLevel: Logger.Level
    public var readSwitches: String?
    public var platformOperators: Set<String>
    public var auditRate: Int
    public var auditRepair: Bool
    public var followers: Int
    public var hotBytes: Int
    public var requestsPerTenant: Int
    public var shard: String

    /// Reads and validates; throws every problem at once.
    /// - Parameter environment: instead of the process's own.
    public init(
        service: String,
        requires: Requirements = [],
        defaultPort: Int = 0,
        environment: [String: String]? = nil
    ) throws(ConfigurationError) {
        var reader = EnvironmentReader(environment: environment ?? ProcessInfo.processInfo.environment)

        let databaseURL = reader.text("CLOSTER_DATABASE_URL", secret: true)
        if let databaseURL, !databaseURL.hasPrefix("postgres://"), !databaseURL.hasPrefix("postgresql://") {
            reader.report("CLOSTER_DATABASE_URL", "must start with postgres:// or postgresql://")
        }
        if databaseURL == nil, requires.contains(.database) { reader.require("CLOSTER_DATABASE_URL") }
        let queryURL = reader.url("CLOSTER_QUERY_URL")
        if queryURL == nil, requires.contains(.queryURL) { reader.require("CLOSTER_QUERY_URL") }
        let fingerprintKey = reader.hex("CLOSTER_FINGERPRINT_KEY", minimumBytes: 32)
        if fingerprintKey == nil, requires.contains(.fingerprintKey) { reader.require("CLOSTER_FINGERPRINT_KEY") }
        let masterKeys = reader.text("CLOSTER_MASTER_KEYS")
        if masterKeys == nil, requires.contains(.masterKeys) { reader.require("CLOSTER_MASTER_KEYS") }

        self.service = service
        self.databaseURL = databaseURL.map(Secret.init)
        self.httpHost = reader.text("CLOSTER_HTTP_HOST") ?? "127.0.0.1"
        self.httpPort = reader.integer("CLOSTER_HTTP_PORT", in: 0...65_535) ?? defaultPort
        let listeners = reader.listeners() ?? [.http(host: httpHost, port: httpPort)]
        self.listeners = listeners
        let isSecure = listeners.contains { if case .https = $0 { true } else { false } }
        self.tls = reader.tls(required: isSecure)
        self.connections = reader.integer("CLOSTER_CONNECTIONS", in: 1...1_000_000) ?? 20_000
        self.connectionsPerAddress = reader.integer("CLOSTER_CONNECTIONS_PER_ADDRESS", in: 0...1_000_000) ?? 1000
        self.queryURL = queryURL
        self.commandURL = reader.url("CLOSTER_COMMAND_URL")
        self.issuer = reader.issuer(required: requires.contains(.issuer))
        self.fingerprintKey = fingerprintKey.map(Secret.init)
        self.masterKeys = masterKeys
        self.photos = reader.path("CLOSTER_PHOTOS")
        self.photoBytes = reader.integer("CLOSTER_PHOTO_BYTES", in: 1024...1 << 28) ?? 20 << 20
        self.resizer = reader.path("CLOSTER_RESIZER") ?? "/usr/bin/vipsthumbnail"
        self.doorbell = reader.onOff("CLOSTER_DOORBELL") ?? true
        self.poll = .milliseconds(reader.integer("CLOSTER_POLL_MS", in: 10...60_000) ?? 250)
        self.rebuildOnNewFold = reader.flag("CLOSTER_REBUILD_ON_NEW_FOLD") ?? false
        self.rebuildShare = reader.number("CLOSTER_REBUILD_SHARE", in: 0.01...64) ?? 0.25
        self.parkedLimit = reader.integer("CLOSTER_PARKED_LIMIT", in: 0...1_000_000) ?? 1000
        self.logLevel = reader.logLevel("CLOSTER_LOG_LEVEL") ?? .info
        self.readSwitches = reader.text("CLOSTER_READ_SWITCHES")
        self.platformOperators = Set(
            (reader.text("CLOSTER_PLATFORM_OPERATORS") ?? "").split(separator: ",")
                .map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty })
        self.auditRate = reader.integer("CLOSTER_AUDIT_RATE", in: 0...10_000) ?? 20
        self.auditRepair = reader.flag("CLOSTER_AUDIT_REPAIR") ?? false
        self.followers = reader.integer("CLOSTER_FOLLOWERS", in: 1...1_000_000) ?? 10_000
        self.hotBytes = reader.integer("CLOSTER_HOT_BYTES", in: 0...1 << 38) ?? 64 << 20
        self.requestsPerTenant = reader.integer("CLOSTER_REQUESTS_PER_TENANT", in: 0...1_000_000) ?? 0
        self.shard = reader.identifier("CLOSTER_SHARD") ?? "main"

        let problems = reader.problems
        if !problems.isEmpty { throw ConfigurationError(service: service, problems: problems) }
    }

    /// Safe to log: secrets are redacted.
    public var description: String {
        """
        \(service): \(listeners.map(\.description).joined(separator: " ")), connections \(connections) and \
        \(connectionsPerAddress) of an address, TLS \(tls.map { "\($0)" } ?? "none"), database \(databaseURL == nil ? "none" : "<redacted>"), \
        issuer \(issuer.map { "\($0)" } ?? "none"), query \(queryURL ?? "none"), command \(commandURL ?? "none"), \
        fingerprint key \(fingerprintKey == nil ? "none" : "<redacted>"), \
        master keys \(masterKeys ?? "none"), photos \(photos ?? "none") up to \(photoBytes) bytes, resizer \(resizer), \
        doorbell \(doorbell ? "on" : "off"), \
        poll \(poll), rebuild on new fold \(rebuildOnNewFold) with \(rebuildShare) of a core, \
        parked limit \(parkedLimit), log level \(logLevel), read switches \(readSwitches ?? "none"), \
        platform operators \(platformOperators.count), followers \(followers), hot bytes \(hotBytes), requests per tenant \(requestsPerTenant), shard \(shard)
        """
    }
}
