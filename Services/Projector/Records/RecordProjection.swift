import Documents
import EventSourcing
import Events
import Foundation
import Postgres

/// A row for each stream of a category, which tells all of it.
enum RecordProjection<Record: ProjectedRecord>: Projection {
    struct Group: Sendable {
        /// nil before the stream's first event.
        var record: Record?
        /// Of the last event that changed it.
        var position: Int64 = 0
    }

    static var name: String { Record.plural }
    static var foldVersion: Int { Record.foldVersion }
    static var source: GroupSource { .streams(Record.category) }
    static var empty: Group { Group() }

    static func group(of event: LogEvent) -> UUID? {
        event.stream.category == Record.category ? event.payload.group(of: event.stream) : nil
    }

    static func begins(with event: LogEvent) -> Bool { event.version == 1 }

    static func recall(before events: [LogEvent], in group: Group) -> StreamID? { nil }

    static func apply(_ event: LogEvent, to group: inout Group) throws(FoldFailure) {
        group.position = event.position
        switch event.payload {
        case .record(let own):
            guard let change = own.event as? Record.Event,
                Record.fold(
                    &group.record, change, id: event.stream.id, version: event.version, at: event.requestedAt)
            else { throw FoldFailure(event, "\(event.type) of a \(Record.category) that is not there") }
        case .unreadable(_, let reason): throw FoldFailure(event, reason)
        case .item, .listing, .unread: break
        }
    }

    static func outputs(of group: Group, _ key: GroupKey, changedAfter position: Int64) -> [RecordRow<Record>] {
        guard let record = group.record, group.position > position else { return [] }
        return [RecordRow(tenant: key.tenant, record: record, position: group.position)]
    }

    static var groupColumn: String { "id" }
    static var memory: [String] { ["position", "record"] }

    static func restore(_ row: Row, into group: inout Group) throws {
        group.position = try row.decode(0, as: Int64.self)
        group.record = try Record(stored: row.bytes(1) ?? [])
    }

    static var columns: [OutputColumn<RecordRow<Record>>] {
        [
            OutputColumn("tenant_id", "uuid") { $0.tenant.uuid },
            OutputColumn("id", "uuid") { $0.id },
            OutputColumn("version", "bigint") { $0.record.version },
            OutputColumn("position", "bigint") { $0.position },
            OutputColumn("status", "text") { $0.record.status },
            OutputColumn("search", "text", as: SearchColumn.expression) {
                SearchText.words(of: $0.record.texts).joined(separator: " ")
            },
            OutputColumn("created_at", "timestamptz") { PostgresTimestamp($0.record.createdAt) },
            OutputColumn("updated_at", "timestamptz") { PostgresTimestamp($0.record.updatedAt) },
            OutputColumn("document", "text") { JSONText(bytes: $0.record.document) },
            OutputColumn("record", "text", as: "r.record::json") { JSONText(bytes: $0.record.bytes) },
        ]
            + Record.filters.map { filter in
                OutputColumn(filter.name, "text") { filter.value($0.record) }
            }
    }
}

/// A row of a record's projection, as it is written.
struct RecordRow<Record: ProjectedRecord>: ProjectedRow {
    var tenant: TenantID
    var record: Record
    var position: Int64

    var id: UUID { record.id }
}
