import Documents
import JSON
import Testing

@testable import Command

@Suite struct ImportTurnsTests {
    @Test func `lines that share a key or an SKU go one after another, all others together`() {
        let lines = [
            line(2, "a", sku: "1"), line(3, "b", sku: "2"), line(4, "c", sku: "1"), line(5, "b", sku: "1"),
            line(6, "d"), Command.ImportLine(number: 7, content: .noted("a photo")),
        ]
        #expect(ImportTurns.waves(lines).map { $0.map(\.number) } == [[2, 3, 6, 7], [4], [5]])
        #expect(ImportTurns.waves([]).isEmpty)
    }

    @Test func `a variant is taken from the first line that is not rejected`() {
        var turns = ImportTurns()
        let lines = [line(2, "a"), line(3, "a", earlier: 2), line(4, "a", earlier: 3), line(5, "a", earlier: 4)]
        #expect(turns.turn(of: lines[0]) == .now)
        turns.end(lines[0], .rejected)
        #expect(turns.turn(of: lines[1]) == .now)
        turns.end(lines[1], .created)
        for line in lines[2...] {
            #expect(turns.turn(of: line) == .taken(by: 3))
            turns.end(line, .rejected)
        }
    }

    @Test func `what shares a name with a line that waits waits too, and others do not`() {
        var turns = ImportTurns()
        _ = turns.wait(line(2, "a", sku: "1"))
        #expect(turns.turn(of: line(3, "b", sku: "1")) == .later)
        #expect(turns.turn(of: line(4, "a", sku: "2", earlier: 2)) == .later)
        #expect(turns.turn(of: line(5, "c", sku: "2")) == .now)
    }

    @Test func `those that wait go in the file's order where they share a name`() {
        var turns = ImportTurns()
        let lines = [line(2, "a", sku: "1"), line(3, "b", sku: "1"), line(4, "c", sku: "3"), line(5, "d", sku: "3")]
        for line in [lines[2], lines[0], lines[1], lines[3]] { _ = turns.wait(line) }
        var next = turns.next()
        #expect(next.map(\.number) == [2, 4])
        turns.end(lines[0], .changed)
        _ = turns.wait(lines[2])
        next = turns.next()
        #expect(next.map(\.number) == [3, 4])
        next = turns.last()
        #expect(next.map(\.number) == [5])
        #expect(turns.waiting.isEmpty && turns.turn(of: lines[3]) == .now)
    }

    @Test func `no more wait than memory is for`() {
        var turns = ImportTurns()
        for number in 0..<ImportTurns.limit { _ = turns.wait(line(number, "\(number)")) }
        let waits = turns.wait(line(ImportTurns.limit, "x"))
        #expect(!waits && turns.waiting.count == ImportTurns.limit)
    }
}

private func line(_ number: Int, _ key: String, sku: String? = nil, earlier: Int? = nil) -> Command.ImportLine {
    Command.ImportLine(
        number: number,
        content: .variant(
            ImportVariant(
                key: key, values: ["sku": JSONValue(sku)], attributes: [:], price: pln(100), earlier: earlier,
                notes: [])))
}
