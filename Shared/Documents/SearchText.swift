import Foundation
import JSON

/// How text is made searchable: folded to plain lower-case words that match by their beginnings. Pure, and the same
/// everywhere: no locale takes part.
public enum SearchText {
    /// Longer words are cut, in texts and in queries alike, so they still meet.
    static let maximumWordLength = 100
    static let maximumWords = 4000
    static let maximumQueryWords = 16

    /// The words of a text, in order: lower case, without accents, compatibility forms resolved, Polish `ł` and its
    /// like as plain letters, `ß` as `ss`, `æ` as `ae`. Apostrophes vanish (`Levi's` is `levis`), everything else
    /// that is no letter or number separates.
    public static func fold(_ text: String) -> [String] {
        var words: [String] = []
        var word: [UInt8] = []
        func finish() {
            if !word.isEmpty { words.append(cut(word)) }
            word.removeAll(keepingCapacity: true)
        }
        func fold(_ ascii: UInt8) {
            switch ascii {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): word.append(ascii)
            case UInt8(ascii: "A")...UInt8(ascii: "Z"): word.append(ascii | 0x20)
            case UInt8(ascii: "'"): break
            default: finish()
            }
        }
        if text.utf8.allSatisfy({ $0 < 0x80 }) {
            for byte in text.utf8 { fold(byte) }
        } else {
            for scalar in text.decomposedStringWithCompatibilityMapping.unicodeScalars {
                if scalar.isASCII {
                    fold(UInt8(ascii: scalar))
                    continue
                }
                switch Letter(scalar) {
                case .text(let folded): word.append(contentsOf: folded.utf8)
                case .nothing: break
                case .separator: finish()
                }
            }
        }
        finish()
        return words
    }

    /// The distinct words by which an item, and so each of its listings, is found; sorted, ready for Postgres's
    /// `array_to_tsvector`. `sku` and `attributes.internal` are not among them, because a storefront must not find
    /// by what it may not see.
    public static func words(of item: ItemRecord) -> [String] {
        var texts = [item.title, item.brand, item.category, item.size, item.color, item.material].compactMap(\.self)
        for (name, value) in item.attributes where name != "internal" { texts += strings(in: value) }
        if let description = item.description { texts.append(description) }
        return words(of: texts)
    }

    /// The distinct words of texts, of the first ones where they are too many; sorted in the same way.
    public static func words(of texts: [String?]) -> [String] {
        var words = texts.flatMap { $0.map(fold) ?? [] }
        if words.count > maximumWords {
            var seen: Set<String> = []
            words = words.filter { seen.count < maximumWords && seen.insert($0).inserted }
        }
        words.sort(by: precedes)
        var distinct: [String] = []
        distinct.reserveCapacity(words.count)
        for word in words where word != distinct.last { distinct.append(word) }
        return distinct
    }

    /// By their bytes, as PostgreSQL sorts them.
    private static func precedes(_ left: String, _ right: String) -> Bool {
        let bytes = left.utf8.withContiguousStorageIfAvailable { left in
            right.utf8.withContiguousStorageIfAvailable { left.lexicographicallyPrecedes($0) }
        }
        return bytes.flatMap(\.self) ?? left.utf8.lexicographicallyPrecedes(right.utf8)
    }

    /// What `q` asks for; nil where it has no words: it finds nothing.
    public static func search(_ q: String) -> Search? {
        var words: [String] = []
        for word in fold(q) where !words.contains(word) {
            words.append(word)
            if words.count == maximumQueryWords { break }
        }
        return words.isEmpty ? nil : Search(words: words)
    }

    /// A search: it finds what has, for every one of its words, a word that begins with it.
    public struct Search: Equatable, Sendable {
        /// Folded; each once.
        public let words: [String]

        /// A `tsquery` text: `'zakiet':* & 'czarn':*`. To be cast, not parsed by `to_tsquery`.
        public var query: String {
            words.map { word in
                "'" + word.replacing("\\", with: "\\\\").replacing("'", with: "''") + "':*"
            }.joined(separator: " & ")
        }

        /// Whether it finds an item, and so each of its listings: what `query` says of the item's words.
        public func finds(_ item: ItemRecord) -> Bool { finds(words: SearchText.words(of: item)) }

        /// Whether each of its words begins one of these, which are folded.
        public func finds(words found: [String]) -> Bool {
            // Bytes, as PostgreSQL compares them, and not characters.
            words.allSatisfy { word in found.contains { $0.utf8.starts(with: word.utf8) } }
        }
    }

    private static func strings(in value: JSONValue) -> [String] {
        switch value {
        case .string(let text): [text]
        case .integer(let number): [String(number)]
        case .array(let elements): elements.flatMap(strings(in:))
        case .object(let object): object.members.flatMap { strings(in: $0.value) }
        case .null, .bool, .number: []
        }
    }

    /// Cut at the start of a character.
    private static func cut(_ word: [UInt8]) -> String {
        guard word.count > maximumWordLength else { return String(decoding: word, as: UTF8.self) }
        var end = maximumWordLength
        while word[end] & 0xC0 == 0x80 { end -= 1 }
        return String(decoding: word[..<end], as: UTF8.self)
    }
}

/// What a scalar of a decomposed text is for searching.
private enum Letter {
    case text(String)
    case nothing
    case separator

    init(_ scalar: Unicode.Scalar) {
        if let folded = Self.special[scalar] {
            self = .text(folded)
            return
        }
        switch scalar.value {
        case 0x2019, 0x02BC, 0xAD, 0x200B...0x200D, 0xFE00...0xFE0F: self = .nothing
        // Combining marks that are accents. Those of Indic scripts or kana are part of the letter and stay.
        case 0x0300...0x036F, 0x1AB0...0x1AFF, 0x1DC0...0x1DFF, 0x20D0...0x20FF, 0xFE20...0xFE2F: self = .nothing
        default:
            let properties = scalar.properties
            switch properties.generalCategory {
            case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .decimalNumber,
                .letterNumber, .otherNumber, .nonspacingMark, .spacingMark:
                let lower = properties.lowercaseMapping
                self = .text(lower.unicodeScalars.first.flatMap { Self.special[$0] } ?? lower)
            default: self = .separator
            }
        }
    }

    /// Letters that Unicode does not take apart, lower and upper case.
    private static let special: [Unicode.Scalar: String] = [
        "ł": "l", "Ł": "l", "ß": "ss", "ẞ": "ss", "ø": "o", "Ø": "o", "æ": "ae", "Æ": "ae", "œ": "oe", "Œ": "oe",
        "đ": "d", "Đ": "d", "ð": "d", "Ð": "d", "þ": "th", "Þ": "th", "ħ": "h", "Ħ": "h", "ı": "i", "ŋ": "n",
        "Ŋ": "n", "ŧ": "t", "Ŧ": "t", "ĸ": "k", "ς": "σ", "ə": "e", "Ə": "e",
    ]
}
