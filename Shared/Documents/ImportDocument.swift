import EventSourcing
public import Foundation
import JSON

/// A line of an import's report.
public struct ImportLine: Equatable, Sendable {
    /// Of the file, from 1.
    public var line: Int
    public var outcome: ImportOutcome
    public var reason: String?
    public var itemID: UUID?
    public var listingID: UUID?
    public var correlationID: UUID

    public init(
        line: Int, outcome: ImportOutcome, reason: String? = nil, itemID: UUID? = nil, listingID: UUID? = nil,
        correlationID: UUID
    ) {
        self.line = line
        self.outcome = outcome
        self.reason = reason
        self.itemID = itemID
        self.listingID = listingID
        self.correlationID = correlationID
    }
}

/// Streams the public JSON of an import: make it, add lines, take what has gathered whenever it is enough to send,
/// and `end` it. What was taken, put together, is one JSON document.
public struct ImportDocument: Sendable {
    private var buffer: [UInt8]
    private var hasLines = false

    /// `counts` stand in for the record's own, which come only when the import is done.
    public init(_ record: ImportRecord, counts: ImportRecord.Counts? = nil) {
        var writer = JSONWriter(reservingCapacity: 1024)
        writer.beginObject()
        writer.typeID("id", "import", record.id)
        writer.member("version", record.version)
        writer.member("status", record.status.rawValue)
        writer.member("format", record.format)
        writer.member("currency", record.currency.code)
        writer.flag("publish", record.publish)
        writer.member("bytes", record.bytes)
        writer.typeID("consignor_id", "consignor", record.consignorID)
        writer.key("counts")
        if let counts = record.counts ?? counts { counts.write(to: &writer) } else { writer.null() }
        writer.member("reason", record.reason)
        writer.time("created_at", record.createdAt)
        writer.time("updated_at", record.updatedAt)
        writer.key("lines")
        writer.beginArray()
        buffer = writer.bytes
    }

    public mutating func add(_ line: ImportLine) {
        if hasLines { buffer.append(UInt8(ascii: ",")) }
        hasLines = true
        var writer = JSONWriter(appendingTo: take())
        writer.beginObject()
        writer.member("line", Int64(line.line))
        writer.member("outcome", line.outcome.rawValue)
        writer.member("reason", line.reason)
        writer.typeID("item_id", "item", line.itemID)
        writer.typeID("listing_id", "listing", line.listingID)
        writer.uuid("correlation_id", line.correlationID)
        writer.endObject()
        buffer = writer.bytes
    }

    /// The bytes that wait to be sent.
    public var count: Int { buffer.count }

    /// Takes the bytes that wait to be sent.
    public mutating func take() -> [UInt8] {
        let bytes = buffer
        buffer = []
        return bytes
    }

    /// Closes the document and takes the last of it.
    public mutating func end() -> [UInt8] {
        buffer.append(contentsOf: "]}".utf8)
        return take()
    }

    /// The whole document at once.
    public static func bytes(
        _ record: ImportRecord, counts: ImportRecord.Counts? = nil, lines: some Sequence<ImportLine> = []
    ) -> [UInt8] {
        var document = ImportDocument(record, counts: counts)
        for line in lines { document.add(line) }
        return document.end()
    }
}
