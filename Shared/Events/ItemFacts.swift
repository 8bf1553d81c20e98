public import EventSourcing
public import JSON

/// Who has an item, and so where it is. STORED NAMES: only ever add.
public enum ItemCustody: String, CaseIterable, Sendable {
    /// Announced, and not here yet.
    case expected
    /// In the tenant's house, at a location or at none that is named.
    case inHouse = "in_house"
    case atAuthenticator = "at_authenticator"
    case atRepair = "at_repair"
    /// With a carrier, or between two locations.
    case inTransit = "in_transit"
    case withBuyer = "with_buyer"
    case returnedToConsignor = "returned_to_consignor"
    case lost
    /// In the house, and not fit to be offered.
    case damaged
    /// Given away or destroyed: see `ItemDisposal`.
    case disposed
}

/// Whose an item is. STORED NAMES: only ever add.
public enum ItemTitle: String, CaseIterable, Sendable {
    case consignor, store, sold
}

/// What an item is promised to: it alone says so. STORED NAMES: only ever add.
public enum ItemAllocation: String, CaseIterable, Sendable {
    case free, held, sold
}

/// How an item went for good. STORED NAMES: only ever add.
public enum ItemDisposal: String, CaseIterable, Sendable {
    case donated, discarded
}

/// On what ground an item was taken in. STORED NAMES: only ever add.
public enum LegalBasis: String, CaseIterable, Sendable {
    case purchase
    case commissionSale = "commission_sale"
    case agency
}

/// How value added tax is worked out when the item is sold. STORED NAMES: only ever add.
public enum TaxScheme: String, CaseIterable, Sendable {
    case margin, standard
}

/// How an item was acquired: what compliance will ask for. Nothing is worked out from it yet, save who has the title.
public struct ItemAcquisition: Equatable, Sendable {
    public var legalBasis: LegalBasis?
    public var price: Money?
    /// A day of the tenant's calendar, like `2026-03-10`.
    public var date: String?
    /// Number or reference of the paper.
    public var document: String?
    /// ISO 3166-1, two capitals.
    public var originCountry: String?
    public var scheme: TaxScheme?

    public init(
        legalBasis: LegalBasis? = nil, price: Money? = nil, date: String? = nil, document: String? = nil,
        originCountry: String? = nil, scheme: TaxScheme? = nil
    ) {
        self.legalBasis = legalBasis
        self.price = price
        self.date = date
        self.document = document
        self.originCountry = originCountry
        self.scheme = scheme
    }

    /// The stored form, absent values left out.
    public var json: JSONValue {
        var object = JSONObject()
        object["legal_basis"] = legalBasis.map { .string($0.rawValue) }
        object["price"] = price?.json
        object["date"] = date.map(JSONValue.string)
        object["document"] = document.map(JSONValue.string)
        object["origin_country"] = originCountry.map(JSONValue.string)
        object["scheme"] = scheme.map { .string($0.rawValue) }
        return .object(object)
    }

    init?(_ payload: PayloadReader) throws(EventDecodingError) {
        guard let payload = try payload.nested("acquisition") else { return nil }
        self.init(
            legalBasis: try payload.optionalChoice("legal_basis"), price: try payload.optionalMoney("price"),
            date: try payload.optionalString("date"), document: try payload.optionalString("document"),
            originCountry: try payload.optionalString("origin_country"),
            scheme: try payload.optionalChoice("scheme"))
    }
}
