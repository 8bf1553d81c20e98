/// The words of the API. Only ever add.
public enum ItemCondition: String, CaseIterable, Sendable {
    case newWithTags = "new_with_tags"
    case excellent
    case veryGood = "very_good"
    case good, fair, ungraded
}

/// Where an item stands, in one word: worked out from its facts and its listings, the first that is so in the order
/// deleted, sold, those of custody, listed, withdrawn, received.
public enum ItemStatus: String, CaseIterable, Sendable {
    /// There, and on no open listing.
    case received
    /// It has an open listing: a draft, a published or a paused one.
    case listed
    /// A listing ended as sold.
    case sold
    case deleted
    /// Announced, and not here yet.
    case expected
    /// Not to be offered, until it is reinstated.
    case withdrawn
    /// To its consignor.
    case returned
    case lost, damaged, disposed
}

public enum ListingStatus: String, CaseIterable, Sendable {
    case draft, published, paused, ended

    public var isOpen: Bool { self != .ended }
}

public enum ListingEndReason: String, CaseIterable, Sendable {
    case withdrawn, sold, expired, error
}

public enum ImportStatus: String, CaseIterable, Sendable {
    case queued, running, done, failed
}

public enum ImportOutcome: String, CaseIterable, Sendable {
    case created, changed, unchanged, rejected, noted
}

public enum LocationKind: String, CaseIterable, Sendable {
    case store, warehouse, workshop, other
}
