/// What comparisons come to.
enum ShadowOutcome: String, CaseIterable, Sendable {
    case match
    /// The projection says something else, and goes on saying it though it has everything.
    case difference
    /// It kept changing, or one side could not be read in time.
    case incomparable
    /// Too many were waiting.
    case dropped
}

/// Judges one read by what each side said of it, round by round. Pure.
///
/// A round reads the projection once it holds all that the log held, between two reads of the tables. What it says may
/// be of any moment between the two, so only tables that said the same before and after can prove it wrong. Even then
/// the thing may have changed there and back (a listing shows its item's brand, and its own version stays), so a
/// difference has to show twice in the same way.
struct ShadowVerdict: Sendable {
    /// Fingerprint of what the tables said last.
    private(set) var tables: String
    private var suspected: String?

    init(tables: String) { self.tables = tables }

    /// nil: another round has to tell.
    mutating func judge(projection: String, tables now: String) -> ShadowOutcome? {
        let before = tables
        tables = now
        if projection == before || projection == now { return .match }
        guard before == now else {
            suspected = nil
            return nil
        }
        if suspected == projection { return .difference }
        suspected = projection
        return nil
    }
}
