import EventSourcing
import Foundation
import JSON
import Photos
import Postgres
import TestSupport
import Testing

/// From the upload to the page, over HTTP and the real programs.
@Suite(.serialized) struct PhotoTests {
    private static func codes(_ answer: Instance.Answer) -> [String] {
        (answer["errors"].arrayValue ?? []).map {
            "\($0["pointer"]?.stringValue ?? "") \($0["code"]?.stringValue ?? "")"
        }
    }

    @Test func `a photo is taken, named by an item, and shown by whoever may see the item`() async throws {
        try await Instance.with { instance in
            for sample in PhotoSample.full {
                let taken = try await instance.upload(try sample.bytes)
                #expect(taken.status == 201, "\(taken.text)")
                let name = try #require(PhotoName(taken["photo"].stringValue ?? ""))
                #expect(taken["url"].stringValue == name.path)
                #expect(taken["type"].stringValue == name.type.media)
                #expect([taken["width"], taken["height"]] == [32, 48])
                let address = try #require(taken.headers["location"])
                #expect(address == "http://127.0.0.1:\(instance.port(.query))\(name.path)")

                // The same again is the same, with whatever key, and also what was taken in comes to the same.
                let again = try await instance.upload(try sample.bytes, ["Idempotency-Key": "k"])
                #expect(again.status == 200)
                #expect(again.text == taken.text)
                let shown = try await instance.read(name.path, instance.asStorefront)
                #expect(shown.status == 200)
                #expect(shown.headers["content-type"] == name.type.media)
                #expect(taken["bytes"] == JSONValue(shown.body.count))
                #expect(!shown.text.lowercased().contains("secret"))
                #expect(try await instance.upload(shown.body).text == taken.text)

                let item = try await instance.write(
                    "POST", "/v1/items",
                    ["title": "Coat", "condition": "good", "photos": [taken["url"], "https://cdn.example/1.jpg"]])
                let path = "/v1/items/\(item["id"].stringValue ?? "")"
                let read = try await instance.read(
                    path,
                    instance.asOperator.merging([
                        "Closter-After": item.headers["closter-position"] ?? "", "Prefer": "wait=10",
                    ]) { $1 })
                #expect(read["photos"] == [taken["url"], "https://cdn.example/1.jpg"])
                let price: JSONValue = ["amount": 10_000, "currency": "PLN"]
                let listing = try await instance.write(
                    "POST", "/v1/listings", ["item_id": item["id"], "price": price])
                let published = try await instance.write(
                    "POST", "/v1/listings/\(listing["id"].stringValue ?? "")/publish")
                let offered = try await instance.read(
                    "/v1/listings/\(listing["id"].stringValue ?? "")",
                    instance.asStorefront.merging([
                        "Closter-After": published.headers["closter-position"] ?? "", "Prefer": "wait=10",
                    ]) { $1 })
                #expect(offered["photos"][0] == taken["url"])
            }
            // What was uploaded is logged nowhere.
            for log in instance.wholeLogs() {
                #expect(!String(decoding: log.bytes, as: UTF8.self).contains("Secret"), "\(log.service)")
            }
        }
    }

    @Test func `what is no photo is refused, and says why`() async throws {
        try await Instance.with { instance in
            let file = try PhotoSample.plainJPEG.bytes
            for (body, media) in [([], "image/jpeg"), (Array("GIF89a…………".utf8), "image/jpeg"), ([1], "image/png")] {
                let answer = try await instance.upload(body, ["Content-Type": media])
                #expect(answer.status == 415)
                #expect(answer["code"] == "unsupported_media_type")
            }
            let short = try await instance.upload(Array(file.dropLast(40)))
            #expect(short.status == 422)
            #expect(short["code"] == "unusable_photo")
            #expect(Self.codes(short) == [" truncated"])
            let large = try await instance.upload(file + [UInt8](repeating: 0, count: 21 << 20))
            #expect(large.status == 413)
            #expect(try await instance.upload(file + [UInt8](repeating: 0, count: 19 << 20)).status == 201)
            // Content tells, and what the client calls it does not matter.
            #expect(try await instance.upload(file, ["Content-Type": "text/plain"]).status == 200)
            #expect(
                try await instance.send("POST", .command, "/v1/photos?a=1", instance.asOperator, body: file).status
                    == 400)
            #expect(try await instance.upload(file, ["Idempotency-Key": "ż"]).status == 400)
            #expect(
                try await instance.send("POST", .command, "/v1/photos", instance.asStorefront, body: file).status == 403
            )

