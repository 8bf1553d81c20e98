import EventSourcing
import Foundation
import PersonalData
import Testing

@testable import Query

@Suite struct ConsignorWordsTests {
    private let start = ContinuousClock.now
    private let shop = TenantID(UUID(bits: 1))
    private let other = TenantID(UUID(bits: 2))

    private func entries(_ count: Int, version: Int64 = 1) -> [UUID: ConsignorWords.Entry] {
        Dictionary(
            uniqueKeysWithValues: (0..<count).map { number in
                (UUID(bits: UInt128(100 + number)), .init(version: version, words: Personal(["anna"])))
            })
    }

    @Test func `what was opened is known to the tenant's next search, with its version, and to no other tenant`() {
        let words = ConsignorWords()
        words.keep(entries(2), of: shop, at: start)
        words.keep(entries(1, version: 7), of: shop, at: start)
        let known = words.known(of: shop, at: start)
        #expect(known.count == 2)
        #expect(known[UUID(bits: 100)]?.version == 7 && known[UUID(bits: 101)]?.version == 1)
        #expect(known[UUID(bits: 100)]?.words.reveal() == ["anna"])
        #expect(words.known(of: other, at: start).isEmpty)
    }

    @Test func `it is forgotten ten minutes after the tenant's last search`() {
        let words = ConsignorWords()
        words.keep(entries(1), of: shop, at: start)
        words.keep(entries(1), of: other, at: start)
        _ = words.known(of: other, at: start + .seconds(60))
        words.sweep(at: start + ConsignorWords.lifetime)
        #expect(words.known(of: shop, at: start + ConsignorWords.lifetime).isEmpty)
        #expect(words.known(of: other, at: start + .seconds(60)).count == 1)
        words.sweep(at: start + .seconds(60) + ConsignorWords.lifetime)
        #expect(words.known(of: other, at: start).isEmpty)
    }

    @Test func `there is room for so many, and those go that nobody has searched for longest`() {
        let words = ConsignorWords()
        words.keep(entries(1), of: shop, at: start)
        words.keep(entries(ConsignorWords.mostConsignors), of: other, at: start + .seconds(1))
        #expect(words.known(of: shop).isEmpty)
        #expect(words.known(of: other).count == ConsignorWords.mostConsignors)
        words.keep([UUID(bits: 1): .init(version: 1, words: Personal([]))], of: other, at: start + .seconds(2))
        #expect(words.known(of: other).isEmpty)
    }

    @Test func `no dump of a value shows a word`() {
        #expect(!"\(ConsignorWords.Entry(version: 1, words: Personal(["anna"])))".contains("anna"))
    }
}
