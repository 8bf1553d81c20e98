import EventSourcing
import JSON

/// What one row of a file says, whatever the file's format.
struct ImportLine: Sendable, Equatable {
    enum Content: Sendable, Equatable {
        case variant(ImportVariant)
        /// The row cannot be imported; others can.
        case rejected(String)
        /// The row is taken up in other rows' variants.
        case noted(String)
    }

    /// The physical line of the file the row starts on, from 1.
    var number: Int
    var content: Content
}

/// One variant of a product: an item and its listing, as the file states them.
struct ImportVariant: Sendable, Equatable {
    /// Names the variant for ever: the JSON array of handle and option values.
    var key: String
    /// The item's fields that the file has columns for, by `ItemField` name, all but `attributes`; blank ones as
    /// `ItemField.cleared`. A condition is there only where the file states one of ours.
    var values: JSONObject
    /// The attributes that the file has columns for; blank ones null.
    var attributes: JSONObject
    var price: Money
    /// Whether the product says it is published; nil where the file has no column for it.
    var isPublished: Bool?
    /// The number of who brings it, by the shop's own count; nil where the file does not say.
    var consignor: String?
    /// The line before this one that has the same key.
    var earlier: Int?
    /// What is worth saying about the row though it is imported.
    var notes: [String]
}

/// Why a file cannot be imported at all.
enum ImportProblem: Error, Equatable, Sendable {
    case empty
    case header(CSVReader.Problem)
    case columns(ShopifyColumns.Problem)
    case tooManyRows(Int)
    /// In words that quote nothing of the file.
    case consignorColumns(String)
    /// It is sealed, and its key is gone.
    case unreadable

    /// For the report.
    var reason: String {
        switch self {
        case .empty: "the file is empty"
        case .header(let problem): "the first line is no header: \(problem.reason)"
        case .columns(let problem): problem.reason
        case .consignorColumns(let reason): reason
        case .unreadable: "the file cannot be opened any more"
        case .tooManyRows(let limit): "the file has more than \(limit) rows"
        }
    }
}
