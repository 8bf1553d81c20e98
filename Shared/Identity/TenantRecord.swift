public import EventSourcing
public import JSON

/// The state of a tenant: its settings, who belongs to it, and its keys. What the tenant's events fold to, and what
/// every service decides access by.
public struct TenantRecord: Equatable, Sendable {
    public struct Member: Equatable, Sendable {
        public var name: String?
        /// One that this program does not know grants nothing.
        public var role: String?
        /// Besides those of the role.
        public var permissions: Set<Permission>

        public init(name: String? = nil, role: String? = nil, permissions: Set<Permission>) {
            self.name = name
            self.role = role
            self.permissions = permissions
        }

        /// Everything the member may do.
        public var allowed: Set<Permission> {
            permissions.union(role.flatMap(Role.init(rawValue:))?.permissions ?? [])
        }
    }

    public struct Key: Equatable, Sendable {
        public var kind: APIKey.Kind
        public var name: String?
        /// SHA-256 of the key's text, in lower-case hex.
        public var hash: String
        public var permissions: Set<Permission>
        /// Origins that browsers may send this key from; `*` is any.
        public var allowedOrigins: [String]
        public var isRevoked: Bool
        /// Another key has taken its place: from then on it opens nothing.
        public var expiresAt: Timestamp?

        public init(
            kind: APIKey.Kind, name: String? = nil, hash: String, permissions: Set<Permission> = [],
            allowedOrigins: [String] = [], isRevoked: Bool = false, expiresAt: Timestamp? = nil
        ) {
            self.kind = kind
            self.name = name
            self.hash = hash
            self.permissions = permissions
            self.allowedOrigins = allowedOrigins
            self.isRevoked = isRevoked
            self.expiresAt = expiresAt
        }

        public func isValid(at now: Timestamp) -> Bool { !isRevoked && expiresAt.map { now < $0 } ?? true }
    }

    public var slug: String
    public var name: String
    public var currency: Currency
    /// A name of the IANA database.
    public var timeZone: String
    public var settings: TenantSettings
    /// By the subject of their tokens.
    public var members: [String: Member]
    /// By key id.
    public var keys: [String: Key]

    public init(
        slug: String, name: String, currency: Currency, timeZone: String, settings: TenantSettings = TenantSettings(),
        members: [String: Member] = [:], keys: [String: Key] = [:]
    ) {
        self.slug = slug
        self.name = name
        self.currency = currency
        self.timeZone = timeZone
        self.settings = settings
        self.members = members
        self.keys = keys
    }

    /// The key that `key` is, revoked or not. Takes the same time wherever the hashes differ.
    public func key(matching key: APIKey) -> (id: String, key: Key)? {
        let hash = key.hash
        return keys.first { APIKey.isEqual($0.value.hash, hash) && $0.value.kind == key.kind }.map {
            ($0.key, $0.value)
        }
    }

    /// `^[a-z][a-z0-9-]{1,38}[a-z0-9]$`: what a tenant may be called in URLs, headers and keys.
    public static func isValid(slug: String) -> Bool {
        let bytes = Array(slug.utf8)
        func isLetter(_ byte: UInt8) -> Bool { (97...122).contains(byte) }
        func isDigit(_ byte: UInt8) -> Bool { (48...57).contains(byte) }
        guard (3...40).contains(bytes.count), let first = bytes.first, let last = bytes.last else { return false }
        return isLetter(first) && (isLetter(last) || isDigit(last))
            && bytes.allSatisfy { isLetter($0) || isDigit($0) || $0 == UInt8(ascii: "-") }
    }
}

// MARK: Stored form

/// A stored tenant that cannot be read: written by a newer program, or damaged.
public struct UnreadableTenant: Error, Equatable, Sendable, CustomStringConvertible {
    public var field: String

    public var description: String { "stored tenant is not readable at \(field)" }
}

