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

    public static let category = "tenant"

    /// STORED NAMES: only ever add.
    public static let schemas = [
        "TenantCreated": 1, "MemberAdded": 1, "MemberChanged": 1, "MemberRemoved": 1, "KeyCreated": 1, "KeyRevoked": 1,
    ]

    public var type: String {
        switch self {
        case .created: "TenantCreated"
        case .memberAdded: "MemberAdded"
        case .memberChanged: "MemberChanged"
        case .memberRemoved: "MemberRemoved"
        case .keyCreated: "KeyCreated"
        case .keyRevoked: "KeyRevoked"
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
            payload["permissions"] = .strings(event.permissions)
            return payload
        case .memberChanged(let event):
            return ["subject": .string(event.subject), "permissions": .strings(event.permissions)]
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
                    permissions: try payload.strings("permissions")))
        case "MemberChanged":
            self = .memberChanged(
                MemberChanged(
                    subject: try payload.string("subject"), permissions: try payload.strings("permissions")))
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
        default:
            self = .keyRevoked(KeyRevoked(keyID: try payload.string("key_id")))
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
    public var permissions: [String]

    public init(subject: String, name: String? = nil, permissions: [String]) {
        self.subject = subject
        self.name = name
        self.permissions = permissions
    }
}

public struct MemberChanged: Equatable, Sendable {
    public var subject: String
    /// All of them, not the difference.
    public var permissions: [String]

    public init(subject: String, permissions: [String]) {
        self.subject = subject
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
