import CLibpq

/// Where and how to connect. The URL is libpq's (`postgresql://user:password@host:port/database?sslmode=verify-full
/// &sslrootcert=/path`), with every parameter libpq knows. The password is never printed.
public struct PostgresConfiguration: Sendable, CustomStringConvertible, CustomDebugStringConvertible {
    /// The whole time that one attempt to connect may take, over all hosts.
    public var connectTimeout: Duration = .seconds(5)
    /// Idle time before TCP keepalive probes, on both ends; three lost probes end the connection, and so do sent bytes that
    /// stay unacknowledged for as long.
    public var keepalivesIdle: Duration = .seconds(10)
    public var keepalivesInterval: Duration = .seconds(3)
    public var applicationName = "closter"
    /// Run-time parameters of every session (`lock_timeout`, `search_path`, …).
    public var runtimeParameters: [String: String] = [:]

    /// libpq's options as parsed from the URL.
    private var options: [String: String]

    /// - Throws: `.invalidConfiguration`; the message never repeats the URL.
    public init(url: String) throws(PostgresError) {
        guard url.hasPrefix("postgres://") || url.hasPrefix("postgresql://") else {
            throw PostgresError(.invalidConfiguration, "a database URL begins with postgresql://")
        }
        var message: UnsafeMutablePointer<CChar>?
        guard let parsed = PQconninfoParse(url, &message) else {
            // libpq's message may repeat parts of the URL, the password among them.
            PQfreemem(message)
            throw PostgresError(.invalidConfiguration, "the database URL cannot be parsed")
        }
        defer { PQconninfoFree(parsed) }
        var options: [String: String] = [:]
        var option = parsed
        while let keyword = option.pointee.keyword {
            if let value = option.pointee.val { options[String(cString: keyword)] = String(cString: value) }
            option += 1
        }
        self.options = options
        if let name = options["application_name"] { applicationName = name }
        if let text = options["connect_timeout"], let seconds = Int(text), seconds > 0 {
            connectTimeout = .seconds(seconds)
        }
    }

    public var host: String? { options["host"] }
    public var port: String? { options["port"] }
    public var user: String? {
        get { options["user"] }
        set { options["user"] = newValue }
    }
    public var database: String? {
        get { options["dbname"] }
        set { options["dbname"] = newValue }
    }

    /// How the connection is encrypted and whom it believes; `verify-full` checks certificate and host name.
    public enum TLSMode: String, Sendable {
        case disable, allow, prefer, require
        case verifyCA = "verify-ca"
        case verifyFull = "verify-full"
    }
    /// nil: libpq's default (`prefer`).
    public var tlsMode: TLSMode? {
        get { options["sslmode"].flatMap(TLSMode.init(rawValue:)) }
        set { options["sslmode"] = newValue?.rawValue }
    }
    /// Path of the PEM file with the authorities to trust.
    public var tlsRootCertificate: String? {
        get { options["sslrootcert"] }
        set { options["sslrootcert"] = newValue }
    }

    public var description: String {
        "PostgresConfiguration(host: \(host ?? "-"), port: \(port ?? "-"), database: \(database ?? "-"), "
            + "user: \(user ?? "-"), password: \(options["password"] == nil ? "none" : "redacted"))"
    }
    public var debugDescription: String { description }

    /// Where it is set, Linux asks this time alone, and not how many probes were lost: a shorter one would end the connection
    /// with the first of them, which a machine that is held up for a moment loses.
    private var tcpUserTimeout: Duration { keepalivesIdle + keepalivesInterval * 3 }

    /// What libpq is given: values that parsing of results relies on come last and win.
    var connectionOptions: [(keyword: String, value: String)] {
        var options = options
        options["application_name"] = applicationName
        options["client_encoding"] = "UTF8"
        options["keepalives"] = "1"
        options["keepalives_idle"] = String(keepalivesIdle.wholeSeconds)
        options["keepalives_interval"] = String(keepalivesInterval.wholeSeconds)
        options["keepalives_count"] = "3"
        options["tcp_user_timeout"] = String(tcpUserTimeout.milliseconds)
        // Another negotiation round trip, and a Kerberos look-up, that nobody here wants.
        options["gssencmode"] = options["gssencmode"] ?? "disable"
        options["options"] = sessionOptions(options["options"])
        return options.map { ($0.key, $0.value) }.sorted { $0.0 < $1.0 }
    }

    private func sessionOptions(_ given: String?) -> String {
        var parameters = [
            ("tcp_keepalives_idle", String(keepalivesIdle.wholeSeconds)),
            ("tcp_keepalives_interval", String(keepalivesInterval.wholeSeconds)),
            ("tcp_keepalives_count", "3"),
            ("tcp_user_timeout", String(tcpUserTimeout.milliseconds)),
        ]
        parameters += runtimeParameters.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        parameters += [
            ("timezone", "UTC"), ("datestyle", "ISO"), ("intervalstyle", "iso_8601"), ("bytea_output", "hex"),
            ("extra_float_digits", "1"), ("standard_conforming_strings", "on"),
        ]
        return ([given].compactMap { $0 } + parameters.map { "-c \($0.0)=\(Self.escaped($0.1))" })
            .joined(separator: " ")
    }

    /// The server splits `options` at white space; a backslash keeps a character.
    private static func escaped(_ value: String) -> String {
        var text = ""
        for character in value.unicodeScalars {
            if character == "\\" || character.properties.isWhitespace { text.append("\\") }
            text.unicodeScalars.append(character)
        }
        return text
    }
}

extension Duration {
    var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        return overflow ? .max / 4 : product + attoseconds / 1_000_000_000
    }
    /// Rounded up, at least 1: PostgreSQL reads 0 as "none".
    var milliseconds: Int32 { Int32(clamping: max(1, (nanoseconds + 999_999) / 1_000_000)) }
    var wholeSeconds: Int64 { max(1, components.seconds) }
}
