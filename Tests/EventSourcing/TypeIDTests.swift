import EventSourcing
import Foundation
import Testing

/// The public test vectors of the TypeID specification 0.3.
@Suite struct `Type identifiers` {
    @Test(arguments: [
        ("00000000000000000000000000", "", "00000000-0000-0000-0000-000000000000"),
        ("00000000000000000000000001", "", "00000000-0000-0000-0000-000000000001"),
        ("0000000000000000000000000a", "", "00000000-0000-0000-0000-00000000000a"),
        ("0000000000000000000000000g", "", "00000000-0000-0000-0000-000000000010"),
        ("00000000000000000000000010", "", "00000000-0000-0000-0000-000000000020"),
        ("7zzzzzzzzzzzzzzzzzzzzzzzzz", "", "ffffffff-ffff-ffff-ffff-ffffffffffff"),
        ("prefix_0123456789abcdefghjkmnpqrs", "prefix", "0110c853-1d09-52d8-d73e-1194e95b5f19"),
        ("prefix_01h455vb4pex5vsknk084sn02q", "prefix", "01890a5d-ac96-774b-bcce-b302099a8057"),
        ("pre_fix_00000000000000000000000000", "pre_fix", "00000000-0000-0000-0000-000000000000"),
    ])
    func `valid ones are read and written`(text: String, prefix: String, uuid: String) throws {
        let id = try #require(TypeID(text))
        #expect(id.prefix == prefix)
        #expect(id.uuid == UUID(uuidString: uuid))
        #expect(id.description == text)
        #expect(TypeID(prefix: prefix, uuid: id.uuid) == id)
    }

    @Test(arguments: [
        "PREFIX_00000000000000000000000000", "12345_00000000000000000000000000", "pre.fix_00000000000000000000000000",
        "préfix_00000000000000000000000000", "  prefix_00000000000000000000000000",
        "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijkl_00000000000000000000000000",
        "_00000000000000000000000000", "_", "prefix_1234567890123456789012345", "prefix_123456789012345678901234567",
        "prefix_1234567890123456789012345 ", "prefix_0123456789ABCDEFGHJKMNPQRS", "prefix_123456789-123456789-123456",
        "prefix_ooooooiiiiiiuuuuuuulllllll", "prefix_i23456789ol23456789oi23456",
        "prefix_123456789-0123456789-0123456", "prefix_8zzzzzzzzzzzzzzzzzzzzzzzzz",
        "_prefix_00000000000000000000000000", "prefix__00000000000000000000000000",
        "", "prefix", "prefix_", "prefix00000000000000000000000000", "prefix_0000000000000000000000000ł",
        "pre\u{0}fix_00000000000000000000000000", "prefix_00000000000000000000000000\n", "８zzzzzzzzzzzzzzzzzzzzzzzzz",
    ])
    func `invalid ones are refused`(text: String) {
        #expect(TypeID(text) == nil)
    }

    @Test func `the longest prefix has 63 characters`() {
        let prefix = String(repeating: "a", count: 63)
        #expect(TypeID("\(prefix)_7zzzzzzzzzzzzzzzzzzzzzzzzz")?.prefix == prefix)
    }

    @Test func `another prefix is not taken for ours`() {
        let text = "item_01h455vb4pex5vsknk084sn02q"
        #expect(TypeID.uuid(of: text, prefix: "item") == UUID(uuidString: "01890a5d-ac96-774b-bcce-b302099a8057"))
        #expect(TypeID.uuid(of: text, prefix: "listing") == nil)
        #expect(TypeID.uuid(of: "item", prefix: "item") == nil)
    }

    @Test func `any UUID comes back`() {
        for _ in 0..<1000 {
            let uuid = UUID()
            #expect(TypeID(TypeID(prefix: "item", uuid: uuid).description)?.uuid == uuid)
            #expect(uuid.text == uuid.uuidString.lowercased())
            #expect(UUID(bits: uuid.bits) == uuid)
        }
    }
}

@Suite struct `Time-ordered identifiers` {
    @Test func `the example of RFC 9562 is made from its time`() {
        // Appendix A.6: 2022-02-22T19:22:22Z, random b'0011 and so on.
        let time = Timestamp(rfc3339: "2022-02-22T14:22:22.00-05:00")!
        let uuid = UUID.version7(at: time, random: 0x18C4_DC0C_0C07_398F)
        #expect(uuid == UUID(uuidString: "017F22E2-79B0-7000-98C4-DC0C0C07398F"))
        #expect(uuid.version == 7)
        #expect(uuid.version7Time == time)
        #expect(UUID().version7Time == nil)
    }

    @Test func `a later microsecond sorts later`() {
        let time = Timestamp(rfc3339: "2026-01-30T10:00:00.123456Z")!
        let first = UUID.version7(at: time, random: .max)
        let second = UUID.version7(at: time + .microseconds(1), random: 0)
        #expect(first.bits < second.bits)
        #expect(second.version7Time == Timestamp(rfc3339: "2026-01-30T10:00:00.123Z"))
    }

    @Test func `a process makes them in order, from all its threads`() async {
        let perTask = await withTaskGroup(of: [UUID].self) { group in
            for _ in 0..<4 { group.addTask { (0..<5000).map { _ in UUID.version7() } } }
            return await group.reduce(into: []) { $0.append($1) }
        }
        for ids in perTask {
            #expect(zip(ids, ids.dropFirst()).allSatisfy { $0.bits < $1.bits })
            #expect(ids.allSatisfy { $0.version == 7 && $0.uuid.8 >> 6 == 2 })
        }
        #expect(Set(perTask.joined()).count == 20_000)
    }
}
