import Synchronization
import Testing

@testable import Operator

@Suite struct `The console` {
    private static func failed(_ failure: ToolFailure, interactive: Bool) -> String {
        let text = Captured()
        Console(out: { _ in }, err: { part in text.value.withLock { $0 += part } }, isInteractive: interactive)
            .fail(failure)
        return text.value.withLock { $0 }
    }

    private final class Captured: Sendable { let value = Mutex("") }

    @Test func `tells scripts a failure in one line`() {
        let failure = ToolFailure("Refused: two\nlines", details: ["/a: wrong", "/b: missing"])
        #expect(
            Self.failed(failure, interactive: false) == "closter: Refused: two; lines (/a: wrong; /b: missing)\n")
    }

    @Test func `gives people a line for each detail`() {
        let failure = ToolFailure("Refused", details: ["/a: wrong", "/b: missing"])
        #expect(Self.failed(failure, interactive: true) == "closter: Refused\n  /a: wrong\n  /b: missing\n")
    }

    @Test func `aligns the columns of a table`() {
        let text = Captured()
        Console(out: { part in text.value.withLock { $0 += part } }, err: { _ in })
            .table(["SLUG", "NAME"], [["a", "Ä Ö"], ["long-one", ""]])
        #expect(text.value.withLock { $0 } == "SLUG      NAME\na         Ä Ö\nlong-one\n")
    }
}

@Suite struct `Progress` {
    @Test func `has a bar where the end is known`() {
        let progress = Operator.Progress(label: "sending", done: 50, total: 200, unit: "KiB")
        #expect(
            progress.rendered(width: 80)
                == "sending  [##########------------------------------]   25 %  50 of 200 KiB")
    }

    @Test func `has a count where it is not`() {
        #expect(
            Operator.Progress(label: "importing", done: 7, total: nil, unit: "lines").rendered(width: 80)
                == "importing  7 lines")
    }

    @Test(arguments: 0...120, [0, 1, 3_000, 10_000_000])
    func `never is wider than the terminal`(width: Int, done: Int) {
        for total in [nil, 1, 10_000_000] {
            let text = Operator.Progress(label: "importing", done: done, total: total, unit: "lines").rendered(
                width: width)
            #expect(text.count <= max(width - 1, 0))
        }
    }
}

@Suite struct `Problem documents` {
    @Test func `are shown with title, detail and each field`() {
        let failure = ToolFailure(
            problem: Array(
                """
                {"type":"/problems/invalid","title":"Invalid fields","status":422,"detail":"2 fields are wrong",
                 "code":"invalid","correlation_id":"01900000-0000-7000-8000-000000000000",
                 "errors":[{"pointer":"/price","code":"type","detail":"must be an object"},
                           {"pointer":"","code":"too_many"}]}
                """.utf8), status: 422, from: "the command service")
        #expect(failure.message == "Invalid fields: 2 fields are wrong")
        #expect(
            failure.details == [
                "/price: must be an object", "too_many", "correlation 01900000-0000-7000-8000-000000000000",
            ])
        #expect(failure.status == 422 && failure.code == "invalid")
    }

    @Test func `of a rule say it once`() {
        let failure = ToolFailure(
            problem: Array(
                #"{"title":"Refused","detail":"it was sold","errors":[{"pointer":"","code":"x","detail":"it was sold"}]}"#
                    .utf8), status: 422, from: "the command service")
        #expect(failure.message == "Refused: it was sold")
        #expect(failure.details.isEmpty)
    }

    @Test(arguments: ["", "<html>", "[]", "{}"])
    func `that are none are named by their status`(body: String) {
        let failure = ToolFailure(problem: Array(body.utf8), status: 502, from: "the query service")
        #expect(failure.message == "the query service answered 502")
    }
}
