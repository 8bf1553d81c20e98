import ArgumentParser
import EventSourcing
import Foundation
import JSON
import Projector

/// Proves that nothing has drifted, and names what has.
struct VerifyCommand: ToolCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Compare operational tables, claims and projections with a fresh fold of the events.",
        discussion: """
            Reads everything in one snapshot: the log's positions and versions without a gap, every stream's operational \
            row and claims, every row of the live projections as of their checkpoint, and the chain of checkpoints. \
            Writes may go on meanwhile. What differs is a line: where, whose, what. Exit status 1 if anything differed, \
            also where it was repaired.

            Example: closter verify --projection listings --repair
            """)

    @Option(
        name: .long, help: ArgumentHelp("Verify this projection and nothing else; may be repeated.", valueName: "name"))
    var projection: [String] = []
    @Option(name: .long, help: ArgumentHelp("Verify one tenant's rows (default: all).", valueName: "slug"))
    var tenant: String?
    @Option(
        name: .long, help: ArgumentHelp("Look at about so many of a hundred streams and groups.", valueName: "percent"))
    var sample: Double = 100
    @Option(name: .long, help: ArgumentHelp("Which sample: the same seed chooses the same ones.", valueName: "number"))
    var seed: Int64 = 0
    @Flag(name: .long, help: "Have the projector mend the projections' rows that differ.")
    var repair = false
    @Option(
        name: .long,
        help: ArgumentHelp("How long repairs may stand still before verify gives up.", valueName: "seconds"))
    var patience: Int = 60
    @OptionGroup var common: CommonOptions

    func validate() throws {
        guard sample > 0, sample <= 100 else { throw ValidationError("--sample is above 0 and at most 100") }
        guard (0...86_400).contains(patience) else { throw ValidationError("--patience is 0 to 86400 seconds") }
        for name in projection where !ProjectionProof.projections.contains(name) {
            let known = ProjectionProof.projections.joined(separator: ", ")
            throw ValidationError("there is no projection \(name): there are \(known)")
        }
    }

    func run(in context: Context) async throws -> ExitStatus {
        let console = context.console
        let share = max(1, Int((sample / 100 * Double(GroupSelection.everyOne)).rounded()))
        let verification = Verification(
            scope: Scope(
                projections: projection.isEmpty ? nil : projection, selection: GroupSelection(share: share, seed: seed)),
            tenant: tenant)
        return try await Database.read(context.settings) { connection in
            let result = try await verification.run(on: connection) { finding, names in
                console.endProgress()
                if !common.json { console.line(finding.line(names)) }
            } progress: {
                console.progress($0)
            }
            var repairs: [RepairRequests.Outcome] = []
            if repair, !result.findings.groups.isEmpty {
                let total = result.findings.groups.count
                let requests = RepairRequests(
                    connection: connection, patience: .seconds(patience), pause: context.pause)
                repairs = try await requests.perform(result.findings.groups) { done in
                    console.progress(Progress(label: "repairing", done: done, total: total, unit: "groups"))
                }
            }
            console.endProgress()
            if common.json {
                console.json(result.json(repairs))
            } else {
                for line in result.text(repairs, isRepair: repair) { console.line(line) }
            }
            return result.findings.total == 0 ? .done : .found
        }
    }
}

extension Verification.Result {
    /// What is said after the differences.
    func text(_ repairs: [RepairRequests.Outcome], isRepair: Bool) -> [String] {
        var lines: [String] = []
        let untold = findings.total - findings.told.count
        if untold > 0 { lines.append("… and \(untold) more") }
        lines += findings.notes.map { "note: \($0)" }
        lines += repairs.map { repair in
            let detail = repair.detail.map { ": \($0)" } ?? ""
            return "\(repair.outcome): projection \(repair.group.projection): \(names[repair.group.tenant]) "
                + "\(repair.group.group)\(detail)"
        }
        if isRepair {
            if findings.groups.count == Findings.mostRepaired {
                lines.append("no more than \(Findings.mostRepaired) groups are repaired at once: consider a rebuild")
            }
            if findings.hasOthers { lines.append(Self.notMine) }
        }
        lines.append(summary)
        return lines
    }

    private static let notMine = """
        not mended: the log, the operational tables, the claims and the checkpoints are not verify's to mend. Only append \
        writes them, and decisions are made from them: find out who changed them, then restore them from a backup \
        (the runbook's section on verify says how)
        """

    private var summary: String {
        var parts = ["\(events) events"]
        if streams > 0 { parts.append("\(streams) streams") }
        parts += groups.map { "\($0.count) groups of \($0.projection)" }
        let checked = "\(parts.joined(separator: ", ")), up to position \(head)"
        switch findings.total {
        case 0: return "nothing differs: \(checked)"
        case 1: return "1 difference: \(checked)"
        default: return "\(findings.total) differences: \(checked)"
        }
    }

    func json(_ repairs: [RepairRequests.Outcome]) -> JSONValue {
        [
            "position": JSONValue(Int(head)), "events": JSONValue(events), "streams": JSONValue(streams),
            "groups": .object(JSONObject(groups.map { ($0.projection, JSONValue($0.count)) })),
            "differences": JSONValue(findings.total), "told": .array(findings.told.map { $0.json(names) }),
            "notes": .array(findings.notes.map { .string($0) }),
            "repairs": .array(
                repairs.map { repair in
                    [
                        "projection": .string(repair.group.projection),
                        "tenant": .string(names[repair.group.tenant]), "group": .string("\(repair.group.group)"),
                        "outcome": .string(repair.outcome), "detail": repair.detail.map { .string($0) } ?? .null,
                    ]
                }),
        ]
    }
}
