import Foundation
import Postgres

/// A resource whose projection's rows carry the ready answer.
struct Resource: Sendable {
    /// Which read switch says which side answers, and the other side.
    struct Switching: Sendable {
        var resource: ReadResource
        var table: any OperationalTable.Type
    }

    /// As in the path: `items`.
    var name: String
    /// Of its identifiers: `item`.
    var prefix: String
    var projection: Projection
    /// What a reader may see, as a condition on the projection's row `t`; always true where there is none.
    var visible: @Sendable (Visibility) -> SQL
    /// nil: projections answer, always.
    var switching: Switching?
    /// Whether answers are kept ready for whoever asks next.
    var isKept = false
    /// The members of a document, by their dotted paths, as a CSV file has them.
    var csv: [String]

    /// Version and document of one row; no row where it is not there or not visible.
    func statement(_ id: UUID, in generation: Generation, for visibility: Visibility) -> SQL {
        """
        SELECT t.version, t.\(unescaped: visibility.documentColumn) FROM \(unescaped: generation.table) t
        WHERE t.id = \(id) AND \(visible(visibility))
        """
    }
}
