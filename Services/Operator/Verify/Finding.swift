import EventSourcing
import JSON

/// Something that is not as the log says, or a fault of the log itself. Names no value of a payload.
struct Finding: Equatable, Sendable {
    enum Place: Equatable, Sendable, CustomStringConvertible {
        case log
        /// The operational table of a category.
        case table(String)
        case claims
        case checkpoints(String)
        case projection(String)

        var description: String {
            switch self {
            case .log: "log"
            case .table(let category): "table \(category)"
            case .claims: "claims"
            case .checkpoints(let projection): "checkpoints \(projection)"
            case .projection(let projection): "projection \(projection)"
            }
        }
    }

    var place: Place
    var tenant: TenantID?
    /// A public identifier, or a generation's name.
    var id: String?
    var says: String
    /// The group to be folded afresh: of a projection's row.
    var group: Group?

    /// What a repair is asked for.
    struct Group: Hashable, Sendable {
        var projection: String
        var tenant: TenantID
        var group: TypeID
    }
}

/// What a verification has found.
struct Findings: Sendable {
    /// The most that are told one by one.
    static let mostTold = 1000
    /// The most groups that are repaired; where more differ, a rebuild is the better way.
    static let mostRepaired = 10_000

    private(set) var total = 0
    private(set) var told: [Finding] = []
    /// In the order they were found.
    private(set) var groups: [Finding.Group] = []
    private(set) var notes: [String] = []
    /// Whether something was found that no projector can mend.
    private(set) var hasOthers = false
    private var seen: Set<Finding.Group> = []

    /// - Returns: whether it is one of those that are told.
    @discardableResult
    mutating func add(_ finding: Finding) -> Bool {
        total += 1
        if let group = finding.group {
            if groups.count < Self.mostRepaired, seen.insert(group).inserted { groups.append(group) }
        } else {
            hasOthers = true
        }
        guard told.count < Self.mostTold else { return false }
        told.append(finding)
        return true
    }

    mutating func note(_ text: String) { notes.append(text) }
}

/// How tenants are called: by their slugs.
struct TenantNames: Sendable {
    var slugs: [TenantID: String] = [:]

    /// A tenant that is not registered is called by its identifier.
    subscript(tenant: TenantID) -> String { slugs[tenant] ?? TypeID(prefix: "tenant", uuid: tenant.uuid).description }
}

extension Finding {
    /// `projection listings: demo listing_01h4…: differs in price, document`
    func line(_ names: TenantNames) -> String {
        let subject = [tenant.map { names[$0] }, id].compactMap { $0 }.joined(separator: " ")
        return "\(place): \(subject.isEmpty ? "" : subject + ": ")\(says)"
    }

    func json(_ names: TenantNames) -> JSONValue {
        [
            "place": .string(place.description), "tenant": tenant.map { .string(names[$0]) } ?? .null,
            "id": id.map { .string($0) } ?? .null, "difference": .string(says),
        ]
    }
}
