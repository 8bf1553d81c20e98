import Documents
import EventSourcing
import Events
import TestSupport
import Testing

@testable import Command

@Suite struct ImportTests {
    let request = Import.Request(format: "shopify", currency: zloty, publish: true, bytes: 10, sha256: "00")
    let requested = importFact(
        .requested(ImportRequested(format: "shopify", currency: zloty, publish: true, bytes: 10, sha256: "00")))
    let started = importFact(.started)
    let failed = importFact(.failed(ImportFailed(reason: "the file is empty")))
    let done = importFact(.completed(ImportCompleted(counts: .init(created: 2, rejected: 1))))
    var counts: ImportRecord.Counts {
        var counts = ImportRecord.Counts()
        (counts.created, counts.rejected) = (2, 1)
        return counts
    }

    @Test func `an import is in the tenant's currency`() {
        Given(Import.self)
            .when { [request] state throws(Import.Refused) in
                try Import.request(request, in: zloty, stamp, state)
            }
            .then(requested)
            .thenState { $0?.status == .queued && $0?.publish == true }
        Given(Import.self)
            .when { [request] state throws(Import.Refused) in
                try Import.request(request, in: euro, stamp, state)
            }
            .refuses(.currency(zloty, not: euro))
        #expect(Import.Refused.currency(zloty, not: euro).pointer == "/currency")
    }

    @Test func `it runs, also again after a killed service, and is done once`() {
        Given(Import.self, [requested]).when(start).then(started).thenState { $0?.status == .running }
        Given(Import.self, [requested, started]).when(start).thenNothing()
        Given(Import.self, [requested, started])
            .when { [counts] state throws(Import.Refused) in try Import.complete(counts, stamp, state) }
            .then(done)
            .thenState { $0?.status == .done && $0?.counts == counts && $0?.version == 3 }
        Given(Import.self, [requested, started, done]).when(start).refuses(.over)
    }

    @Test func `it fails with a reason`() {
        Given(Import.self, [requested, started]).when(fail).then(failed)
            .thenState { $0?.status == .failed && $0?.reason == "the file is empty" }
        Given(Import.self, [requested, done]).when(fail).refuses(.over)
        Given(Import.self, [requested, failed])
            .when { [counts] state throws(Import.Refused) in try Import.complete(counts, stamp, state) }
            .refuses(.over)
        Given(Import.self).when(start).refuses(.unknown)
    }

    @Test func `the stored state is read back`() throws {
        let state = Import.fold([requested, started, done])
        #expect(try Import.decode(Import.encode(state)) == state)
    }

    private func start(_ state: Import.State) throws(Import.Refused) -> [Import.Event] {
        try Import.start(stamp, state)
    }

    private func fail(_ state: Import.State) throws(Import.Refused) -> [Import.Event] {
        try Import.fail("the file is empty", stamp, state)
    }
}

private func importFact(_ event: ImportEvent) -> Import.Event { Fact(id: itemID, at: noon, event: event) }
