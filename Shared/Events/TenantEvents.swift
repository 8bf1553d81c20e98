public import EventSourcing
public import JSON

/// What happens to a tenant: its settings, its members and its keys.
public enum TenantEvent: StorableEvent {
    case created(TenantCreated)
    case memberAdded(MemberAdded)
    case memberChanged(MemberChanged)
    case memberRemoved(MemberRemoved)
    case keyCreated(KeyCreated)
    case keyRevoked(KeyRevoked)
    case keyChanged(KeyChanged)
    case keyRotated(KeyRotated)
    case settingsChanged(TenantSettingsChanged)

    public static let category = "tenant"

    /// STORED NAMES: only ever add.
    public static let schemas = [
        "TenantCreated": 1, "MemberAdded": 1, "MemberChanged": 1, "MemberRemoved": 1, "KeyCreated": 1, "KeyRevoked": 1,
        "KeyChanged": 1, "KeyRotated": 1, "TenantSettingsChanged": 1,
    ]

    public var type: String {
        switch self {
        case .created: "TenantCreated"
        case .memberAdded: "MemberAdded"
        case .memberChanged: "MemberChanged"
        case .memberRemoved: "MemberRemoved"
        case .keyCreated: "KeyCreated"
        case .keyRevoked: "KeyRevoked"
        case .keyChanged: "KeyChanged"
        case .keyRotated: "KeyRotated"
        case .settingsChanged: "TenantSettingsChanged"
        }
    }

    public var payload: JSONObject {
        switch self {
        case .created(let event):
            return [
                "slug": .string(event.slug), "name": .string(event.name), "currency": .string(event.currency.code),
                "time_zone": .string(event.timeZone),
            ]
        case .memberAdded(let event):
            var payload: JSONObject = ["subject": .string(event.subject)]
            payload["name"] = event.name.map(JSONValue.string)
            payload["role"] = event.role.map(JSONValue.string)
            payload["permissions"] = .strings(event.permissions)
            return payload
        case .memberChanged(let event):
            var payload: JSONObject = ["subject": .string(event.subject)]
            payload["role"] = event.role.map(JSONValue.string)
            payload["permissions"] = .strings(event.permissions)
            return payload
        case .memberRemoved(let event):
            return ["subject": .string(event.subject)]
        case .keyCreated(let event):
            var payload: JSONObject = ["key_id": .string(event.keyID), "kind": .string(event.kind.rawValue)]
            payload["name"] = event.name.map(JSONValue.string)
            payload["hash"] = .string(event.hash)
            payload["permissions"] = .strings(event.permissions)
            payload["allowed_origins"] = .strings(event.allowedOrigins)
            return payload
        case .keyRevoked(let event):
            return ["key_id": .string(event.keyID)]
        case .keyChanged(let event):
            return ["key_id": .string(event.keyID), "changes": .object(event.changes)]
        case .keyRotated(let event):
            return [
                "key_id": .string(event.keyID), "new_key_id": .string(event.newKeyID), "hash": .string(event.hash),
                "expires_at": .string(event.expiresAt.rfc3339),
            ]
        case .settingsChanged(let event):
            return ["changes": .object(event.changes)]
        }
    }

    public init(type: String, current payload: PayloadReader) throws(EventDecodingError) {
        switch type {
        case "TenantCreated":
            self = .created(
                TenantCreated(
                    slug: try payload.string("slug"), name: try payload.string("name"),
                    currency: try payload.required("currency") { $0.stringValue.flatMap(Currency.init(code:)) },
                    timeZone: try payload.string("time_zone")))
        case "MemberAdded":
            self = .memberAdded(
                MemberAdded(
                    subject: try payload.string("subject"), name: try payload.optionalString("name"),
                    role: try payload.optionalString("role"), permissions: try payload.strings("permissions")))
        case "MemberChanged":
            self = .memberChanged(
                MemberChanged(
                    subject: try payload.string("subject"), role: try payload.optionalString("role"),
                    permissions: try payload.strings("permissions")))
        case "MemberRemoved":
            self = .memberRemoved(MemberRemoved(subject: try payload.string("subject")))
        case "KeyCreated":
            self = .keyCreated(
                KeyCreated(
                    keyID: try payload.string("key_id"),
                    kind: try payload.required("kind") { $0.stringValue.flatMap(KeyCreated.Kind.init(rawValue:)) },
                    name: try payload.optionalString("name"), hash: try payload.string("hash"),
                    permissions: try payload.strings("permissions"),
                    allowedOrigins: try payload.strings("allowed_origins")))
        case "KeyRevoked":
            self = .keyRevoked(KeyRevoked(keyID: try payload.string("key_id")))
        case "KeyChanged":
            self = .keyChanged(
                KeyChanged(keyID: try payload.string("key_id"), changes: try payload.members("changes")))
        case "KeyRotated":
            self = .keyRotated(
                KeyRotated(
                    keyID: try payload.string("key_id"), newKeyID: try payload.string("new_key_id"),
                    hash: try payload.string("hash"),
                    expiresAt: try payload.required("expires_at") {
                        $0.stringValue.flatMap(Timestamp.init(rfc3339:))
                    }))
        default:
            self = .settingsChanged(TenantSettingsChanged(changes: try payload.members("changes")))
        }
    }
}

