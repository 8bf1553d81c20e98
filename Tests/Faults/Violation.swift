/// Something that must never be, whatever fails.
struct Violation: Hashable, CustomStringConvertible {
    enum Kind: String {
        /// Acknowledged, and not there.
        case lost
        /// There more than once, or more of it than was asked for.
        case doubled
        /// Refused, and there.
        case forged
        /// There, but not as it was acknowledged.
        case altered
        /// Events that no intent accounts for.
        case stray
        /// A position is missing, or comes twice.
        case gap
        /// A stream's versions are not 1, 2, 3, …
        case version
        /// An operational row is not at its stream's last version and position.
        case state
        /// A projected row is not the fold of its events.
        case projection
        /// Something of one tenant in another.
        case foreign
        /// An intent that began after another was acknowledged stands before it.
        case order
        /// A tailing reader has missed something, or what it has read is no longer so.
        case tail
        /// A read shows less than its token promises.
        case stale
        /// The same request with the same key is answered differently.
        case answer
        /// An answer that no fault excuses.
        case unexpected
    }

    var kind: Kind
    var what: String
    /// The fault during which the intent was sent that it is about.
    var phase: String?

    init(_ kind: Kind, _ what: String, phase: String? = nil) {
        self.kind = kind
        self.what = what
        self.phase = phase
    }

    var description: String { "\(kind.rawValue): \(what)\(phase.map { " (\($0))" } ?? "")" }
}
