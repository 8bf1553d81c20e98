public import EventSourcing
public import Foundation
public import JSON

/// What is known of an import; its lines lie in a table of their own.
public struct ImportRecord: Equatable, Sendable {
    /// Lines by outcome.
    public struct Counts: Equatable, Sendable {
        public var created: Int64 = 0
        public var changed: Int64 = 0
        public var unchanged: Int64 = 0
        public var rejected: Int64 = 0
        public var noted: Int64 = 0

        public init() {}

        public var total: Int64 { created + changed + unchanged + rejected + noted }

        public subscript(outcome: ImportOutcome) -> Int64 {
            get {
                switch outcome {
                case .created: created
                case .changed: changed
                case .unchanged: unchanged
                case .rejected: rejected
                case .noted: noted
                }
            }
            set {
                switch outcome {
                case .created: created = newValue
                case .changed: changed = newValue
                case .unchanged: unchanged = newValue
                case .rejected: rejected = newValue
                case .noted: noted = newValue
                }
            }
        }

        func write(to writer: inout JSONWriter) {
            writer.beginObject()
            for outcome in ImportOutcome.allCases { writer.member(outcome.rawValue, self[outcome]) }
            writer.endObject()
        }

        static func decode(_ json: JSONValue) -> Self? {
            var counts = Self()
            for outcome in ImportOutcome.allCases {
                guard let count = json[outcome.rawValue]?.integerValue else { return nil }
                counts[outcome] = count
            }
            return counts
        }
    }

    public var id: UUID
    /// Of the import's stream.
    public var version: Int64
    public var status: ImportStatus
    public var format: String
    public var currency: Currency
    public var publish: Bool
    /// The size of the file.
    public var bytes: Int64
    /// Of the file, in hex.
    public var sha256: String
    /// Who brings what the file does not say of whom it is; nil: nobody.
    public var consignorID: UUID?
    /// nil until the import is done.
    public var counts: Counts?
    /// Why it failed.
    public var reason: String?
    public var createdAt: Timestamp
    public var updatedAt: Timestamp

    /// A queued import at version 1.
    public init(
        id: UUID, format: String, currency: Currency, publish: Bool, bytes: Int64, sha256: String,
        consignorID: UUID? = nil, at time: Timestamp
    ) {
        self.id = id
        version = 1
        status = .queued
        self.format = format
        self.currency = currency
        self.publish = publish
        self.bytes = bytes
        self.sha256 = sha256
        self.consignorID = consignorID
        createdAt = time
        updatedAt = time
    }

    /// The record has seen another event of its stream. Times never run backwards.
    public mutating func advance(to version: Int64, at time: Timestamp) {
        self.version = version
        updatedAt = max(updatedAt, time)
    }

    public func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.uuid("id", id)
        writer.member("version", version)
        writer.member("status", status.rawValue)
        writer.member("format", format)
        writer.member("currency", currency.code)
        writer.flag("publish", publish)
        writer.member("bytes", bytes)
        writer.member("sha256", sha256)
        if let consignorID { writer.uuid("consignor_id", consignorID) }
        if let counts {
            writer.key("counts")
            counts.write(to: &writer)
        }
        if let reason { writer.member("reason", reason) }
        writer.time("created_at", createdAt)
        writer.time("updated_at", updatedAt)
        writer.endObject()
    }

    /// The stored JSON. (`bytes` is the size of the imported file.)
    public var stored: [UInt8] {
        var writer = JSONWriter(reservingCapacity: 512)
        write(to: &writer)
        return writer.bytes
    }

    public init(stored bytes: some Collection<UInt8>) throws(RecordDecodingError) {
        try self.init(json: JSONValue(stored: bytes))
    }

    /// Unknown members are ignored.
    public init(json: JSONValue) throws(RecordDecodingError) {
        let reader = try RecordReader("import", json)
        id = try reader.uuid("id")
        version = try reader.required("version", \.integerValue)
        status = try reader.required("status") { $0.stringValue.flatMap(ImportStatus.init(rawValue:)) }
        format = try reader.required("format", \.stringValue)
        currency = try reader.required("currency") { $0.stringValue.flatMap(Currency.init(code:)) }
        publish = try reader.required("publish", \.boolValue)
        bytes = try reader.required("bytes", \.integerValue)
        sha256 = try reader.required("sha256", \.stringValue)
        consignorID = try reader.optional("consignor_id", \.uuid)
        counts = try reader.optional("counts", Counts.decode)
        reason = try reader.string("reason")
        createdAt = try reader.required("created_at", \.timestamp)
        updatedAt = try reader.required("updated_at", \.timestamp)
    }
}
