import EventSourcing
import JSON
import Testing

@Suite struct `Money and currencies` {
    private let pln = Currency(code: "PLN")!

    @Test(arguments: [
        ("JPY", 0), ("PLN", 2), ("EUR", 2), ("KWD", 3), ("CLF", 4), ("UYW", 4), ("BHD", 3), ("ISK", 0), ("ZWG", 2),
        ("XCG", 2), ("MGA", 2),
    ])
    func `currencies have their minor units`(code: String, minorUnits: Int) {
        #expect(Currency(code: code)?.minorUnits == minorUnits)
    }

    @Test(arguments: ["", "pln", "PL", "PLNN", "XXX", "XAU", "DEM", "ABC", "PLŃ", " PLN"])
    func `what is not on the list is refused`(code: String) {
        #expect(Currency(code: code) == nil)
    }

    @Test func `the list is whole`() {
        #expect(Currency.codes.count == 165)
        #expect(Currency.codes.allSatisfy { $0.utf8.count == 3 && $0 == $0.uppercased() })
    }

    @Test func `amounts stay within two to the 53rd`() {
        let limit: Int64 = 9_007_199_254_740_992
        #expect(Money(amount: limit, currency: pln)?.amount == limit)
        #expect(Money(amount: -limit, currency: pln)?.amount == -limit)
        #expect(Money(amount: limit + 1, currency: pln) == nil)
        #expect(Money(amount: -limit - 1, currency: pln) == nil)
        #expect(Money(amount: .min, currency: pln) == nil)
    }

    @Test func `JSON is exactly amount and currency`() throws {
        let money = Money(amount: 12000, currency: pln)!
        #expect(money.json.text == #"{"amount":12000,"currency":"PLN"}"#)
        #expect(Money(json: money.json) == money)
        var writer = JSONWriter()
        writer.array {
            $0.money(money)
            $0.money(nil)
        }
        #expect(writer.text == #"[{"amount":12000,"currency":"PLN"},null]"#)
        for bad in [
            #"{"amount":120.0,"currency":"PLN"}"#, #"{"amount":"120","currency":"PLN"}"#, #"{"amount":1}"#,
            #"{"amount":1,"currency":"pln"}"#, #"{"amount":1,"currency":"PLN","x":1}"#, "120", "null",
            #"{"amount":9007199254740993,"currency":"PLN"}"#,
        ] {
            #expect(Money(json: try JSONValue(parsing: bad)) == nil, "\(bad)")
        }
    }

    @Test(
        arguments: [
            ("PLN", 12000, "120.00 PLN"), ("PLN", -5, "-0.05 PLN"), ("PLN", 0, "0.00 PLN"), ("JPY", 500, "500 JPY"),
            ("KWD", 1, "0.001 KWD"), ("CLF", 123_456, "12.3456 CLF"),
        ] as [(String, Int64, String)])
    func `logs show it in major units`(code: String, amount: Int64, text: String) {
        #expect(Money(amount: amount, currency: Currency(code: code)!)?.description == text)
    }
}
