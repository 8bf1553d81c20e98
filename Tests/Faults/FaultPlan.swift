import Foundation

/// What a run does, as the environment says.
///
/// | key | meaning | default |
/// |---|---|---|
/// | `CLOSTER_FAULTS` | `short`: each fault a few times; `long`: often enough to be believed | no faults |
/// | `CLOSTER_FAULT_SEED` | replays the schedule that a failure printed | drawn |
/// | `CLOSTER_FAULT_ONLY` | names of faults, separated by commas | all |
struct FaultPlan: Sendable {
    let seed: UInt64
    let isWanted: Bool
    let isLong: Bool
    private let only: Set<String>?

    init(_ environment: [String: String] = ProcessInfo.processInfo.environment) {
        seed = environment["CLOSTER_FAULT_SEED"].flatMap { UInt64($0) } ?? .random(in: 0...999_999_999)
        isWanted = environment["CLOSTER_FAULTS"] != nil
        isLong = environment["CLOSTER_FAULTS"] == "long"
        only = environment["CLOSTER_FAULT_ONLY"].map {
            Set($0.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) })
        }
    }

    func count(_ fault: Fault) -> Int { isLong ? fault.counts.long : fault.counts.short }

    func chosen(_ faults: [Fault]) -> [Fault] { faults.filter { only?.contains($0.rawValue) ?? true } }

    func chance(_ purpose: String) -> Chance { Chance(seed: seed, for: purpose) }
}