extension TenantRecord {
    /// STORED NAMES: only ever add.
    public var json: JSONValue {
        var members = JSONObject()
        for (subject, member) in self.members.sorted(by: { $0.key < $1.key }) {
            var json: JSONObject = ["permissions": Self.json(member.permissions)]
            if let name = member.name { json["name"] = .string(name) }
            if let role = member.role { json["role"] = .string(role) }
            members[subject] = .object(json)
        }
        var keys = JSONObject()
        for (id, key) in self.keys.sorted(by: { $0.key < $1.key }) {
            var json: JSONObject = [
                "kind": .string(key.kind.rawValue), "hash": .string(key.hash),
                "permissions": Self.json(key.permissions),
                "allowed_origins": .array(key.allowedOrigins.map(JSONValue.string)), "revoked": .bool(key.isRevoked),
            ]
            if let name = key.name { json["name"] = .string(name) }
            if let expiresAt = key.expiresAt { json["expires_at"] = .string(expiresAt.rfc3339) }
            keys[id] = .object(json)
        }
        var json: JSONObject = [
            "slug": .string(slug), "name": .string(name), "currency": .string(currency.code),
            "time_zone": .string(timeZone), "members": .object(members), "keys": .object(keys),
        ]
        if !settings.values.isEmpty { json["settings"] = .object(settings.values) }
        return .object(json)
    }

    public var bytes: [UInt8] { json.bytes }

    public init(stored bytes: [UInt8]) throws(UnreadableTenant) {
        guard let json = try? JSONValue(parsing: bytes) else { throw UnreadableTenant(field: "json") }
        try self.init(json: json)
    }

    public init(json: JSONValue) throws(UnreadableTenant) {
        self.init(
            slug: try Self.text(json, "slug"), name: try Self.text(json, "name"),
            currency: try Self.currency(json), timeZone: try Self.text(json, "time_zone"),
            settings: TenantSettings(values: json["settings"]?.objectValue ?? [:]))
        for (subject, member) in json["members"]?.objectValue ?? [:] {
            members[subject] = Member(
                name: member["name"]?.stringValue, role: member["role"]?.stringValue,
                permissions: try Self.permissions(member, "members"))
        }
        for (id, key) in json["keys"]?.objectValue ?? [:] {
            guard let kind = APIKey.Kind(rawValue: try Self.text(key, "kind")) else {
                throw UnreadableTenant(field: "keys.kind")
            }
            keys[id] = Key(
                kind: kind, name: key["name"]?.stringValue, hash: try Self.text(key, "hash"),
                permissions: try Self.permissions(key, "keys"),
                allowedOrigins: key["allowed_origins"]?.arrayValue?.compactMap(\.stringValue) ?? [],
                // A key whose revocation cannot be read is not a key to trust.
                isRevoked: key["revoked"]?.boolValue ?? true, expiresAt: try Self.expiry(key))
        }
    }

    private static func json(_ permissions: Set<Permission>) -> JSONValue {
        .array(permissions.map(\.rawValue).sorted().map(JSONValue.string))
    }

    private static func text(_ json: JSONValue, _ name: String) throws(UnreadableTenant) -> String {
        guard let text = json[name]?.stringValue else { throw UnreadableTenant(field: name) }
        return text
    }

    private static func expiry(_ key: JSONValue) throws(UnreadableTenant) -> Timestamp? {
        guard let value = key["expires_at"], !value.isNull else { return nil }
        guard let time = value.stringValue.flatMap(Timestamp.init(rfc3339:)) else {
            throw UnreadableTenant(field: "keys.expires_at")
        }
        return time
    }

    private static func currency(_ json: JSONValue) throws(UnreadableTenant) -> Currency {
        guard let currency = Currency(code: try text(json, "currency")) else {
            throw UnreadableTenant(field: "currency")
        }
        return currency
    }

    private static func permissions(_ json: JSONValue, _ field: String) throws(UnreadableTenant) -> Set<Permission> {
        guard let values = json["permissions"]?.arrayValue else { throw UnreadableTenant(field: field) }
        return Set(values.compactMap(\.stringValue).map(Permission.init(rawValue:)))
    }
}
