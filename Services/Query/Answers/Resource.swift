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
    /// Makes what a key sees out of a projection's `record`; nil where the projection has it ready, or keys see nothing.
    var keyDocument: (@Sendable ([UInt8]) throws -> [UInt8]?)?
    /// nil: projections answer, always.
    var switching: Switching?
    /// Whether answers are kept ready for whoever asks next.
    var isKept = false
    /// The members of a document, by their dotted paths, as a CSV file has them.
    var csv: [String]

    /// Whether a document is made as it is read.
    func isMade(for visibility: Visibility) -> Bool { visibility == .storefront && keyDocument != nil }

    /// Version and document of one row, or its record where the document is made of it; no row where it is not there or not visible.
    func statement(_ id: UUID, in generation: Generation, for visibility: Visibility) -> SQL {
        """
        SELECT t.version, t.\(unescaped: isMade(for: visibility) ? "record" : visibility.documentColumn) FROM \(unescaped: generation.table) t
        WHERE t.id = \(id) AND \(visible(visibility))
        """
    }
}
