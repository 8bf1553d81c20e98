public import EventSourcing
public import Foundation
public import JSON

/// What happens to an import. Its lines are not events of its own: each causes an intent on items and listings, and
/// is reported in the import's report.
public enum ImportEvent: StorableEvent {
    case requested(ImportRequested)
    case started
    case completed(ImportCompleted)
    case failed(ImportFailed)

    public static let category = "import"

    /// STORED NAMES: only ever add.
    public static let schemas = ["ImportRequested": 1, "ImportStarted": 1, "ImportCompleted": 1, "ImportFailed": 1]

    public var type: String {
        switch self {
        case .requested: "ImportRequested"
        case .started: "ImportStarted"
        case .completed: "ImportCompleted"
        case .failed: "ImportFailed"
        }
    }

    public var payload: JSONObject {
        switch self {
        case .requested(let event): event.payload
        case .started: [:]
        case .completed(let event): ["counts": event.counts.json]
        case .failed(let event): ["reason": .string(event.reason)]
        }
    }

    public init(type: String, current payload: PayloadReader) throws(EventDecodingError) {
        switch type {
        case "ImportRequested":
            self = .requested(try ImportRequested(payload))
        case "ImportStarted":
            self = .started
        case "ImportCompleted":
            guard let counts = try payload.nested("counts") else { throw payload.missing("counts") }
            self = .completed(ImportCompleted(counts: try ImportCompleted.Counts(counts)))
        default:
            self = .failed(ImportFailed(reason: try payload.string("reason")))
        }
    }
}

public struct ImportRequested: Equatable, Sendable {
    /// `shopify`
    public var format: String
    public var currency: Currency
    /// Whether products that say so are published.
    public var publish: Bool
    /// The size of the file.
    public var bytes: Int64
    /// Of the file, in hex.
    public var sha256: String
    /// Who brings what the file does not say of whom it is; nil: nobody.
    public var consignorID: UUID?

    public init(
        format: String, currency: Currency, publish: Bool, bytes: Int64, sha256: String, consignorID: UUID? = nil
    ) {
        self.format = format
        self.currency = currency
        self.publish = publish
        self.bytes = bytes
        self.sha256 = sha256
        self.consignorID = consignorID
    }

    var payload: JSONObject {
        var payload: JSONObject = [
            "format": .string(format), "currency": .string(currency.code), "publish": .bool(publish),
            "bytes": .integer(bytes), "sha256": .string(sha256),
        ]
        payload["consignor_id"] = consignorID.map { .id("consignor", $0) }
        return payload
    }

    init(_ payload: PayloadReader) throws(EventDecodingError) {
        self.init(
            format: try payload.string("format"),
            currency: try payload.required("currency") { $0.stringValue.flatMap(Currency.init(code:)) },
            publish: try payload.bool("publish"), bytes: try payload.integer("bytes"),
            sha256: try payload.string("sha256"),
            consignorID: try payload.optionalID("consignor_id", prefix: "consignor"))
    }
}

public struct ImportCompleted: Equatable, Sendable {
    /// Lines by outcome.
    public struct Counts: Equatable, Sendable {
        public var created: Int64
        public var changed: Int64
        public var unchanged: Int64
        public var rejected: Int64
        public var noted: Int64

        public init(
            created: Int64 = 0, changed: Int64 = 0, unchanged: Int64 = 0, rejected: Int64 = 0, noted: Int64 = 0
        ) {
            self.created = created
            self.changed = changed
            self.unchanged = unchanged
            self.rejected = rejected
            self.noted = noted
        }

        init(_ payload: PayloadReader) throws(EventDecodingError) {
            self.init(
                created: try payload.integer("created"), changed: try payload.integer("changed"),
                unchanged: try payload.integer("unchanged"), rejected: try payload.integer("rejected"),
                noted: try payload.integer("noted"))
        }

        var json: JSONValue {
            [
                "created": .integer(created), "changed": .integer(changed), "unchanged": .integer(unchanged),
                "rejected": .integer(rejected), "noted": .integer(noted),
            ]
        }
    }

    public var counts: Counts

    public init(counts: Counts) { self.counts = counts }
}

public struct ImportFailed: Equatable, Sendable {
    public var reason: String

    public init(reason: String) { self.reason = reason }
}
