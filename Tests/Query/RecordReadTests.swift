import Documents
import EventSourcing
import Events
import Foundation
import JSON
import Postgres
import Testing

@testable import Query

@Suite struct RecordReadTests {
    private func open(
        _ code: String, _ name: String, kind: String = "store", of shop: QueryApp.Shop, in app: QueryApp,
        at time: Timestamp = Catalogue.noon
    ) async throws -> LocationRecord {
        let event = LocationEvent.opened(
            LocationOpened(values: ["code": .string(code), "name": .string(name), "kind": .string(kind)]))
        let record = try #require(LocationRecord(begins: event, id: .version7(), at: time))
        _ = try await app.administrator.query(
            """
            INSERT INTO main.locations_g1
                (tenant_id, id, version, position, status, kind, search, created_at, updated_at, document, record)
            VALUES (\(shop.id.uuid), \(record.id), 1, 1, \(record.status), \(record.kind),
                    array_to_tsvector(string_to_array(\(SearchText.words(of: record.texts).joined(separator: " ")), ' ')),
                    \(time.postgres), \(time.postgres), \(String(decoding: record.document, as: UTF8.self)),
                    \(JSONText(bytes: record.bytes)))
            """)
        return record
    }

    @Test func `records are listed by their filters and words, and read one by one, by members`() async throws {
        try await QueryApp.with { app in
            let shop = try await app.shop()
            let store = try await open("WAW-1", "Żoliborz", of: shop, in: app)
            let depot = try await open(
                "LDZ-1", "Depot", kind: "warehouse", of: shop, in: app, at: Catalogue.noon + .seconds(1))
            func ids(_ query: String) async throws -> [String] {
                try await app.get("/v1/locations?\(query)", of: shop).ids
            }
            #expect(try await ids("") == [depot.id.id("location"), store.id.id("location")])
            #expect(try await ids("kind=warehouse") == [depot.id.id("location")])
            #expect(try await ids("status=closed").isEmpty)
            #expect(try await ids("q=zolib") == [store.id.id("location")])
            #expect(try await app.pages("/v1/locations?limit=1", of: shop).joined().count == 2)
            #expect(try await app.get("/v1/locations?color=red", of: shop).pointers == ["/color"])

            let path = "/v1/locations/\(store.id.id("location"))"
            let one = try await app.get(path, of: shop)
            #expect(one.status == 200)
            #expect(one.body == store.document)
            #expect(one["closter-source"] == "projections")
            let tag = try #require(one["etag"])
            #expect(try await app.get(path, of: shop, ["If-None-Match": tag]).status == 304)
            #expect(try await app.get(path, as: .storefront, of: shop).status == 403)
            #expect(try await app.get("/v1/locations", as: .backEnd, of: shop).status == 403)
            #expect(try await app.get(path, of: app.shop("other")).status == 404)
        }
    }

    @Test func `a list comes as a file, whole, and no text of it is a formula`() async throws {
        try await QueryApp.with { app in
            let shop = try await app.shop()
            for number in 0..<230 {
                _ = try await open(
                    "C-\(number)", number == 0 ? "=1+\"2\", a" : "Place", of: shop, in: app,
                    at: Catalogue.noon + .seconds(Int64(number)))
            }
            let file = try await app.get("/v1/locations", of: shop, ["Accept": "text/csv"])
            #expect(file["content-type"] == "text/csv; charset=utf-8; header=present")
            #expect(file["cache-control"] == "private, no-store")
            let lines = file.text.split(separator: "\r\n", omittingEmptySubsequences: false)
            #expect(lines.count == 232)
            #expect(lines.last == "")
            #expect(
                lines[0]
                    == "id,version,status,code,name,kind,address_name,address_lines,address_postal_code,address_city,address_region,"
                    + "address_country,created_at,updated_at")
            #expect(lines[1].contains(",1,open,C-229,Place,store,,,,,,,"))
            #expect(lines[230].contains(#",C-0,"'=1+""2"", a",store,"#))
            #expect(Set(lines[1...230]).count == 230)
            let page = try await app.get("/v1/locations?limit=3", of: shop, ["Accept": "text/csv;q=0.9, */*"])
            #expect(page.text.split(separator: "\r\n").count == 4)
            #expect(try await app.get("/v1/locations?limit=3", of: shop, ["Accept": "*/*"]).ids.count == 3)
        }
    }

    @Test func `items and listings come as files, from the side that answers`() async throws {
        try await QueryApp.with(comparing: true) { app in
            let shop = try await app.shop()
            let coat = try await shop.catalogue.item(["brand": "Alba, & Co", "size": "M"])
            _ = try await shop.catalogue.listing(coat, price: 500)
            let items = try await app.get("/v1/items", of: shop, ["Accept": "text/csv"])
            #expect(items.text.contains("\"Alba, & Co\""))
            #expect(
                items.text.contains(
                    ",attributes,custody,location_id,title_holder,allocation,consignor_id,created_at,updated_at\r\n"))
            #expect(items.text.contains(",{},in_house,,store,free,,2026-"))
            let listings = try await app.get("/v1/listings?price_max=500", of: shop, ["Accept": "text/csv"])
            #expect(listings.text.hasPrefix("id,version,status,item_id,channel,price_amount,price_currency,"))
            #expect(listings.text.contains(",500,PLN,"))
        }
    }

    @Test func `a list of texts is no formula either`() {
        let file = CSVFile(columns: ["absorbed", "balance.amount"], name: "x")
        #expect(file.line(["absorbed": ["=1+2", "b"], "balance": ["amount": -5]]) == "'=1+2 | b,-5\r\n")
    }

    @Test func `a kept list is not given to who wants a file`() async throws {
        try await QueryApp.with(variables: ["CLOSTER_HOT_BYTES": "1000000"]) { app in
            let shop = try await app.shop()
            _ = try await shop.catalogue.item(["brand": "Alba"])
            for _ in 0..<3 { #expect(try await app.get("/v1/items", of: shop).ids.count == 1) }
            let file = try await app.get("/v1/items", of: shop, ["Accept": "text/csv"])
            #expect(file.text.hasPrefix("id,version,status,"))
        }
    }
}
