import Edge
import EventSourcing
import Foundation
import NIOCore
import Testing

@testable import Query

/// Kept answers without a service.
enum Hot {
    static let tenants = (1...3).map { TenantID(UUID(bits: UInt128($0))) }

    static func key(_ target: String, _ tenant: Int = 0) -> HotKey {
        HotKey(tenant: tenants[tenant], visibility: .full, takesGzip: false, target: target)
    }

    static func subject(_ id: UUID?, _ tenant: Int = 0, _ projection: Projection = .items) -> HotSubject {
        HotSubject(projection: projection, tenant: tenants[tenant], id: id)
    }

    static func entry(_ subject: HotSubject, bytes: Int = 100) -> HotEntry {
        HotEntry(
            subject: subject, tag: nil,
            found: FinishedResponse(
                status: 200, fields: FieldBlock(), body: ByteBuffer(repeating: 32, count: bytes)), notModified: nil)
    }

    static func change(_ id: UUID?, _ tenant: Int = 0, _ projection: Projection = .items) -> HotChange {
        HotChange(projection: projection, tenant: tenants[tenant], id: id)
    }
}

@Suite struct HotShardTests {
    @Test func `a changed row takes its own answers and its tenant's lists with it, and nothing else`() {
        var shard = HotShard(limit: 1 << 20)
        let (coat, hat) = (UUID(), UUID())
        shard.insert(Hot.entry(Hot.subject(coat)), for: Hot.key("coat"))
        shard.insert(Hot.entry(Hot.subject(coat)), for: Hot.key("coat?again"))
        shard.insert(Hot.entry(Hot.subject(hat)), for: Hot.key("hat"))
        shard.insert(Hot.entry(Hot.subject(nil)), for: Hot.key("list"))
        shard.insert(Hot.entry(Hot.subject(coat, 1)), for: Hot.key("coat", 1))
        shard.insert(Hot.entry(Hot.subject(coat, 0, .listings)), for: Hot.key("listing"))

        shard.drop(Hot.change(coat))
        let kept = ["coat", "coat?again", "hat", "list", "listing"].filter { shard.find(Hot.key($0)) != nil }
        #expect(kept == ["hat", "listing"])
        #expect(shard.find(Hot.key("coat", 1)) != nil)

        shard.drop(Hot.change(nil))
        #expect(shard.find(Hot.key("hat")) == nil)
        #expect(shard.count == 2)
        shard.dropAll(of: .items)
        #expect(shard.count == 1)
        shard.dropAll(of: .listings)
        #expect(shard.count == 0 && shard.bytes == 0)
    }

    @Test func `it never holds more than its limit, and an answer that would fill it is not taken`() {
        var shard = HotShard(limit: 100_000)
        for number in 0..<1000 {
            shard.insert(Hot.entry(Hot.subject(UUID()), bytes: 100 + number), for: Hot.key("\(number)"))
            #expect(shard.bytes <= 100_000)
        }
        #expect(shard.count > 20 && shard.evicted > 0)
        let count = shard.count
        shard.insert(Hot.entry(Hot.subject(UUID()), bytes: 20_000), for: Hot.key("large"))
        #expect(shard.find(Hot.key("large")) == nil)
        #expect(shard.count == count)
    }

    @Test func `texts that Swift calls equal are different keys`() {
        var shard = HotShard(limit: 1 << 20)
        for (one, other) in [("?category=\u{212A}urtki", "?category=Kurtki"), ("?q=caf\u{E9}", "?q=cafe\u{301}")] {
            #expect(one == other)
            shard.insert(Hot.entry(Hot.subject(nil)), for: Hot.key(one))
            #expect(shard.find(Hot.key(one)) != nil)
            #expect(shard.find(Hot.key(other)) == nil)
        }
    }

    @Test func `what is asked for is counted as well as what is answered`() {
        var shard = HotShard(limit: 100_000)
        for number in 0..<200 {
            shard.insert(
                Hot.entry(Hot.subject(nil)), for: Hot.key("?" + String(repeating: "&", count: 5_000) + "\(number)"))
            #expect(shard.bytes <= 100_000)
            #expect(shard.count <= 20)
        }
        #expect(shard.count > 10)
    }