            _ = try await instance.write("POST", "/v1/members", ["subject": "eye", "role": "viewer"])
            _ = try await instance.write("POST", "/v1/members", ["subject": "hand", "permissions": ["photos:write"]])
            for (subject, status) in [("eye", 403), ("hand", 200)] {
                let headers = try instance.asMember(subject)
                try await eventually("\(subject) is known") {
                    try await instance.send("POST", .command, "/v1/photos", headers, body: file).status == status
                }
            }
        }
    }

    @Test func `an item names photos that are there`() async throws {
        try await Instance.with { instance in
            let url = try await instance.upload(try PhotoSample.plainPNG.bytes)["url"]
            let unknown: JSONValue = .string(PhotoName(sha256: Array(repeating: 1, count: 32), type: .png).path)
            let headers = instance.asOperator.merging(["Content-Type": "application/json"]) { $1 }
            func refusal(_ method: String, _ path: String, _ body: JSONValue) async throws -> [String] {
                let answer = try await instance.send(method, .command, path, headers, body: body.bytes)
                return ["\(answer.status)"] + Self.codes(answer)
            }
            let item = try await instance.write(
                "POST", "/v1/items", ["title": "Coat", "condition": "good", "photos": [url]])
            let path = "/v1/items/\(item["id"].stringValue ?? "")"
            let missing: JSONValue = ["title": "Coat", "condition": "good", "photos": [url, unknown, unknown]]
            #expect(
                try await refusal("POST", "/v1/items", missing)
                    == ["422", "/photos/1 photo_unknown", "/photos/2 photo_unknown"])
            #expect(try await refusal("PATCH", path, ["photos": [unknown]]) == ["422", "/photos/0 photo_unknown"])
            #expect(
                try await refusal("PATCH", path, ["photos": ["/v1/photos/../x", "http://a.example", "coat.jpg"]])
                    == ["422", "/photos/0 invalid", "/photos/1 invalid", "/photos/2 invalid"])
            _ = try await instance.write("PATCH", path, ["photos": [url, url]])

            let location = try await instance.write(
                "POST", "/v1/locations", ["code": "S", "name": "Shelf", "kind": "store"])
            let intake = try await instance.write("POST", "/v1/intakes", ["location_id": location["id"]])
            let items = "/v1/intakes/\(intake["id"].stringValue ?? "")/items"
            let lines: JSONValue = ["items": [["title": "A", "photos": [url]], ["title": "B", "photos": [unknown]]]]
            #expect(try await refusal("POST", items, lines) == ["422", "/items/1/photos/0 photo_unknown"])
            let line = try await instance.write("POST", items, ["title": "A", "photos": [url]])
            let change = "\(items)/\(line["items"][0]?.stringValue ?? "")"
            #expect(try await refusal("PATCH", change, ["photos": [unknown]]) == ["422", "/photos/0 photo_unknown"])
            _ = try await instance.write("PATCH", change, ["photos": []])
        }
    }

    @Test func `the same bytes at two tenants are two photos, and one is taken away alone`() async throws {
        try await Instance.with { instance in
            try await instance.createTenant("other")
            let elsewhere = instance.asOperator.merging(["Closter-Tenant": "other"]) { $1 }
            let file = try PhotoSample.plainWebP.bytes
            let path = try await instance.upload(file)["url"].stringValue ?? ""
            let item: JSONValue = ["title": "Coat", "condition": "good", "photos": [.string(path)]]
            func named(_ headers: [String: String]) async throws -> Int {
                try await instance.send(
                    "POST", .command, "/v1/items", headers.merging(["Content-Type": "application/json"]) { $1 },
                    body: item.bytes
                ).status
            }
            #expect(try await instance.read(path, elsewhere).status == 404)
            #expect(try await named(elsewhere) == 422)
            #expect(try await instance.send("DELETE", .command, path, elsewhere).status == 404)
            #expect(try await instance.send("POST", .command, "/v1/photos", elsewhere, body: file).status == 201)
            #expect(try await instance.read(path, elsewhere).body == file)

            #expect(try await instance.send("DELETE", .command, path, instance.asStorefront).status == 403)
            #expect(try await instance.send("DELETE", .command, path, instance.asOperator).status == 204)
            #expect(try await instance.send("DELETE", .command, path, instance.asOperator).status == 404)
            #expect(try await instance.read(path).status == 404)
            #expect(try await named(instance.asOperator) == 422)
            #expect(try await instance.read(path, elsewhere).status == 200)
            #expect(try await instance.upload(file).status == 201)
            #expect(try await instance.read(path).body == file)
        }
    }

    @Test func `taking away leaves nothing, also where it broke off`() async throws {
        try await Instance.with { instance in
            var paths: [String] = []
            for sample in [PhotoSample.plainJPEG, .plainPNG] {
                paths.append(try await instance.upload(try sample.bytes)["url"].stringValue ?? "")
            }
            #expect(instance.storedPhotos().count == 2)
            #expect(try await instance.send("DELETE", .command, paths[0], instance.asOperator).status == 204)
            #expect(instance.storedPhotos().count == 1)
            // The row is gone, and its process died before the bytes were.
            let administrator = try await instance.database.connect()
            try await administrator.simple("DELETE FROM main.photos")
            await administrator.close()
            #expect(try await instance.read(paths[1]).status == 404)
            #expect(try await instance.send("DELETE", .command, paths[1], instance.asOperator).status == 404)
            #expect(instance.storedPhotos() == [])
        }
    }

    @Test func `an instance without a place for photos does everything else`() async throws {
        try await Instance.with(without: ["CLOSTER_PHOTOS"]) { instance in
            let answer = try await instance.upload(try PhotoSample.plainJPEG.bytes)
            #expect(answer.status == 501)
            #expect(answer["code"] == "not_set_up")
            let path = PhotoName(sha256: Array(repeating: 1, count: 32), type: .jpeg).path
            #expect(try await instance.send("DELETE", .command, path, instance.asOperator).status == 501)
            #expect(try await instance.read(path).status == 501)
            let item: JSONValue = ["title": "Coat", "condition": "good", "photos": ["https://cdn.example/1.jpg"]]
            #expect(try await instance.write("POST", "/v1/items", item).status == 201)
        }
    }

    @Test func `many upload the same at once, and it is there once`() async throws {
        try await Instance.with { instance in
            let file = try PhotoSample.fullJPEG.bytes
            let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<16 { group.addTask { try await instance.upload(file).status } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(statuses.sorted() == Array(repeating: 200, count: 15) + [201])
        }
    }
}
