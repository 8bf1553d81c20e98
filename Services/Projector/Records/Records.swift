import Documents

/// The records that have a projection of their own. A category is read, folded, rebuilt, proven and repaired by being here.
enum Records {
    static let all: [any ProjectedRecord.Type] = [
        LocationRecord.self, IntakeRecord.self, StocktakeRecord.self, ContractRecord.self, OfferRecord.self,
        ValuationRecord.self, DecisionRecord.self,
    ]

    static let readers: [String: EventReader] = Dictionary(
        uniqueKeysWithValues: all.map { ($0.category, reader(of: $0)) })

    static let projections: [any Projection.Type] = all.map { projection(of: $0) }

    private static func reader<Record: ProjectedRecord>(of record: Record.Type) -> EventReader {
        EventReader(Record.Event.self) { .record(StreamEvent(event: $0)) }
    }

    private static func projection<Record: ProjectedRecord>(of record: Record.Type) -> any Projection.Type {
        RecordProjection<Record>.self
    }
}
