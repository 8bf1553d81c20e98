import Documents
import EventSourcing
import Events
import Foundation
import JSON
import Testing

@Suite struct `A decision that rules made` {
    private let subject = TypeID(prefix: "contract", uuid: UUID(bits: 7))
    private let time = Timestamp(rfc3339: "2026-03-10T11:00:00Z")!

    private func record(_ inputs: JSONObject = [:]) throws -> DecisionRecord {
        let made = DecisionMade(
            kind: .readiness, subject: subject, itemID: UUID(bits: 8), outcome: "not_ready", inputs: inputs,
            rules: [
                RuleOutcome("is_signed", held: false, reason: "nobody has signed"),
                RuleOutcome(
                    "terms_are_set", held: true, reason: "they are",
                    evidence: [EventLink("contract", subject.uuid, at: 2)]),
            ])
        return try #require(DecisionRecord(begins: .made(made), id: UUID(bits: 9), at: time))
    }

    @Test func `is found by its subject, its item and its kind`() throws {
        let record = try record()
        #expect(DecisionRecord.filters.map(\.name) == ["subject", "item_id", "kind"])
        #expect(
            DecisionRecord.filters.map { $0.value(record) } == [
                subject.description, TypeID(prefix: "item", uuid: UUID(bits: 8)).description, "readiness",
            ])
    }

    @Test func `is read back as it was, and the order of its inputs does not count`() throws {
        let record = try record(["b": .number("1.50e1"), "a": ["d": 1, "c": 2]])
        let stored = try DecisionRecord(stored: record.bytes)
        #expect(stored == record)
        #expect(stored.bytes == record.bytes)
        #expect(try self.record(["a": ["c": 2, "d": 1], "b": .number("15.0")]).document == record.document)
    }

    @Test func `shows what each rule said, and the events that it rests on`() throws {
        let document = try JSONValue(parsing: try record().document)
        #expect(document["subject"]?.stringValue == subject.description)
        #expect(document["inputs"] == [:])
        #expect(document["rules"]?[0]?["held"] == false)
        #expect(document["rules"]?[0]?["events"] == nil)
        #expect(
            document["rules"]?[1]?["events"] == [["stream": .string(subject.description), "version": 2]])
    }
}
