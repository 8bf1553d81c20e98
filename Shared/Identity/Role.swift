/// A set of permissions that goes with what somebody does for a tenant. STORED NAMES: only ever add.
///
/// What a role may do is a matter of the program, not of the record: it grows as the product does. A role that this program
/// does not know grants nothing.
public enum Role: String, CaseIterable, Sendable {
    /// Everything, memberships and keys among it.
    case owner
    /// Everything of the business, but who belongs to it.
    case manager
    /// At the counter and in the stock room: takes in, describes, moves and labels.
    case intake
    /// Offers and sells.
    case sales
    /// Pays consignors.
    case finance
    /// Reads, without personal data.
    case viewer

    public var permissions: Set<Permission> {
        switch self {
        case .owner: [.all]
        case .manager:
            [
                .itemsWrite, .listingsWrite, .importsWrite, .tenantWrite, .contractsWrite, .offersCreate, .offersWrite,
                .ordersCreate, .ordersWrite, .payoutsWrite, .locationsWrite, .consignorsRead, .consignorsWrite,
                .consignorsErase, .intakesWrite, .photosWrite,
            ]
        case .intake: [.itemsWrite, .importsWrite, .consignorsRead, .consignorsWrite, .intakesWrite, .photosWrite]
        case .sales:
            [
                .itemsWrite, .listingsWrite, .offersCreate, .offersWrite, .ordersCreate, .ordersWrite, .photosWrite,
            ]
        case .finance: [.consignorsRead, .contractsWrite, .payoutsWrite]
        case .viewer: []
        }
    }
}