    @Test func `of many that show the same row each can leave`() {
        var shard = HotShard(limit: 100_000)
        let coat = UUID()
        for number in 0..<1_000 { shard.insert(Hot.entry(Hot.subject(coat)), for: Hot.key("coat?\(number)")) }
        #expect(shard.evicted > 0 && shard.count > 10)
        shard.drop(Hot.change(coat))
        #expect(shard.count == 0 && shard.bytes == 0)
    }

    @Test func `a reader of everything does not drive out what many ask for`() {
        var shard = HotShard(limit: 100_000)
        let wanted = (0..<50).map { Hot.key("wanted \($0)") }
        for key in wanted { shard.insert(Hot.entry(Hot.subject(UUID())), for: key) }
        for key in wanted { _ = shard.find(key) }
        for number in 0..<10_000 {
            shard.insert(Hot.entry(Hot.subject(UUID())), for: Hot.key("scan \(number)"))
            if number % 20 == 0 { for key in wanted { _ = shard.find(key) } }
        }
        let left = wanted.count { shard.find($0) != nil }
        #expect(left == wanted.count)
    }

    @Test func `whoever comes back after leaving on probation stays`() {
        var shard = HotShard(limit: 100_000)
        let key = Hot.key("back")
        shard.insert(Hot.entry(Hot.subject(UUID())), for: key)
        var number = 0
        while shard.find(key) != nil {
            // A hit would be merit: only look whether it is there once it cannot be.
            for _ in 0..<200 {
                shard.insert(Hot.entry(Hot.subject(UUID())), for: Hot.key("other \(number)"))
                number += 1
            }
            if number > 10_000 { break }
        }
        shard.insert(Hot.entry(Hot.subject(UUID())), for: key)
        for other in 0..<60 { shard.insert(Hot.entry(Hot.subject(UUID())), for: Hot.key("later \(other)")) }
        #expect(shard.find(key) != nil)
    }

    @Test(arguments: 0..<20) func `whatever happens, what was dropped is gone and the sums are right`(seed: UInt64) {
        var random = Numbers(seed)
        var shard = HotShard(limit: 40_000)
        let rows = (0..<6).map { UUID(bits: UInt128($0 + 100)) }
        var valid: Set<HotKey> = []
        var subjects: [HotKey: HotSubject] = [:]
        for _ in 0..<3000 {
            let tenant = random.next(below: 3)
            let projection: Projection = random.next(below: 2) == 0 ? .items : .listings
            let id = random.next(below: 4) == 0 ? nil : rows[random.next(below: rows.count)]
            let key = Hot.key("\(projection) \(id?.text ?? "list") \(random.next(below: 3))", tenant)
            switch random.next(below: 10) {
            case 0:
                let changed = random.next(below: 3) == 0 ? nil : rows[random.next(below: rows.count)]
                shard.drop(Hot.change(changed, tenant, projection))
                valid = valid.filter { key in
                    guard let subject = subjects[key] else { return true }
                    let isMeant =
                        subject.projection == projection && subject.tenant == Hot.tenants[tenant]
                        && (subject.id == nil || changed == nil || subject.id == changed)
                    return !isMeant
                }
            case 1..<5:
                let subject = Hot.subject(id, tenant, projection)
                shard.insert(Hot.entry(subject, bytes: 50 + random.next(below: 900)), for: key)
                subjects[key] = subject
                valid.insert(key)
            default:
                if let entry = shard.find(key) {
                    #expect(valid.contains(key))
                    #expect(entry.subject == subjects[key])
                }
            }
            #expect(shard.bytes <= 40_000)
        }
        for projection in Projection.allCases { shard.dropAll(of: projection) }
        #expect(shard.count == 0 && shard.bytes == 0)
    }
}

/// SplitMix64: the same numbers for the same seed.
struct Numbers {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next(below bound: Int) -> Int {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return Int((z ^ (z >> 31)) % UInt64(bound))
    }
}
