import EventSourcing
import Foundation
import Testing

@Suite struct `Position tokens` {
    private let token = PositionToken(
        shard: "main", epoch: 7, tenant: TenantID(UUID(uuidString: "01890a5d-ac96-774b-bcce-b302099a8057")!),
        position: 123_456)

    @Test func `a token comes back as it was`() {
        #expect(PositionToken(token.text) == token)
        for epoch in [Int64.min, -1, 0, .max] {
            for position in [Int64](arrayLiteral: 0, 1, .max) {
                for shard in ["m", "main", String(repeating: "s", count: 63), "zażółć"] {
                    let token = PositionToken(shard: shard, epoch: epoch, tenant: token.tenant, position: position)
                    #expect(PositionToken(token.text) == token)
                }
            }
        }
    }

    @Test func `its text is stable, and fit for a header`() {
        #expect(token.text == "AQAAAAAAAAAHAYkKXayWd0u8zrMCCZqAVwAAAAAAAeJAbWFpbuHGLEs")
        #expect(token.text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F })
    }

    @Test func `every damage is noticed`() {
        let text = Array(token.text.utf8)
        for index in text.indices {
            for byte in (0x20 as UInt8)..<0x7F where byte != text[index] {
                var damaged = text
                damaged[index] = byte
                #expect(PositionToken(String(decoding: damaged, as: UTF8.self)) == nil)
            }
            #expect(PositionToken(String(decoding: text[..<index], as: UTF8.self)) == nil)
        }
        for extra in ["A", "AA", "=", " ", "\u{0}"] { #expect(PositionToken(token.text + extra) == nil) }
    }

    @Test func `garbage is refused`() {
        for text in ["", "0", "-1", "12345", "AAAA", "null", "ł", String(repeating: "A", count: 10_000)] {
            #expect(PositionToken(text) == nil)
        }
    }
}

@Suite struct `Base64url` {
    @Test func `the vectors of RFC 4648`() {
        for (plain, text) in [
            ("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"), ("fooba", "Zm9vYmE"),
            ("foobar", "Zm9vYmFy"),
        ] {
            #expect(Base64URL.encode(Array(plain.utf8)) == text)
            #expect(Base64URL.decode(text.utf8) == Array(plain.utf8))
        }
        #expect(Base64URL.encode([0xFB, 0xFF]) == "-_8")
    }

    @Test(arguments: ["Z", "Zg=", "Zg==", "Zh", "Zm9", "+_8", "/w", "Zm9v Zg", "Zm9vY"])
    func `there is one text for each value`(text: String) {
        #expect(Base64URL.decode(text.utf8) == nil)
    }
}
