import Documents
import EventSourcing
import Foundation
import JSON
import Testing

@Suite struct `Import documents` {
    private var record: ImportRecord {
        ImportRecord(
            id: Sample.itemID, format: "shopify", currency: Currency(code: "PLN")!, publish: true, bytes: 1234,
            sha256: "secret", at: Sample.day(1))
    }
    private let correlation = UUID(uuidString: "01890a5d-ac96-774b-bcce-b302099a8060")!

    @Test func `a queued import has no lines and no counts`() {
        #expect(
            Sample.text(ImportDocument.bytes(record))
                == #"{"id":"import_01h455vb4pex5vsknk084sn02q","version":1,"status":"queued","format":"shopify","#
                + #""currency":"PLN","publish":true,"bytes":1234,"consignor_id":null,"counts":null,"reason":null,"#
                + #""created_at":"2026-01-01T10:00:00.000000Z","updated_at":"2026-01-01T10:00:00.000000Z","lines":[]}"#)
    }

    @Test func `lines tell what became of them`() throws {
        let lines = [
            ImportLine(
                line: 2, outcome: .created, itemID: Sample.itemID, listingID: Sample.listingID,
                correlationID: correlation),
            ImportLine(line: 3, outcome: .rejected, reason: "no \"price\"", correlationID: correlation),
        ]
        let document = try JSONValue(parsing: ImportDocument.bytes(record, lines: lines))
        #expect(
            document["lines"]?.text
                == #"[{"line":2,"outcome":"created","reason":null,"item_id":"item_01h455vb4pex5vsknk084sn02q","#
                + #""listing_id":"listing_01h455vb4pex5vsknk084sn02r","#
                + #""correlation_id":"01890a5d-ac96-774b-bcce-b302099a8060"},"#
                + #"{"line":3,"outcome":"rejected","reason":"no \"price\"","item_id":null,"listing_id":null,"#
                + #""correlation_id":"01890a5d-ac96-774b-bcce-b302099a8060"}]"#)
    }

    @Test(arguments: [1, 2, 3, 7, 1000])
    func `however it is taken, the pieces are the document`(every: Int) {
        let lines = (1...20).map { ImportLine(line: $0, outcome: .unchanged, correlationID: correlation) }
        var document = ImportDocument(record)
        var pieces: [UInt8] = []
        for line in lines {
            document.add(line)
            if line.line.isMultiple(of: every) { pieces += document.take() }
        }
        pieces += document.end()
        #expect(pieces == ImportDocument.bytes(record, lines: lines))
        #expect(document.count == 0)
    }

    @Test func `counts are the record's, or the caller's while it runs`() throws {
        var counted = ImportRecord.Counts()
        for outcome in ImportOutcome.allCases { counted[outcome] += 2 }
        #expect(counted.total == 10)
        let running = try JSONValue(parsing: ImportDocument.bytes(record, counts: counted))
        #expect(running["counts"] == ["created": 2, "changed": 2, "unchanged": 2, "rejected": 2, "noted": 2])
        var done = record
        done.counts = .init()
        #expect(try JSONValue(parsing: ImportDocument.bytes(done, counts: counted))["counts"]?["created"] == 0)
    }
}

@Suite struct `Event documents` {
    private func document(_ type: String, _ data: String) -> String? {
        let event = EventDocument(
            position: 42, type: type, stream: StreamID(category: "listing", id: Sample.listingID), version: 3,
            data: Array(data.utf8), actor: "operator-demo", correlationID: Sample.itemID, causationID: nil,
            commandID: Sample.otherListingID, recordedAt: Sample.day(1))
        return Sample.text(event.bytes)
    }

    @Test func `an event is shown with its place and its causes`() {
        #expect(
            document("ListingPaused", #"{"item_id": "x"}"#)
                == #"{"position":42,"type":"ListingPaused","category":"listing","#
                + #""stream_id":"listing_01h455vb4pex5vsknk084sn02r","version":3,"data":{"item_id": "x"},"#
                + #""actor":"operator-demo","correlation_id":"01890a5d-ac96-774b-bcce-b302099a8057","#
                + #""causation_id":null,"command_id":"01890a5d-ac96-774b-bcce-b302099a8059","#
                + #""recorded_at":"2026-01-01T10:00:00.000000Z"}"#)
    }

    @Test func `the hash of a key is never shown`() {
        #expect(document("KeyCreated", #"{"key_id":"k","hash":"abc"}"#)?.contains(#""data":{"key_id":"k"}"#) == true)
        #expect(document("KeyCreated", #"{"hash":"abc""#)?.contains(#""data":{}"#) == true)
    }
}
