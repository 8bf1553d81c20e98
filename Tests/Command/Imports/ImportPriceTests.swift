import EventSourcing
import Testing

@testable import Command

@Suite struct ImportPriceTests {
    @Test(arguments: [
        ("12.5", 1250), ("12,5", 1250), ("12.50", 1250), ("12,50", 1250), ("1200", 120_000), (" 50 ", 5000),
        ("1,234.50", 123_450), ("1.234,50", 123_450), ("1 234,50", 123_450), ("1\u{A0}234.50", 123_450),
        ("1'234.50", 123_450), ("1,234,567", 123_456_700), ("1.234.567", 123_456_700), ("1 234 567", 123_456_700),
        ("1,234,567.8", 123_456_780), ("0.01", 1), ("0,500", 50), ("12.5000", 1250), ("007", 700),
        ("90071992547409.92", 9_007_199_254_740_992),
    ])
    func `what can mean one thing is read`(text: String, amount: Int64) throws {
        #expect(try ImportPrice.read(text, zloty) == pln(amount))
    }

    @Test(arguments: ["1.234", "1,234", "12.500", "999,000"])
    func `what might group thousands or not is refused`(text: String) {
        #expect(throws: ImportPrice.Problem.ambiguous(text)) { try ImportPrice.read(text, zloty) }
    }

    @Test(arguments: [
        "abc", "12.", ".5", "1.2.3", "1,23.50", "1 23", "12,34,56", "1.234.5,0", "1,234.567,8", "$12", "12 PLN", "1e3",
        "+5", "١٢", "1\u{301}2", "--5", "12..5", "1 234 567.8.9", "12-5", "0x10", "½", "1,234 567",
    ])
    func `what is no number is refused`(text: String) {
        #expect(throws: ImportPrice.Problem.notANumber(text)) { try ImportPrice.read(text, zloty) }
    }

    @Test func `a price is above zero, in range, and has no more decimals than its currency`() {
        #expect(throws: ImportPrice.Problem.missing) { try ImportPrice.read("  ", zloty) }
        for text in ["0", "0.00", "-5", "-1,234.50", "\u{2212}5"] {
            #expect(throws: ImportPrice.Problem.notAbove(zero: text)) { try ImportPrice.read(text, zloty) }
        }
        for text in ["90071992547409.93", "99999999999999999999", String(repeating: "9", count: 1000)] {
            #expect(throws: ImportPrice.Problem.outOfRange(text)) { try ImportPrice.read(text, zloty) }
        }
        for text in ["12.345678", "1234.567", "0.001", "1,234.567"] {
            #expect(throws: ImportPrice.Problem.tooManyDecimals(text, zloty)) { try ImportPrice.read(text, zloty) }
        }
    }

    @Test func `currencies of no and of three decimals`() throws {
        #expect(try ImportPrice.read("1200", yen).amount == 1200)
        #expect(try ImportPrice.read("1200.00", yen).amount == 1200)
        #expect(throws: ImportPrice.Problem.ambiguous("1.200")) { try ImportPrice.read("1.200", yen) }
        #expect(throws: ImportPrice.Problem.tooManyDecimals("12.5", yen)) { try ImportPrice.read("12.5", yen) }
        // Shopify's own notation has a point before the decimals, so this one is certain; a comma is not.
        #expect(try ImportPrice.read("1.234", dinar).amount == 1234)
        #expect(throws: ImportPrice.Problem.ambiguous("1,234")) { try ImportPrice.read("1,234", dinar) }
    }

    @Test func `any text gives a price above zero or a reason`() {
        var random = SplitMix(seed: 3)
        let alphabet = Array("0123456789.,, '-\u{A0}")
        for _ in 0..<20_000 {
            let text = String(
                (0..<Int.random(in: 0...12, using: &random)).map { _ in alphabet.randomElement(using: &random) ?? "0" })
            do throws(ImportPrice.Problem) {
                let price = try ImportPrice.read(text, zloty)
                #expect(price.amount > 0)
                // Digits are never lost nor made: those of the amount are those of the text.
                #expect(text.filter(\.isNumber).trimmedZeros == String(price.amount).trimmedZeros, "\(text)")
            } catch {
                #expect(!error.reason.isEmpty)
            }
        }
    }
}

extension String {
    fileprivate var trimmedZeros: String {
        let digits = drop { $0 == "0" }
        return String(digits.reversed().drop { $0 == "0" }.reversed())
    }
}
