import Documents
import EventSourcing
import Foundation
import JSON
import Logging
import TestSupport
import Testing

@testable import Query
@testable import Runtime

@Suite struct SwitchFileTests {
    private let noon = Catalogue.noon
    private let tables = ReadSwitches(default: ReadRule(.tables))

    @Test func `before there is a good file, projections answer everywhere`() {
        for reading in [SwitchState.Reading.missing, .unreadable("no"), .text("default: nothing")] {
            var state = SwitchState()
            guard case .refused = state.observe(reading, at: noon) else {
                Issue.record("\(reading) was taken")
                continue
            }
            #expect(state.switches == ReadSwitches())
            #expect(state.takenAt == nil)
            #expect(SwitchFile.detail(state)?.contains("projections everywhere") == true)
        }
        #expect(SwitchFile.detail(SwitchState()) == nil)
    }

    @Test func `a change counts when it was seen twice, and is told once`() {
        var state = SwitchState()
        #expect(state.observe(.text("default: tables"), at: noon) == .taken)
        #expect(state.observe(.text("default: sha"), at: noon) == nil)
        #expect(state.observe(.text("default: shadow"), at: noon + .seconds(1)) == nil)
        #expect(state.switches == tables)
        #expect(state.observe(.text("default: shadow"), at: noon + .seconds(2)) == .taken)
        #expect(state.switches.default == ReadRule(.shadow))
        #expect(state.takenAt == noon + .seconds(2))
        #expect(state.observe(.text("default: shadow"), at: noon) == nil)
        #expect(state.taken == 2)
        #expect(state.refused == 0)
    }

    @Test func `a file that was gone for one look only was not gone`() {
        var state = SwitchState()
        let text = SwitchState.Reading.text("default: tables")
        for reading in [text, .missing, text, .missing, text] { _ = state.observe(reading, at: noon) }
        #expect(state.condition == .good)
        #expect(state.taken == 1)
    }

    @Test func `a broken or missing file keeps the last good one, and the next good one mends it`() {
        var state = SwitchState()
        func twice(_ reading: SwitchState.Reading) -> SwitchState.Change? {
            _ = state.observe(reading, at: noon)
            return state.observe(reading, at: noon)
        }
        _ = twice(.text("default: tables"))
        guard case .refused(let reason) = twice(.text("default: tables\ntenants: { acme: { item: tables } }")) else {
            Issue.record("it was taken")
            return
        }
        #expect(reason.contains("\"item\""))
        #expect(state.switches == tables)
        #expect(state.condition == .broken(place: "line 2, column 20"))
        // Anybody may ask for readiness: it says where, not what stands there.
        #expect(SwitchFile.detail(state)?.contains("line 2") == true)
        #expect(SwitchFile.detail(state)?.contains("item\"") == false)
        #expect(SwitchFile.detail(state)?.contains("last good one") == true)
        #expect(twice(.missing) != nil)
        #expect(state.condition == .missing)
        #expect(state.switches == tables)
        #expect(twice(.text("default: tables")) == .taken)
        #expect(state.condition == .good)
        #expect((state.taken, state.refused) == (2, 2))
    }

    @Test func `a file is followed as it is written, replaced, broken and removed`() async throws {
        let url = FileManager.default.temporaryDirectory.appending(path: "switches-\(UUID().text).yaml")
        defer { try? FileManager.default.removeItem(at: url) }
        func write(_ bytes: [UInt8], atomically: Bool = true) throws {
            try Data(bytes).write(to: url, options: atomically ? .atomic : [])
        }
        let lines = LogLines()
        let file = SwitchFile(path: url.path, logger: lines.logger)
        #expect(file.status.condition == .missing)
        let following = Task { await file.run() }
        defer { following.cancel() }
        try write(Array("default: tables\n".utf8), atomically: false)
        try await eventually { file.status.switches == tables }
        try write(Array("default: shadow\n".utf8))
        try await eventually { file.status.switches.default == ReadRule(.shadow) }
        try write([0xFF, 0xFE, 0x00])
        try await eventually { file.status.condition == .broken(place: "it is not UTF-8") }
        try write(Array(repeating: UInt8(ascii: "#"), count: 10_000_000))
        try await eventually {
            if case .broken(let place) = file.status.condition { place.contains("65536") } else { false }
        }
        try FileManager.default.removeItem(at: url)
        try await eventually { file.status.condition == .missing }
        #expect(file.status.switches.default == ReadRule(.shadow))
        // One line for each change.
        #expect(lines.count(of: "last good one stays") == 4)
        #expect(lines.count(of: "taken") == 2)
    }

