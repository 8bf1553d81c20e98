import Documents
import Events
import JSON

/// Which line of a file goes when, so that what becomes of each does not depend on what runs beside it.
///
/// - Lines that share a variant's key or an SKU go in the file's order.
/// - A line whose SKU another item holds waits for the end of the file, as the holder may give it up further down; so
///   does every later line that shares a key or an SKU with one that waits.
/// - A variant that stands in the file twice is taken from the first line that is not rejected.
struct ImportTurns: Sendable {
    enum Turn: Equatable, Sendable {
        case now
        /// After the rest of the file.
        case later
        /// Never: that line has the variant.
        case taken(by: Int)
    }

    /// Lines that wait, in the file's order.
    private(set) var waiting: [ImportLine] = []
    private var awaited: Set<Name> = []
    /// Lines that were rejected, and the line that has their variant.
    private var rejected: [Int: Holder] = [:]

    /// What only one item can have.
    private enum Name: Hashable { case key(String), sku(String) }
    private enum Holder { case none, line(Int) }

    /// What is beyond is not waited for.
    static let limit = 10_000

    /// Lines of a batch that may go together, and after them the next.
    static func waves(_ lines: [ImportLine]) -> [[ImportLine]] {
        var waves: [[ImportLine]] = []
        var next: [Name: Int] = [:]
        for line in lines {
            let names = names(of: line)
            let wave = names.compactMap { next[$0] }.max() ?? 0
            for name in names { next[name] = wave + 1 }
            if wave == waves.count { waves.append([]) }
            waves[wave].append(line)
        }
        return waves
    }

    func turn(of line: ImportLine) -> Turn {
        guard case .variant(let variant) = line.content else { return .now }
        if awaited.contains(.key(variant.key)) { return .later }
        if let holder = holder(of: line) { return .taken(by: holder) }
        return Self.names(of: line).contains { awaited.contains($0) } ? .later : .now
    }

    /// Whether a line may still wait.
    mutating func wait(_ line: ImportLine) -> Bool {
        guard waiting.count < Self.limit else { return false }
        waiting.append(line)
        awaited.formUnion(Self.names(of: line))
        return true
    }

    /// Call in the file's order for lines of the same variant.
    mutating func end(_ line: ImportLine, _ outcome: ImportOutcome) {
        guard outcome == .rejected, case .variant = line.content else { return }
        rejected[line.number] = holder(of: line).map(Holder.line) ?? Holder.none
    }

    /// Of those that wait the ones that no earlier one is to go before. They wait no more: the caller ends each, or
    /// has it wait again.
    mutating func next() -> [ImportLine] {
        let lines = waiting.sorted { $0.number < $1.number }
        var seen: Set<Name> = []
        (waiting, awaited) = ([], [])
        var next: [ImportLine] = []
        for line in lines {
            let names = Self.names(of: line)
            if seen.isDisjoint(with: names) { next.append(line) } else { _ = wait(line) }
            seen.formUnion(names)
        }
        return next
    }

    /// All that wait, in the file's order; none waits any more.
    mutating func last() -> [ImportLine] {
        defer { (waiting, awaited) = ([], []) }
        return waiting.sorted { $0.number < $1.number }
    }

    /// The earlier line that has the line's variant.
    func holder(of line: ImportLine) -> Int? {
        guard case .variant(let variant) = line.content, let earlier = variant.earlier else { return nil }
        switch rejected[earlier] {
        case nil: return earlier
        case .some(.none): return nil
        case .some(.line(let line)): return line
        }
    }

    private static func names(of line: ImportLine) -> [Name] {
        guard case .variant(let variant) = line.content else { return [] }
        let sku = variant.values[ItemField.sku.rawValue]?.stringValue
        return [.key(variant.key)] + (sku.map { [.sku($0)] } ?? [])
    }
}
