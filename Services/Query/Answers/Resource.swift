import Foundation
import Postgres

/// A resource whose projection's rows carry the ready answer, and whose answer can be made from the operational tables.
struct Resource: Sendable {
    /// As in the path: `items`.
    var name: ReadResource
    /// Of its identifiers: `item`.
    var prefix: String
    var projection: Projection
    /// What a reader may see, as a condition on the projection's row `t`; always true where there is none.
    var visible: @Sendable (Visibility) -> SQL
    var table: any OperationalTable.Type

    /// Version and document of one row; no row where it is not there or not visible.
    func statement(_ id: UUID, in generation: Generation, for visibility: Visibility) -> SQL {
        """
        SELECT t.version, t.\(unescaped: visibility.documentColumn) FROM \(unescaped: generation.table) t
        WHERE t.id = \(id) AND \(visible(visibility))
        """
    }
}
