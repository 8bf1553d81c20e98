import EventSourcing
import Events
import Identity
import JSON

/// A tenant: its settings, its members and its keys. (`Tenant` is how a request sees it.)
enum TenantAccount: Aggregate {
    // STORED NAMES (in TenantEvent): only ever add.
    typealias Event = Fact<TenantEvent>
    /// nil: it was not created.
    typealias State = TenantRecord?

    static let category = TenantEvent.category
    static let prefix = "tenant"
    static let initial: State = nil

    static func evolve(_ state: inout State, _ fact: Event) {
        switch fact.event {
        case .created(let event):
            state = TenantRecord(
                slug: event.slug, name: event.name, currency: event.currency, timeZone: event.timeZone)
        case .memberAdded(let event):
            state?.members[event.subject] = .init(
                name: event.name, role: event.role, permissions: Set(event.permissions))
        case .memberChanged(let event):
            state?.members[event.subject]?.role = event.role
            state?.members[event.subject]?.permissions = Set(event.permissions)
        case .memberRemoved(let event):
            state?.members[event.subject] = nil
        case .keyCreated(let event):
            state?.keys[event.keyID] = .init(
                kind: APIKey.Kind(event.kind), name: event.name, hash: event.hash,
                permissions: Set(event.permissions), allowedOrigins: event.allowedOrigins)
        case .keyRevoked(let event):
            state?.keys[event.keyID]?.isRevoked = true
        case .keyChanged(let event):
            if let name = event.changes["name"] { state?.keys[event.keyID]?.name = name.stringValue }
            if let origins = event.changes["allowed_origins"]?.arrayValue {
                state?.keys[event.keyID]?.allowedOrigins = origins.compactMap(\.stringValue)
            }
        case .keyRotated(let event):
            guard var key = state?.keys[event.keyID] else { return }
            state?.keys[event.keyID]?.expiresAt = event.expiresAt
            key.hash = event.hash
            state?.keys[event.newKeyID] = key
        case .settingsChanged(let event):
            var settings = event.changes
            if let name = settings["name"]?.stringValue { state?.name = name }
            if let timeZone = settings["time_zone"]?.stringValue { state?.timeZone = timeZone }
            settings["name"] = nil
            settings["time_zone"] = nil
            state?.settings.apply(settings)
        }
    }

    // MARK: - Decisions

    struct Create: Sendable, Equatable {
        var slug: String
        var name: String
        var currency: Currency
        var timeZone: String
    }

    /// A member has every permission or some; nobody else belongs to the tenant.
    struct SetMember: Sendable, Equatable {
        var subject: String
        var name: String?
        var role: Role?
        var permissions: Set<Permission>

        /// Everything that it grants.
        var allowed: Set<Permission> { permissions.union(role?.permissions ?? []) }
    }

    /// The new value of each field, as `TenantField.read` gives it; null brings the default back.
    struct ChangeSettings: Sendable, Equatable {
        var changes: JSONObject
    }

    struct ChangeKey: Sendable, Equatable {
        var changes: JSONObject
    }

    struct CreateKey: Sendable, Equatable {
        var kind: APIKey.Kind
        var name: String?
        var permissions: Set<Permission>
        var allowedOrigins: [String]
    }

    enum Refused: Refusal {
        case unknown
        case slugTaken(String)
        case lastOwner
        case keyUnknown
        case keyEnded
        case permissionsOfPublishableKey
    }

    /// Who creates a tenant is its first member, with every permission.
    static func create(
        _ intent: Create, by owner: SetMember, _ stamp: Stamp, _ state: State
    ) throws(Refused) -> [Event] {
        if let state {
            let isTheSame =
                (state.slug, state.name, state.currency, state.timeZone)
                == (intent.slug, intent.name, intent.currency, intent.timeZone)
            guard isTheSame else { throw .slugTaken(intent.slug) }
            return []
        }
        return stamp.facts(
            .created(
                TenantCreated(
                    slug: intent.slug, name: intent.name, currency: intent.currency, timeZone: intent.timeZone)),
            .memberAdded(
                MemberAdded(subject: owner.subject, name: owner.name, permissions: [Permission.all.rawValue])))
    }

    static func setMember(_ intent: SetMember, _ stamp: Stamp, _ state: State) throws(Refused) -> [Event] {
        let tenant = try existing(state)
        let permissions = intent.permissions.names
        guard let member = tenant.members[intent.subject] else {
            return stamp.facts(
                .memberAdded(
                    MemberAdded(
                        subject: intent.subject, name: intent.name, role: intent.role?.rawValue,
                        permissions: permissions)))
        }
        guard member.permissions != intent.permissions || member.role != intent.role?.rawValue else { return [] }
        if !intent.allowed.contains(.all) { try keepAnOwner(in: tenant, without: intent.subject) }
        return stamp.facts(
            .memberChanged(
                MemberChanged(
                    subject: intent.subject, role: intent.role?.rawValue, permissions: permissions)))
    }

    static func removeMember(_ subject: String, _ stamp: Stamp, _ state: State) throws(Refused) -> [Event] {
        let tenant = try existing(state)
        guard tenant.members[subject] != nil else { return [] }
        try keepAnOwner(in: tenant, without: subject)
        return stamp.facts(.memberRemoved(MemberRemoved(subject: subject)))
    }

