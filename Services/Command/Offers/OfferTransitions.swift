import Documents

/// What may follow what for an offer. Decisions ask this table, tests hold every log against it, and doc/SPEC.md prints it.
enum OfferTransitions {
    static let offer = TransitionTable<OfferStatus>([
        .pending: [.countered, .asked, .accepted, .declined, .withdrawn, .expired, .superseded],
        .countered: [.pending, .accepted, .declined, .withdrawn, .expired, .superseded],
        .asked: [.pending, .declined, .withdrawn, .expired, .superseded],
        .accepted: [.fulfilled, .withdrawn, .lapsed, .superseded],
        .declined: [],
        .withdrawn: [],
        .expired: [],
        .lapsed: [],
        .superseded: [],
        .fulfilled: [],
    ])
}
