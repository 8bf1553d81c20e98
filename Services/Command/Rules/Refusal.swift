/// Why a rule of the business says no to an intent. Not a failure of the machine, and nothing of HTTP.
protocol Refusal: Error, Equatable, Sendable {
    /// Stable, for programs: `listing_ended`.
    var code: String { get }
    /// For people.
    var detail: String { get }
    /// The JSON pointer of the field at fault, if it is one.
    var pointer: String? { get }
}

extension Refusal {
    var pointer: String? { nil }
}

/// What is wrong with one field of a request.
struct FieldError: Error, Equatable, Sendable {
    /// A JSON pointer (RFC 6901): `/photos/3`.
    var pointer: String
    /// Stable, for programs.
    var code: Code
    /// For people.
    var detail: String

    enum Code: String, Sendable {
        case required, empty
        case unknownField = "unknown_field"
        case wrongType = "wrong_type"
        case tooLong = "too_long"
        case tooMany = "too_many"
        case tooDeep = "too_deep"
        case tooLarge = "too_large"
        case outOfRange = "out_of_range"
        case nullCharacter = "null_character"
        case photoUnknown = "photo_unknown"
        case invalid
    }
}

/// Everything that is wrong with the fields of a request, all at once.
struct InvalidFields: Error, Equatable, Sendable {
    var errors: [FieldError]
}

/// A uniqueness claim that goes with a decision, within the tenant; the holder is the stream decided on.
enum Claim: Hashable, Sendable {
    case take(kind: String, value: String)
    case release(kind: String, value: String)
    /// The intent holds only while no claim of this kind begins with the value.
    case absent(kind: String, prefix: String)
}

/// The kinds of claims. STORED NAMES: only ever add.
enum ClaimKind {
    /// A SKU, held by its item.
    static let sku = "sku"
    /// `<item uuid>/<channel>`, held by the open listing.
    static let openListing = "open_listing"
    /// `<item uuid>`, held for ever by the listing that ended as sold.
    static let soldItem = "sold_item"
    /// The key of an imported variant, held for ever by its item and by its listing.
    static let importItem = "import_item"
    static let importListing = "import_listing"
    /// A shop's number of a consignor, held by the consignor, also a merged or an erased one.
    static let consignorNumber = "consignor_number"
    /// `<location uuid>/<item uuid>`, held by the item while it is there.
    static let atLocation = "at_location"
    /// `<consignor uuid>/<item or intake uuid>`, held while what a consignor brought is in the tenant's custody.
    static let custody = "custody"
    /// `<item uuid>`, held by the contract that the item is on, until that is over.
    static let contractItem = "contract_item"
    /// `<consignor id>/<contract uuid>`, held by the contract until it is over.
    static let consignorContract = "consignor_contract"
    /// A shop's number of a contract, held by the contract.
    static let contractNumber = "contract_number"
    /// `["<category>","<brand>","<condition>"]/<item uuid>`, held by a sold item of which these are known.
    static let comparable = "comparable"
    /// A location's code, held while it is open.
    static let locationCode = "location_code"
    /// `<item uuid>/<listing uuid>/<offer uuid>`, held by the offer while something can come of it.
    static let openOffer = "open_offer"
    /// `<listing uuid>/<n>`, held for ever by the nth offer on the listing.
    static let offerNumber = "offer_number"
    /// `<listing uuid>/<digest of the buyer>/<n>`, held for ever by the offer with the nth price that the buyer has named.
    static let offerOfBuyer = "offer_of_buyer"

    /// Numbers that are given in their order: who finds one taken, or come meanwhile, looks again.
    static let numbered: Set = [offerNumber, offerOfBuyer]
}
