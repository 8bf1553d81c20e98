import Foundation
import JSON
import Postgres

/// One line of the table.
struct Row: Sendable {
    /// What was measured, in words.
    var what: String
    var ours: Double
    var unit: String
    /// What the peer does in the same run, and which peer it is.
    var theirs: Double?
    var peer: String?
    /// The marks, in the row's unit.
    var near: Double?
    var reach: Double?
    var isLessBetter = false
    /// More of what was seen: p50, p99.
    var note: String?

    init(
        _ what: String, ours: Double, unit: String, theirs: Double? = nil, peer: String? = nil, near: Double? = nil,
        reach: Double? = nil, isLessBetter: Bool = false, note: String? = nil
    ) {
        self.what = what
        self.ours = ours
        self.unit = unit
        self.theirs = theirs
        self.peer = peer
        self.near = near
        self.reach = reach
        self.isLessBetter = isLessBetter
        self.note = note
    }

    var ratio: Double? { theirs.map { ours / $0 } }

    /// Which mark it meets.
    var mark: String {
        func meets(_ goal: Double?) -> Bool { goal.map { isLessBetter ? ours <= $0 : ours >= $0 } ?? false }
        if meets(reach) { return "reach" }
        if meets(near) { return "near" }
        return near == nil && reach == nil ? "" : "short"
    }
}

/// What a table was measured on: figures without it say nothing.
struct Conditions: Sendable {
    var cores: Int
    var postgres: String
    var events: Int64
    var rounds: Int
    var seconds: Int

    init(_ instance: Instance, _ plan: Plan) async throws {
        cores = ProcessInfo.processInfo.activeProcessorCount
        postgres = try await instance.database.query("SHOW server_version")[0].decode(0, as: String.self)
        events = try await instance.head()
        rounds = plan.rounds
        seconds = plan.seconds
    }

    var text: String {
        "\(cores) cores for PostgreSQL \(postgres), services and load; \(events) events of \(Instance.tenants) tenants; "
            + "median of \(rounds), \(seconds) s each"
    }

    var json: JSONValue {
        [
            "cores": .number("\(cores)"), "postgres": .string(postgres), "events": .number("\(events)"),
            "tenants": .number("\(Instance.tenants)"), "rounds": .number("\(rounds)"), "seconds": .number("\(seconds)"),
        ]
    }
}

struct Table: Sendable {
    var conditions: Conditions?
    var rows: [Row] = []

    var text: String {
        (conditions.map { $0.text + "\n\n" } ?? "") + grid
    }

    private var grid: String {
        let header = ["what", "ours", "theirs", "ratio", "near", "reach", "met", "note"]
        let cells =
            [header]
            + rows.map { row in
                [
                    row.what, "\(Self.number(row.ours)) \(row.unit)",
                    row.theirs.map { "\(Self.number($0)) \(row.peer ?? "")" } ?? "", row.ratio.map(Self.ratio) ?? "",
                    row.near.map(Self.number) ?? "", row.reach.map(Self.number) ?? "", row.mark, row.note ?? "",
                ]
            }
        let widths = header.indices.map { column in cells.map { $0[column].count }.max() ?? 0 }
        return cells.map { row in
            let line = row.enumerated().map { index, cell in
                cell + String(repeating: " ", count: widths[index] - cell.count)
            }.joined(separator: "  ")
            return String(line.reversed().drop { $0 == " " }.reversed())
        }.joined(separator: "\n")
    }

    var json: String {
        let list: [JSONValue] = rows.map { row in
            [
                "what": .string(row.what), "unit": .string(row.unit), "ours": Self.value(row.ours),
                "theirs": row.theirs.map(Self.value) ?? .null, "peer": row.peer.map(JSONValue.string) ?? .null,
                "ratio": row.ratio.map { Self.value($0) } ?? .null, "near": row.near.map(Self.value) ?? .null,
                "reach": row.reach.map(Self.value) ?? .null, "met": .string(row.mark),
                "note": row.note.map(JSONValue.string) ?? .null,
            ]
        }
        let whole: JSONValue = ["conditions": conditions?.json ?? .null, "rows": .array(list)]
        return whole.text
    }

    private static func value(_ number: Double) -> JSONValue {
        number.isFinite ? .number(String((number * 1000).rounded() / 1000)) : .null
    }

    private static func ratio(_ number: Double) -> String { String(Int((number * 100).rounded())) + " %" }

    /// Whole from 100 on, with a decimal below.
    static func number(_ number: Double) -> String {
        guard number.isFinite else { return "?" }
        if number.magnitude >= 100 { return String(Int(number.rounded())) }
        return String((number * 10).rounded() / 10)
    }
}
