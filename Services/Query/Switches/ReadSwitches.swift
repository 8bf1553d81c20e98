import Crypto
public import EventSourcing
public import Foundation

/// A resource that the read switches may name. Some are named before there is a program that serves them.
public enum ReadResource: String, CaseIterable, Sendable {
    case items, listings, contracts, offers
}

/// Which side answers a read.
public enum ReadUse: String, CaseIterable, Sendable {
    /// The operational tables.
    case tables
    case projections
    /// The operational tables, and what the projections would have said is compared with it.
    case shadow

    /// What answers those that a percentage leaves out.
    var other: ReadUse {
        switch self {
        case .tables, .shadow: .projections
        case .projections: .tables
        }
    }
}

/// What the switches say of a resource: this side for so many of a hundred, the other for the rest.
public struct ReadRule: Equatable, Sendable {
    public var use: ReadUse
    /// 0 to 100.
    public var percent: Int

    public init(_ use: ReadUse, percent: Int = 100) {
        self.use = use
        self.percent = min(max(percent, 0), 100)
    }

    /// The same for the same tenant and id, always and in every process; raising the percentage moves nobody away from
    /// `use`. A list has no id.
    public func use(for tenant: TenantID, id: UUID?) -> ReadUse {
        switch percent {
        case 100: use
        case 0: use.other
        default: Self.bucket(tenant, id) < percent ? use : use.other
        }
    }

    /// 0 to 99. A digest and not Swift's hash, which is another one in each process.
    static func bucket(_ tenant: TenantID, _ id: UUID?) -> Int {
        var hash = SHA256()
        func add(_ bits: UInt128) { withUnsafeBytes(of: bits.bigEndian) { hash.update(bufferPointer: $0) } }
        add(tenant.uuid.bits)
        if let id { add(id.bits) }
        return Int(hash.finalize().prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) } % 100)
    }
}

/// The read switches: a tenant's rule wins over the resource's, that over the default.
public struct ReadSwitches: Equatable, Sendable {
    /// Where a rule stands.
    public enum Origin: String, Sendable {
        case `default`, resource, tenant
    }

    /// A rule and what it is for; the default's has no resource, only a tenant's has a tenant.
    public struct Entry: Equatable, Sendable {
        public var tenant: String?
        public var resource: ReadResource?
        public var rule: ReadRule
    }

    public var `default`: ReadRule
    public var resources: [ReadResource: ReadRule]
    /// By slug.
    public var tenants: [String: [ReadResource: ReadRule]]

    /// Projections everywhere, unless said otherwise.
    public init(
        default: ReadRule = ReadRule(.projections), resources: [ReadResource: ReadRule] = [:],
        tenants: [String: [ReadResource: ReadRule]] = [:]
    ) {
        self.default = `default`
        self.resources = resources
        self.tenants = tenants
    }

    /// The rule in force for a tenant's resource.
    public func rule(_ resource: ReadResource, for tenant: String) -> (rule: ReadRule, origin: Origin) {
        if let rule = tenants[tenant]?[resource] { return (rule, .tenant) }
        if let rule = resources[resource] { return (rule, .resource) }
        return (`default`, .default)
    }

    /// Every rule: the default, the resources in their order, the tenants by slug.
    public var entries: [Entry] {
        var entries = [Entry(rule: `default`)]
        entries += Self.ordered(resources).map { Entry(resource: $0, rule: $1) }
        for (slug, rules) in tenants.sorted(by: { $0.key < $1.key }) {
            entries += Self.ordered(rules).map { Entry(tenant: slug, resource: $0, rule: $1) }
        }
        return entries
    }

    /// The file that says the same; `parse` takes it.
    public var yaml: String {
        var text = "default: \(Self.yaml(`default`))\n"
        if !resources.isEmpty { text += "resources:\n" }
        for (resource, rule) in Self.ordered(resources) { text += "  \(resource.rawValue): \(Self.yaml(rule))\n" }
        let tenants = tenants.filter { !$0.value.isEmpty }
        if !tenants.isEmpty { text += "tenants:\n" }
        for (slug, rules) in tenants.sorted(by: { $0.key < $1.key }) {
            // In quotes: a slug may look like a number.
            text += "  \"\(slug)\":\n"
            for (resource, rule) in Self.ordered(rules) { text += "    \(resource.rawValue): \(Self.yaml(rule))\n" }
        }
        return text
    }

    private static func ordered(_ rules: [ReadResource: ReadRule]) -> [(ReadResource, ReadRule)] {
        ReadResource.allCases.compactMap { resource in rules[resource].map { (resource, $0) } }
    }

    private static func yaml(_ rule: ReadRule) -> String {
        rule.percent == 100 ? rule.use.rawValue : "{ use: \(rule.use.rawValue), percent: \(rule.percent) }"
    }
}
