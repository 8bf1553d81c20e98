import Documents
import EventSourcing
import Foundation
import JSON
import Testing

@Suite struct `Searchable text` {
    @Test(arguments: [
        ("Żakiet", ["zakiet"]), ("ZAŻÓŁĆ GĘŚLĄ JAŹŃ", ["zazolc", "gesla", "jazn"]), ("łódź", ["lodz"]),
        ("Straße STRASSE ẞ", ["strasse", "strasse", "ss"]), ("Ærø œuvre Øresund", ["aero", "oeuvre", "oresund"]),
        ("crème brûlée", ["creme", "brulee"]), ("Čapek Dvořák", ["capek", "dvorak"]),
        ("İstanbul ılık", ["istanbul", "ilik"]),
        ("Đorđe Þór Ħal", ["dorde", "thor", "hal"]), ("Levi's Levi’s LEVIS", ["levis", "levis", "levis"]),
        ("T-shirt, size 38/40 (M)", ["t", "shirt", "size", "38", "40", "m"]), ("ﬁne ２５ Ⅳ", ["fine", "25", "iv"]),
        ("ΟΔΟΣ οδός", ["οδοσ", "οδοσ"]), ("Ёлка", ["елка"]), ("naïve\u{AD}té", ["naivete"]), ("😀 !? —", []), ("", []),
        ("x\u{0}y\ny", ["x", "y", "y"]), ("a\u{301}b", ["ab"]), ("coat", ["coat"]), ("A&B", ["a", "b"]),
    ])
    func `text is folded to plain words`(text: String, words: [String]) {
        #expect(SearchText.fold(text) == words.map { $0.decomposedStringWithCompatibilityMapping })
    }

    @Test func `folding what is folded changes nothing, whatever the text`() {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<2000 {
            var text = ""
            for _ in 0..<30 {
                let limit: UInt32 = [0x80, 0x250, 0x600, 0x2100, 0x110000].randomElement(using: &generator)!
                if let scalar = Unicode.Scalar(UInt32.random(in: 0..<limit, using: &generator)) {
                    text.unicodeScalars.append(scalar)
                }
            }
            let words = SearchText.fold(text)
            #expect(SearchText.fold(words.joined(separator: " ")) == words, "\(Array(text.unicodeScalars))")
            #expect(words.allSatisfy { !$0.isEmpty && $0.utf8.count <= 100 && !$0.utf8.contains(0) })
        }
    }

    @Test func `a long word is cut, between characters`() {
        #expect(SearchText.fold(String(repeating: "a", count: 500)) == [String(repeating: "a", count: 100)])
        let wide = SearchText.fold("a" + String(repeating: "я", count: 500))
        #expect(wide == ["a" + String(repeating: "я", count: 49)])
    }

    @Test func `an item is found by all that a storefront may see, and by nothing else`() {
        var item = Sample.item
        item.apply(["description": "Ciepły, z kieszeniami", "color": "czarny", "material": "wełna"])
        let words = SearchText.words(of: item)
        for word in ["plaszcz", "zima", "max", "mara", "coats", "38", "czarny", "welna", "cieply", "wool", "long"] {
            #expect(words.contains(word), "\(word)")
        }
        for word in ["mm", "1", "a7", "shelf", "very"] { #expect(!words.contains(word), "\(word)") }
        #expect(words == Array(Set(words)).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) })
    }

    @Test func `there is a bound to the words of an item`() {
        var item = Sample.item
        item.apply(["description": .string((0..<50_000).map { "w\($0)" }.joined(separator: " "))])
        #expect(SearchText.words(of: item).count == 4000)
        #expect(SearchText.words(of: item).contains("plaszcz"))
    }

    @Test(arguments: [
        ("zakiet", "'zakiet':*"), ("Żakiet CZARN", "'zakiet':* & 'czarn':*"), ("a a A", "'a':*"),
        ("it's 5:* | !b & (c)", "'its':* & '5':* & 'b':* & 'c':*"), ("\\'; DROP", "'drop':*"),
    ])
    func `a query asks for the beginnings of words`(q: String, query: String) {
        #expect(SearchText.search(q)?.query == query)
    }

    @Test func `a query without words finds nothing`() {
        for q in ["", "   ", "!?", "'", "\\", "\u{0}"] { #expect(SearchText.search(q) == nil) }
    }

    @Test func `a query of many words is cut`() {
        let query = SearchText.search((0..<100).map { "w\($0)" }.joined(separator: " "))?.query
        #expect(query?.components(separatedBy: " & ").count == 16)
    }
}
