import EventSourcing
import Foundation
import Testing

@testable import Query

@Suite struct ReadSwitchesTests {
    private let acme = TenantID(.version7())

    @Test func `a file says the default, the resources' rules and the tenants'`() throws {
        let switches = try ReadSwitches.parse(
            """
            default: projections          # tables | projections | shadow
            resources:
              offers: shadow
              contracts: { use: projections, percent: 25 }
            tenants:
              acme: { listings: tables }
            """)
        #expect(
            switches
                == ReadSwitches(
                    default: ReadRule(.projections),
                    resources: [.offers: ReadRule(.shadow), .contracts: ReadRule(.projections, percent: 25)],
                    tenants: ["acme": [.listings: ReadRule(.tables)]]))
        #expect(try ReadSwitches.parse("tenants: {}") == ReadSwitches())
    }

    @Test(
        arguments: [
            ("", nil, "empty"), ("# nothing\n", nil, "empty"), ("~", nil, "empty"), ("tables", 1, "mapping"),
            ("default: table", 1, "\"table\""), ("default:\n  - tables", 2, "must be one of"),
            ("defaults: tables", 1, "\"defaults\""), ("default: tables\nresources:\n  item: tables", 3, "\"item\""),
            ("resources: { items: { use: tables, percent: 101 } }", 1, "percent"),
            ("resources: { items: { use: tables, percent: 2.5 } }", 1, "percent"),
            ("resources: { items: { percent: 10 } }", 1, "what to use"),
            ("resources: { items: { use: tables, share: 10 } }", 1, "\"share\""),
            ("tenants:\n  acme:\n    default: tables", 3, "\"default\""), ("tenants: { Acme: {} }", 1, "\"Acme\""),
            ("tenants: [acme]", 1, "mapping"), ("? [a]\n: b", 1, "a word"),
            ("default: tables\ndefault: shadow", 1, "twice"),
            ("default: \"tables", 1, "unexpected end"), ("default: tables\n---\ndefault: shadow", 2, "document"),
            ("default: *nobody", 1, "undefined"),
        ] as [(String, Int?, String)])
    func `what is not understood is an error, with its place`(text: String, line: Int?, problem: String) {
        let error = #expect(throws: ReadSwitchesError.self) { try ReadSwitches.parse(text) }
        #expect(error?.line == line, "\(text): \(String(describing: error))")
        #expect(error?.description.contains(problem) == true, "\(text): \(String(describing: error))")
    }

    @Test func `a file that is too large or too deep is refused`() {
        let long = "default: tables # " + String(repeating: "x", count: ReadSwitches.mostBytes)
        #expect(throws: ReadSwitchesError.self) { try ReadSwitches.parse(long) }
        #expect(throws: ReadSwitchesError.self) { try ReadSwitches.parse(String(repeating: "[", count: 60_000)) }
    }

    @Test func `a tenant's rule wins over the resource's, and that over the default`() {
        let switches = ReadSwitches(
            default: ReadRule(.shadow), resources: [.items: ReadRule(.projections)],
            tenants: ["acme": [.items: ReadRule(.tables)]])
        #expect(switches.rule(.items, for: "acme") == (ReadRule(.tables), .tenant))
        #expect(switches.rule(.items, for: "other") == (ReadRule(.projections), .resource))
        #expect(switches.rule(.listings, for: "acme") == (ReadRule(.shadow), .default))
    }

    @Test func `every entry is written, and read again as it was`() throws {
        let switches = ReadSwitches(
            default: ReadRule(.tables, percent: 10), resources: [.listings: ReadRule(.shadow, percent: 5)],
            tenants: ["zeta": [.items: ReadRule(.tables)], "007": [.offers: ReadRule(.shadow)], "none": [:]])
        #expect(switches.entries.map(\.tenant) == [nil, nil, "007", "zeta"])
        #expect(switches.entries.map(\.resource) == [nil, .listings, .offers, .items])
        var expected = switches
        expected.tenants["none"] = nil
        #expect(try ReadSwitches.parse(switches.yaml) == expected)
        #expect(try ReadSwitches.parse(ReadSwitches().yaml) == ReadSwitches())
    }

    @Test(arguments: [
        (ReadUse.tables, ReadUse.projections), (.projections, .tables), (.shadow, .projections),
    ])
    func `a quarter is a quarter of the ids, and the rest goes to the other side`(use: ReadUse, other: ReadUse) {
        let rule = ReadRule(use, percent: 25)
        let uses = (0..<10_000).map { _ in rule.use(for: acme, id: .version7()) }
        #expect(Set(uses) == [use, other])
        let share = uses.filter { $0 == use }.count
        #expect((2_200...2_800).contains(share))
        #expect(ReadRule(use).use(for: acme, id: UUID()) == use)
        #expect(ReadRule(use, percent: 0).use(for: acme, id: UUID()) == other)
    }

    @Test func `a list goes where its tenant goes, a quarter of the tenants`() {
        let rule = ReadRule(.tables, percent: 25)
        let share = (0..<10_000).filter { _ in rule.use(for: TenantID(.version7()), id: nil) == .tables }.count
        #expect((2_200...2_800).contains(share))
    }

    @Test func `nobody flaps, and a larger share takes nobody away`() throws {
        for _ in 0..<200 {
            let id = UUID()
            let places = (0...100).map { ReadRule(.tables, percent: $0).use(for: acme, id: id) }
            let first = try #require(places.firstIndex(of: .tables))
            #expect(places[first...].allSatisfy { $0 == .tables })
            #expect(places == (0...100).map { ReadRule(.tables, percent: $0).use(for: acme, id: id) })
        }
        // The same in every process and for ever: a change would move readers about.
        let tenant = TenantID(try #require(UUID(uuidString: "00000000-0000-7000-8000-000000000001")))
        #expect(ReadRule.bucket(tenant, nil) == 42)
        #expect(ReadRule.bucket(tenant, UUID(uuidString: "00000000-0000-7000-8000-000000000002")) == 67)
    }
}