    @Test func `a folder in the place of the file is a broken file`() {
        let file = SwitchFile(path: FileManager.default.temporaryDirectory.path, logger: LogLines().logger)
        #expect(file.status.condition == .broken(place: "it cannot be read"))
    }

    @Test func `members are told the switches in force, and nobody else is`() async throws {
        let text = """
            default: shadow
            resources: { listings: { use: tables, percent: 25 } }
            tenants: { demo: { items: tables }, secretive: { items: projections } }
            """
        try await QueryApp.with(switches: text) { app in
            let demo = try await app.shop()
            let other = try await app.shop("other")
            let answer = try await app.get("/v1/read-switches", of: demo)
            #expect(answer.status == 200)
            #expect(answer["cache-control"] == "private, no-store")
            #expect(
                answer.json["data"] == [
                    ["resource": "items", "use": "tables", "percent": 100, "origin": "tenant"],
                    ["resource": "listings", "use": "tables", "percent": 25, "origin": "resource"],
                    ["resource": "contracts", "use": "shadow", "percent": 100, "origin": "default"],
                    ["resource": "offers", "use": "shadow", "percent": 100, "origin": "default"],
                ])
            #expect(answer.json["file"]?["state"] == "good")
            #expect(answer.json["file"]?["taken_at"]?.stringValue.flatMap(Timestamp.init(rfc3339:)) != nil)
            #expect(!answer.text.contains("secretive"))
            let elsewhere = try await app.get("/v1/read-switches", of: other).data.first
            #expect(elsewhere == ["resource": "items", "use": "shadow", "percent": 100, "origin": "default"])
            #expect(try await app.get("/v1/read-switches", as: .storefront, of: demo).status == 403)
            #expect(try await app.get("/v1/read-switches?x=1", of: demo).pointers == ["/x"])
        }
    }

    @Test func `a flip is in force without a restart, and a broken file is told and changes nothing`() async throws {
        try await QueryApp.with(switches: "default: projections\n") { app in
            let shop = try await app.shop()
            func source(_ path: String) async throws -> String? { try await app.get(path, of: shop)["closter-source"] }
            func metric(_ line: String) async throws -> Bool {
                try await app.get("/metrics", of: nil).text.contains("\n\(line)\n")
            }
            #expect(try await source("/v1/items") == "projections")
            #expect(try await metric("closter_read_switches_broken 0"))
            try app.flip("tenants: { demo: { items: tables } }\n")
            try await eventually { try await source("/v1/items") == "tables" }
            #expect(try await source("/v1/listings") == "projections")
            #expect(try await metric("closter_read_switches_reloads_total{outcome=\"taken\"} 2"))

            try app.flip("tenants: { demo: { items: table } }\n")
            try await eventually { try await metric("closter_read_switches_broken 1") }
            #expect(try await source("/v1/items") == "tables")
            let ready = try await app.get("/readyz", of: nil)
            #expect(ready.status == 200)
            let detail = ready.json["checks"]?["read_switches"]?["detail"]?.stringValue
            #expect(detail?.contains("line 1") == true)
            #expect(detail?.contains("demo") == false)
            #expect(try await app.get("/v1/read-switches", of: shop).json["file"]?["state"] == "broken")
            #expect(try await metric("closter_read_switches_reloads_total{outcome=\"refused\"} 1"))
        }
    }

    @Test func `a share of the things is read from the tables, each always from the same side`() async throws {
        try await QueryApp.with(switches: "resources: { items: { use: tables, percent: 50 } }\n") { app in
            let shop = try await app.shop()
            let rule = ReadRule(.tables, percent: 50)
            var seen: Set<String> = []
            for _ in 0..<12 {
                let item = try await shop.catalogue.item([:])
                let expected = rule.use(for: shop.id, id: item.id).rawValue
                for _ in 0..<2 {
                    let source = try await app.get("/v1/items/\(item.id.id("item"))", of: shop)["closter-source"]
                    #expect(source == expected)
                }
                seen.insert(expected)
            }
            #expect(seen == ["tables", "projections"])
            let list = try await app.get("/v1/items", of: shop)["closter-source"]
            #expect(list == rule.use(for: shop.id, id: nil).rawValue)
        }
    }
}
