import Foundation

extension ServiceConfiguration {
    /// Where a service is reached.
    public enum Listener: Equatable, Sendable, CustomStringConvertible {
        /// A host is a name or an address, of IPv6 without its brackets. Port 0 is any free one.
        case http(host: String, port: Int)
        case https(host: String, port: Int)
        /// Cleartext on a Unix socket, for who shares our machine and group.
        case unix(path: String)

        public var description: String {
            switch self {
            case .http(let host, let port): "http://\(Self.bracketed(host)):\(port)"
            case .https(let host, let port): "https://\(Self.bracketed(host)):\(port)"
            case .unix(let path): "unix:\(path)"
            }
        }

        private static func bracketed(_ host: String) -> String { host.contains(":") ? "[\(host)]" : host }

        /// nil for what is none.
        init?(_ text: String) {
            if text.hasPrefix("unix:") {
                let path = String(text.dropFirst(5))
                // The kernel takes 107 bytes, and a socket is made beside its place.
                guard path.hasPrefix("/"), path.utf8.count <= 100, !path.hasSuffix("/") else { return nil }
                self = .unix(path: path)
                return
            }
            guard let end = text.range(of: "://") else { return nil }
            let place = text[end.upperBound...]
            guard let colon = place.lastIndex(of: ":"), let port = UInt16(place[place.index(after: colon)...]) else {
                return nil
            }
            var host = place[..<colon]
            if host.hasPrefix("["), host.hasSuffix("]") {
                host = host.dropFirst().dropLast()
                guard host.contains(":") else { return nil }
            } else if host.contains(":") {
                return nil
            }
            guard !host.isEmpty, host.utf8.allSatisfy(Self.isOfHost) else { return nil }
            switch text[..<end.lowerBound] {
            case "http": self = .http(host: String(host), port: Int(port))
            case "https": self = .https(host: String(host), port: Int(port))
            default: return nil
            }
        }

        private static func isOfHost(_ byte: UInt8) -> Bool {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: ":"),
                UInt8(ascii: "%"), UInt8(ascii: "_"):
                true
            default: false
            }
        }
    }

    /// The files of TLS, all in PEM. They are read by those who serve, and again when they change.
    public struct TLS: Equatable, Sendable {
        /// Whether clients show a certificate of their own.
        public enum Clients: String, Sendable {
            /// They are not asked.
            case none
            /// They may; a bad one is refused.
            case optional
            case required
        }

        public struct Pair: Equatable, Sendable {
            /// The server's certificate, and those between it and the root.
            public var certificate: String
            /// Without a passphrase.
            public var key: String

            public init(certificate: String, key: String) {
                self.certificate = certificate
                self.key = key
            }
        }

        /// Each for the names in its certificate; the first also for clients that ask for no name, or for another.
        public var pairs: [Pair]
        /// Those who vouch for clients.
        public var clientAuthority: String?
        public var clients: Clients

        public init(_ pairs: [Pair], clientAuthority: String? = nil, clients: Clients = .none) {
            self.pairs = pairs
            self.clientAuthority = clientAuthority
            self.clients = clients
        }
    }
}

extension EnvironmentReader {
    mutating func listeners() -> [ServiceConfiguration.Listener]? {
        guard let text = text("CLOSTER_LISTEN") else { return nil }
        var listeners: [ServiceConfiguration.Listener] = []
        for part in text.split(separator: ",").map({ $0.trimmingCharacters(in: .whitespaces) }) where !part.isEmpty {
            guard let listener = ServiceConfiguration.Listener(part) else {
                report(
                    "CLOSTER_LISTEN",
                    "\(part) is not http://HOST:PORT, https://HOST:PORT or unix:/PATH of at most 100 bytes")
                continue
            }
            if listeners.contains(listener) { report("CLOSTER_LISTEN", "\(part) is there twice") }
            listeners.append(listener)
        }
        return listeners.isEmpty ? nil : listeners
    }

    /// - Parameter required: somebody listens for https.
    mutating func tls(required: Bool) -> ServiceConfiguration.TLS? {
        let certificates = paths("CLOSTER_TLS_CERTIFICATE")
        let keys = paths("CLOSTER_TLS_KEY")
        let authority = text("CLOSTER_TLS_CLIENT_CA")
        var clients = authority == nil ? ServiceConfiguration.TLS.Clients.none : .optional
        switch text("CLOSTER_TLS_CLIENTS")?.lowercased() {
        case nil: break
        case "optional"? where authority != nil: clients = .optional
        case "required"? where authority != nil: clients = .required
        case "optional"?, "required"?: report("CLOSTER_TLS_CLIENTS", "needs CLOSTER_TLS_CLIENT_CA")
        default: report("CLOSTER_TLS_CLIENTS", "must be optional or required")
        }
        let isMeant = required || !certificates.isEmpty || !keys.isEmpty || authority != nil
        if isMeant, certificates.isEmpty { require("CLOSTER_TLS_CERTIFICATE") }
        if isMeant, keys.isEmpty { require("CLOSTER_TLS_KEY") }
        guard !certificates.isEmpty, !keys.isEmpty else { return nil }
        if certificates.count != keys.count {
            report("CLOSTER_TLS_KEY", "must name a key for each certificate: \(certificates.count), not \(keys.count)")
        }
        return ServiceConfiguration.TLS(
            zip(certificates, keys).map { .init(certificate: $0, key: $1) }, clientAuthority: authority,
            clients: clients)
    }

    private mutating func paths(_ key: String) -> [String] {
        (text(key) ?? "").split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
    }
}