    /// - Parameters:
    ///   - id: names the key in the tenant's record.
    ///   - hash: of the key, which itself is stored nowhere.
    static func createKey(
        _ intent: CreateKey, id: String, hash: String, _ stamp: Stamp, _ state: State
    ) throws(Refused) -> [Event] {
        let tenant = try existing(state)
        guard tenant.keys[id] == nil else { return [] }
        guard intent.kind == .secret || intent.permissions.isEmpty else { throw .permissionsOfPublishableKey }
        return stamp.facts(
            .keyCreated(
                KeyCreated(
                    keyID: id, kind: KeyCreated.Kind(intent.kind), name: intent.name, hash: hash,
                    permissions: intent.permissions.names, allowedOrigins: intent.allowedOrigins)))
    }

    static func revokeKey(_ id: String, _ stamp: Stamp, _ state: State) throws(Refused) -> [Event] {
        guard let key = try existing(state).keys[id] else { throw .keyUnknown }
        return key.isRevoked ? [] : stamp.facts(.keyRevoked(KeyRevoked(keyID: id)))
    }

    static func changeKey(
        _ id: String, _ intent: ChangeKey, _ stamp: Stamp, _ state: State
    ) throws(Refused) -> [Event] {
        let key = try valid(id, stamp, state)
        let present: JSONObject = [
            "name": key.name.map(JSONValue.string) ?? .null,
            "allowed_origins": .array(key.allowedOrigins.map(JSONValue.string)),
        ]
        let changes = JSONObject(
            intent.changes.members.filter { present[$0.key] != $0.value }.map { ($0.key, $0.value) })
        return changes.isEmpty ? [] : stamp.facts(.keyChanged(KeyChanged(keyID: id, changes: changes)))
    }

    /// - Parameters:
    ///   - id: of the key that is to end.
    ///   - newID: names the one that takes its place.
    ///   - hash: of that one.
    ///   - grace: for so long both are good.
    static func rotateKey(
        _ id: String, newID: String, hash: String, grace: Duration, _ stamp: Stamp, _ state: State
    ) throws(Refused) -> [Event] {
        _ = try valid(id, stamp, state)
        return stamp.facts(
            .keyRotated(KeyRotated(keyID: id, newKeyID: newID, hash: hash, expiresAt: stamp.at + grace)))
    }

    /// A key that is not about to end.
    private static func valid(_ id: String, _ stamp: Stamp, _ state: State) throws(Refused) -> TenantRecord.Key {
        guard let key = try existing(state).keys[id] else { throw .keyUnknown }
        guard key.isValid(at: stamp.at), key.expiresAt == nil else { throw .keyEnded }
        return key
    }

    static func changeSettings(
        _ intent: ChangeSettings, _ stamp: Stamp, _ state: State
    ) throws(Refused) -> [Event] {
        let tenant = try existing(state)
        var changes: JSONObject = [:]
        for (name, value) in intent.changes {
            switch TenantField(rawValue: name) {
            case .name?: if value != .string(tenant.name) { changes[name] = value }
            case .timeZone?: if value != .string(tenant.timeZone) { changes[name] = value }
            case .features?:
                let present = tenant.settings.features
                let flags = JSONObject(
                    (value.objectValue ?? [:]).members.filter { present[$0.key] != $0.value.boolValue }
                        .map { ($0.key, $0.value) })
                if !flags.isEmpty { changes[name] = .object(flags) }
            case nil: break
            default: if (tenant.settings.values[name] ?? .null) != value { changes[name] = value }
            }
        }
        return changes.isEmpty ? [] : stamp.facts(.settingsChanged(TenantSettingsChanged(changes: changes)))
    }

    private static func existing(_ state: State) throws(Refused) -> TenantRecord {
        guard let state else { throw .unknown }
        return state
    }

    /// A tenant nobody owns could never be changed again.
    private static func keepAnOwner(in tenant: TenantRecord, without subject: String) throws(Refused) {
        let hasOwner = tenant.members.contains { $0.key != subject && $0.value.allowed.contains(.all) }
        guard hasOwner || tenant.members[subject]?.allowed.contains(.all) != true else { throw .lastOwner }
    }

    // MARK: - Storage

    static func claims(before: State, after: State) -> [Claim] { [] }

    static func encode(_ state: State) -> [UInt8] { state?.bytes ?? [] }

    static func decode(_ json: [UInt8]) throws -> State { try TenantRecord(stored: json) }
}

extension Set<Permission> {
    fileprivate init(_ names: [String]) { self.init(names.map(Permission.init(rawValue:))) }

    /// In one order, whatever the set's.
    fileprivate var names: [String] { map(\.rawValue).sorted() }
}

extension APIKey.Kind {
    init(_ kind: KeyCreated.Kind) {
        self =
            switch kind {
            case .publishable: .publishable
            case .secret: .secret
            }
    }
}

extension KeyCreated.Kind {
    init(_ kind: APIKey.Kind) {
        self =
            switch kind {
            case .publishable: .publishable
            case .secret: .secret
            }
    }
}
