import Foundation
import Postgres

/// What somebody asked for: that a projection be filled afresh, beside the live generation, and become the live one.
struct Rebuild: Sendable, Equatable {
    enum Phase: String, Sendable {
        case requested, filling, indexing
        case catchingUp = "catching_up"
        case comparing, done, cancelled, failed

        var hasEnded: Bool { self == .done || self == .cancelled || self == .failed }
    }

    var id: UUID
    var projection: String
    var phase: Phase
    /// Of a core, for all workers together.
    var share: Double
    /// Rows in a transaction.
    var batch: Int
    /// Side by side.
    var workers: Int
    /// Of the fold that fills it; nil until it has begun, save where one is asked for.
    var foldVersion: Int?
    /// The number of the generation that is being filled, and the position up to which it is; 0 until it has begun.
    var generation: Int
    var target: Int64
    /// Somebody wants it to end.
    var isCancelled: Bool
}

/// A share of the keys that one worker fills at a time.
struct RebuildPart: Sendable, Equatable {
    var number: Int
    var low: UUID?
    var high: UUID?
    /// Everything up to this group is in.
    var place: GroupKey?

    /// What is still to be filled.
    var range: KeyRange {
        place.map { KeyRange(after: $0, through: high) } ?? KeyRange(afterAll: low, through: high)
    }
}

/// What the comparison of the new generation with the live one has found, in rows.
struct RebuildCounts: Sendable, Equatable {
    var compared = 0
    /// In both, with other values.
    var different = 0
    /// In the new one alone.
    var added = 0
    /// In the old one alone.
    var removed = 0
}

/// Why a rebuild ends before its generation is live.
enum RebuildEnd: Error, Equatable {
    case cancelled
    /// The reason, without values.
    case failed(String)
    /// It has been ended or taken on elsewhere: there is nothing to do any more.
    case superseded
}
