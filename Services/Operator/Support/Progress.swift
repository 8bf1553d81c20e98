/// How far something has come, as a line for a terminal.
struct Progress: Equatable, Sendable {
    var label: String
    var done: Int
    /// Nil while nobody knows: then there is a count and no bar.
    var total: Int?
    var unit: String

    /// `importing  [#########-----------]  45 %  90 of 200 lines`, never wider than the terminal.
    func rendered(width: Int) -> String {
        guard let total, total > 0 else { return String("\(label)  \(done) \(unit)".prefix(max(width - 1, 0))) }
        let share = min(max(Double(done) / Double(total), 0), 1)
        let percent = String(Int(share * 100))
        let tail = "  \(String(repeating: " ", count: 3 - percent.count))\(percent) %  \(done) of \(total) \(unit)"
        let room = min(width - 1 - label.count - tail.count - 4, 40)
        guard room >= 5 else { return String("\(label)\(tail)".prefix(max(width - 1, 0))) }
        let filled = Int(share * Double(room))
        let bar = String(repeating: "#", count: filled) + String(repeating: "-", count: room - filled)
        return "\(label)  [\(bar)]\(tail)"
    }
}
