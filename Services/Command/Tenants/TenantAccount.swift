import EventSourcing
import Events
import Identity

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
            state?.members[event.subject] = .init(name: event.name, permissions: Set(event.permissions))
        case .memberChanged(let event):
            state?.members[event.subject]?.permissions = Set(event.permissions)
        case .memberRemoved(let event):
            state?.members[event.subject] = nil
        case .keyCreated(let event):
            state?.keys[event.keyID] = .init(
                kind: APIKey.Kind(event.kind), name: event.name, hash: event.hash,
                permissions: Set(event.permissions), allowedOrigins: event.allowedOrigins)
        case .keyRevoked(let event):
            state?.keys[event.keyID]?.isRevoked = true
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
        var permissions: Set<Permission>
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
                .memberAdded(MemberAdded(subject: intent.subject, name: intent.name, permissions: permissions)))
        }
        guard member.permissions != intent.permissions else { return [] }
        if !intent.permissions.contains(.all) { try keepAnOwner(in: tenant, without: intent.subject) }
        return stamp.facts(.memberChanged(MemberChanged(subject: intent.subject, permissions: permissions)))
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

    private static func existing(_ state: State) throws(Refused) -> TenantRecord {
        guard let state else { throw .unknown }
        return state
    }

    /// A tenant nobody owns could never be changed again.
    private static func keepAnOwner(in tenant: TenantRecord, without subject: String) throws(Refused) {
        let hasOwner = tenant.members.contains { $0.key != subject && $0.value.permissions.contains(.all) }
        guard hasOwner || tenant.members[subject]?.permissions.contains(.all) != true else { throw .lastOwner }
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
