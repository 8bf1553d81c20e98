import EventSourcing
import Foundation

@testable import Projector

/// A generation's table, parked events and checkpoint in memory, as `ProjectionStore` writes them: the checkpoint moves
/// by compare-and-set, and with it everything else, or nothing does. `TableContractTests` hold it against the database.
struct TableModel {
    private(set) var rows: [GroupKey: Piece.Row] = [:]
    private(set) var parked: [ParkedEvent] = []
    private(set) var checkpoint: Int64 = 0
    /// Sabotage.
    var ignoresCheckpoint = false

    var parking: Parking {
        Parking(groups: Set(parked.map(\.key)), count: parked.count, skipped: [])
    }

    /// - Returns: false, and nothing is written, when the checkpoint is not where the batch begins.
    mutating func write(_ rows: [Piece.Row], parked: [ParkedEvent], batch: EventBatch) -> Bool {
        guard batch.previous == checkpoint || ignoresCheckpoint else { return false }
        checkpoint = batch.last
        for row in rows { self.rows[row.key] = row }
        self.parked += parked
        return true
    }
}
