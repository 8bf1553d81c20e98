import EventSourcing
import JSON

/// How a tenant's SKUs are made: text with `{seq}`, a number that each SKU has another of, and parts of the date.
///
/// `{yyyy}`, `{yy}`, `{mm}` are of the tenant's calendar on the day the SKU is given; `{seq:5}` has at least five digits,
/// with zeros before them, and more where the number has more. Numbers go on, whatever the date: what is printed on a label
/// is never given again.
struct SKUPattern: Equatable, Sendable {
    private enum Part: Equatable {
        case text(String)
        case year(digits: Int)
        case month
        case number(digits: Int)
    }

    /// As it was written.
    let text: String
    private let parts: [Part]

    static let limit = 60

    /// nil where it is none.
    init?(_ text: String) {
        guard (1...Self.limit).contains(text.utf8.count) else { return nil }
        var parts: [Part] = []
        var rest = text[...]
        while let first = rest.first {
            if first == "{" {
                guard let end = rest.firstIndex(of: "}"), let part = Self.placeholder(rest[..<end].dropFirst()) else {
                    return nil
                }
                parts.append(part)
                rest = rest[rest.index(after: end)...]
            } else {
                let plain = rest.prefix { $0 != "{" }
                guard plain.utf8.allSatisfy(Self.isPlain) else { return nil }
                parts.append(.text(String(plain)))
                rest = rest[plain.endIndex...]
            }
        }
        let numbers = parts.count { if case .number = $0 { true } else { false } }
        guard numbers == 1 else { return nil }
        self.text = text
        self.parts = parts
    }

    private static func placeholder(_ name: Substring) -> Part? {
        switch name {
        case "yyyy": return .year(digits: 4)
        case "yy": return .year(digits: 2)
        case "mm": return .month
        case "seq": return .number(digits: 1)
        default:
            guard name.hasPrefix("seq:"), let digits = Int(name.dropFirst(4)), (1...9).contains(digits) else {
                return nil
            }
            return .number(digits: digits)
        }
    }

    /// What scanners read and people can say: no white space, nothing that looks like a placeholder.
    private static func isPlain(_ byte: UInt8) -> Bool {
        (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
            || [UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "/")].contains(byte)
    }

    /// - Parameters:
    ///   - number: from 1.
    ///   - day: of the tenant's calendar.
    func sku(_ number: Int64, on day: (year: Int, month: Int)) -> String {
        parts.map { part in
            switch part {
            case .text(let text): text
            case .year(let digits): Self.padded(Int64(digits == 2 ? day.year % 100 : day.year), digits)
            case .month: Self.padded(Int64(day.month), 2)
            case .number(let digits): Self.padded(number, digits)
            }
        }.joined()
    }

    private static func padded(_ number: Int64, _ digits: Int) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(0, digits - text.count)) + text
    }

    static func read(_ value: JSONValue, _ pointer: String) throws(InvalidFields) -> SKUPattern {
        guard let pattern = SKUPattern(try Field.string(value, pointer)) else {
            throw .one(
                pointer, .invalid,
                "must be letters, digits and - _ . / with one {seq} or {seq:5}, and {yyyy}, {yy}, {mm} as wanted, like {yy}{mm}-{seq:5}"
            )
        }
        return pattern
    }
}