public struct TenantCreated: Equatable, Sendable {
    /// Its name in URLs, headers and keys.
    public var slug: String
    public var name: String
    public var currency: Currency
    /// A name of the IANA database.
    public var timeZone: String

    public init(slug: String, name: String, currency: Currency, timeZone: String) {
        self.slug = slug
        self.name = name
        self.currency = currency
        self.timeZone = timeZone
    }
}

public struct MemberAdded: Equatable, Sendable {
    /// The subject of the member's tokens.
    public var subject: String
    public var name: String?
    public var role: String?
    /// Besides those of the role.
    public var permissions: [String]

    public init(subject: String, name: String? = nil, role: String? = nil, permissions: [String]) {
        self.subject = subject
        self.name = name
        self.role = role
        self.permissions = permissions
    }
}

public struct MemberChanged: Equatable, Sendable {
    public var subject: String
    /// nil: none any more.
    public var role: String?
    /// All of them besides the role's, not the difference.
    public var permissions: [String]

    public init(subject: String, role: String? = nil, permissions: [String]) {
        self.subject = subject
        self.role = role
        self.permissions = permissions
    }
}

public struct MemberRemoved: Equatable, Sendable {
    public var subject: String

    public init(subject: String) { self.subject = subject }
}

public struct KeyCreated: Equatable, Sendable {
    /// STORED NAMES: only ever add.
    public enum Kind: String, CaseIterable, Sendable {
        case publishable, secret
    }

    public var keyID: String
    public var kind: Kind
    public var name: String?
    /// SHA-256 of the key, in hex; the key itself is shown once and stored nowhere.
    public var hash: String
    public var permissions: [String]
    public var allowedOrigins: [String]

    public init(
        keyID: String, kind: Kind, name: String? = nil, hash: String, permissions: [String] = [],
        allowedOrigins: [String] = []
    ) {
        self.keyID = keyID
        self.kind = kind
        self.name = name
        self.hash = hash
        self.permissions = permissions
        self.allowedOrigins = allowedOrigins
    }
}

public struct KeyRevoked: Equatable, Sendable {
    public var keyID: String

    public init(keyID: String) { self.keyID = keyID }
}

public struct KeyChanged: Equatable, Sendable {
    public var keyID: String
    /// `name` (null: none), `allowed_origins`: those that are new.
    public var changes: JSONObject

    public init(keyID: String, changes: JSONObject) {
        self.keyID = keyID
        self.changes = changes
    }
}

/// Another key takes a key's place, with the same name, permissions and origins; the old one goes on for a while.
public struct KeyRotated: Equatable, Sendable {
    public var keyID: String
    public var newKeyID: String
    /// SHA-256 of the new key, in hex.
    public var hash: String
    /// From then on the old key opens nothing.
    public var expiresAt: Timestamp

    public init(keyID: String, newKeyID: String, hash: String, expiresAt: Timestamp) {
        self.keyID = keyID
        self.newKeyID = newKeyID
        self.hash = hash
        self.expiresAt = expiresAt
    }
}

/// The fields of a tenant that may change, by their stored names (which are the API's too): only ever add.
public enum TenantField: String, CaseIterable, Sendable {
    case name, returnDays = "return_days", holdHours = "hold_hours", offerHours = "offer_hours"
    case skuPattern = "sku_pattern"
    case addresses, languages, features
    case timeZone = "time_zone"

    /// Never null.
    public var isRequired: Bool { self == .name || self == .timeZone }
}

public struct TenantSettingsChanged: Equatable, Sendable {
    /// The new value of each changed field, by `TenantField` name; null brings the default back. Of `features` only the
    /// flags that changed, null for one that is gone.
    public var changes: JSONObject

    public init(changes: JSONObject) { self.changes = changes }
}
