import EventSourcing

/// Prices as people write them in spreadsheets. A price is read only where it can mean one thing; it is never guessed.
///
/// - A separator that stands once and is followed by as many digits as a decimal fraction can have, but not by three,
///   is the decimal one: `12.5`, `12,50`.
/// - A separator that stands once with exactly three digits behind it and one to three before might group thousands
///   or not: `1.234` is refused. Not so with a leading zero (`0.125`), nor with a point in a currency of three or
///   more decimals, where it is Shopify's own notation (`1.234 KWD`).
/// - Of two kinds of separators the last is the decimal one: `1,234.50`, `1.234,50`, `1 234,50`; what stands more than
///   once groups thousands: `1,234,567`. Groups must be whole.
/// - More decimals than the currency has must be zeros: `12.5000`.
enum ImportPrice {
    enum Problem: Error, Equatable {
        case missing
        case notAbove(zero: String)
        case ambiguous(String)
        case tooManyDecimals(String, Currency)
        case outOfRange(String)
        case notANumber(String)
    }

    static func read(_ text: String, _ currency: Currency) throws(Problem) -> Money {
        let text = text.trimmed
        guard !text.isEmpty else { throw .missing }
        let isNegative = text.first == "-" || text.first == "\u{2212}"
        let (whole, fraction) = try split(String(text.dropFirst(isNegative ? 1 : 0)), text, currency)
        guard fraction.dropFirst(currency.minorUnits).allSatisfy({ $0 == "0" }) else {
            throw .tooManyDecimals(text, currency)
        }
        let kept = fraction.prefix(currency.minorUnits)
        let padding = String(repeating: "0", count: currency.minorUnits - kept.count)
        let digits = (whole + kept + padding).drop { $0 == "0" }
        guard !isNegative, !digits.isEmpty else { throw .notAbove(zero: text) }
        guard let amount = Int64(digits), let money = Money(amount: amount, currency: currency) else {
            throw .outOfRange(text)
        }
        return money
    }

    /// The digits before and after the decimal separator.
    private static func split(
        _ number: String, _ source: String, _ currency: Currency
    ) throws(Problem) -> (whole: String, fraction: Substring) {
        let spaces: Set<Character> = [" ", "\u{A0}", "\u{202F}", "\u{2009}", "'", "\u{2019}"]
        let marks = number.filter { $0 == "." || $0 == "," }
        guard number.allSatisfy({ $0.isDigit || $0 == "." || $0 == "," || spaces.contains($0) }),
            number.first?.isDigit == true, number.last?.isDigit == true
        else { throw .notANumber(source) }
        let isGrouped = number.contains { spaces.contains($0) }

        guard let mark = marks.last, marks.count(where: { $0 == mark }) == 1 else {
            // No mark at all, or the same one again and again: whole units.
            guard Set(marks).count + (isGrouped ? 1 : 0) <= 1 else { throw .notANumber(source) }
            return (try grouped(Substring(number), source), "")
        }
        let parts = number.split(separator: mark, omittingEmptySubsequences: false)
        let (whole, fraction) = (parts[0], parts[1])
        guard fraction.allSatisfy(\.isDigit) else { throw .notANumber(source) }
        if marks.count == 1, !isGrouped {
            let couldGroup = fraction.count == 3 && whole.count <= 3 && whole.first != "0"
            let isShopifys = mark == "." && currency.minorUnits >= 3
            guard !couldGroup || isShopifys else { throw .ambiguous(source) }
        }
        return (try grouped(whole, source), fraction)
    }

    /// Whole units, with one kind of separator between groups of three, or none.
    private static func grouped(_ text: Substring, _ source: String) throws(Problem) -> String {
        let separators = Set(text.filter { !$0.isDigit })
        let groups = text.split(omittingEmptySubsequences: false) { !$0.isDigit }
        let areWhole =
            groups.count == 1
            || (separators.count == 1 && (1...3).contains(groups[0].count)
                && groups.dropFirst().allSatisfy { $0.count == 3 })
        guard areWhole else { throw .notANumber(source) }
        return groups.joined()
    }
}

extension ImportPrice.Problem {
    /// For the report; names the value.
    var reason: String {
        switch self {
        case .missing: "the price is missing"
        case .notAbove(let text): "the price \(text.quoted) is not above zero"
        case .ambiguous(let text):
            "the price \(text.quoted) is ambiguous: its separator may group thousands or begin the decimals"
        case .tooManyDecimals(let text, let currency):
            "the price \(text.quoted) has more decimals than \(currency), which has \(currency.minorUnits)"
        case .outOfRange(let text): "the price \(text.quoted) is too large"
        case .notANumber(let text): "the price \(text.quoted) is not a number"
        }
    }
}

extension Character {
    /// 0…9, and nothing that merely looks like a digit.
    fileprivate var isDigit: Bool { isASCII && isNumber }
}

extension String {
    /// In quotation marks and not too long, for messages.
    var quoted: String { count <= 40 ? "\"\(self)\"" : "\"\(prefix(40))…\"" }
}
