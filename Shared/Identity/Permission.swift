/// What a member or a key may do: `resource:verb`, or `*`, which is everything and what an owner has.
///
/// A permission that this program does not know yet is kept as it is, so that an older process never weakens a
/// tenant's record.
public struct Permission: RawRepresentable, Hashable, Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
    public var rawValue: String

    public init(rawValue: String) { self.rawValue = rawValue }
    public init(stringLiteral value: String) { rawValue = value }

    public var description: String { rawValue }

    // STORED NAMES: only ever add.
    public static let all: Permission = "*"
    public static let itemsWrite: Permission = "items:write"
    public static let listingsWrite: Permission = "listings:write"
    public static let importsWrite: Permission = "imports:write"
    public static let membersWrite: Permission = "members:write"
    public static let keysWrite: Permission = "keys:write"
    public static let tenantWrite: Permission = "tenant:write"
    public static let contractsWrite: Permission = "contracts:write"
    public static let offersCreate: Permission = "offers:create"
    public static let offersWrite: Permission = "offers:write"
    public static let ordersCreate: Permission = "orders:create"
    public static let ordersWrite: Permission = "orders:write"
    public static let payoutsWrite: Permission = "payouts:write"
    public static let locationsWrite: Permission = "locations:write"
    /// To see personal data.
    public static let consignorsRead: Permission = "consignors:read"
    public static let consignorsWrite: Permission = "consignors:write"
    public static let consignorsErase: Permission = "consignors:erase"
    public static let intakesWrite: Permission = "intakes:write"
    public static let photosWrite: Permission = "photos:write"

    /// All that can be granted, `*` first.
    public static let known: [Permission] = [
        all, itemsWrite, listingsWrite, importsWrite, membersWrite, keysWrite, tenantWrite, contractsWrite,
        offersCreate, offersWrite, ordersCreate, ordersWrite, payoutsWrite, locationsWrite, consignorsRead,
        consignorsWrite, consignorsErase, intakesWrite, photosWrite,
    ]

    public var isKnown: Bool { Self.known.contains(self) }
}

extension Set<Permission> {
    /// Whether these permissions allow what `permission` names.
    public func allows(_ permission: Permission) -> Bool {
        contains(.all) || contains(permission)
    }
}
