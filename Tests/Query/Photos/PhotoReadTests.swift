import EventSourcing
import Foundation
import Logging
import NIOHTTP1
import Photos
import Postgres
import TestSupport
import Testing

@testable import Query

@Suite struct PhotoReadTests {
    /// A service with a store, and what puts photos there as an upload does.
    struct Album: Sendable {
        let app: QueryApp
        let store: DirectoryPhotoStore
        let folder: URL

        static func with(
            resizer: String = "/nowhere", logger: Logger = QueryApp.logger, _ body: (Album) async throws -> Void
        ) async throws {
            let folder = FileManager.default.temporaryDirectory.appending(path: "closter-album-\(UUID().uuidString)")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(at: folder) }
            let photos = folder.appending(path: "photos").path
            try await QueryApp.with(
                variables: [
                    "CLOSTER_PHOTOS": photos,
                    "CLOSTER_RESIZER": resizer.replacing("FOLDER", with: folder.path),
                ], logger: logger
            ) { app in
                try await body(Album(app: app, store: DirectoryPhotoStore(path: photos), folder: folder))
            }
        }

        func add(
            _ bytes: [UInt8], to shop: QueryApp.Shop, number: UInt8 = 1, type: PhotoType = .jpeg, width: Int32 = 1000
        ) async throws -> PhotoName {
            let name = PhotoName(sha256: [UInt8](repeating: number, count: 32), type: type)
            try await store.put(bytes, PhotoKey(tenant: shop.id, name: name))
            _ = try await app.administrator.query(
                """
                INSERT INTO main.photos (tenant_id, name, width, height, bytes, added_by)
                VALUES (\(shop.id.uuid), \(name.description), \(width), 10, \(Int64(bytes.count)), 'operator:ada')
                """)
            return name
        }

        /// A program in place of vipsthumbnail.
        func program(_ text: String) throws {
            let path = folder.appending(path: "program").path
            try Data("#!/bin/sh\n\(text)\n".utf8).write(to: URL(filePath: path))
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
        }
    }

    @Test(arguments: PhotoType.allCases) func `a photo is shown to members and keys, and may be kept for ever`(
        _ type: PhotoType
    ) async throws {
        try await Album.with { album in
            let shop = try await album.app.shop()
            let bytes = (0..<5_000).map { UInt8(truncatingIfNeeded: $0 * 7) }
            let name = try await album.add(bytes, to: shop, type: type)
            for reader in [QueryApp.Reader.member, .storefront, .backEnd] {
                let answer = try await album.app.get(name.path, as: reader, of: shop)
                #expect(answer.status == 200)
                #expect(answer.body == bytes)
                #expect(answer["content-type"] == type.media)
                #expect(answer["content-length"] == "5000")
                #expect(answer["cache-control"] == "public, max-age=31536000, immutable")
                #expect(answer["etag"] == "\"\(name.hash)\"")
                #expect(answer["x-content-type-options"] == "nosniff")
                #expect(answer["content-disposition"] == "inline")
                #expect(answer["content-encoding"] == nil)
            }
            let tag = "\"\(name.hash)\""
            let known = try await album.app.get(name.path, of: shop, ["If-None-Match": tag])
            #expect(known.status == 304)
            #expect(known.body.isEmpty)
            #expect(known["cache-control"] == "public, max-age=31536000, immutable")
            #expect(try await album.app.get(name.path, of: shop, ["If-None-Match": "\"other\""]).status == 200)
            let head = try await album.app.get(name.path, of: shop, method: .HEAD)
            #expect(head.status == 200)
            #expect(head["content-length"] == "5000")
            #expect(head.body.isEmpty)
        }
    }

    @Test func `a page names a photo with its publishable key, and with no other`() async throws {
        try await Album.with { album in
            let shop = try await album.app.shop()
            let other = try await album.app.shop("other")
            let name = try await album.add([1, 2, 3], to: shop)
            func key(_ reader: QueryApp.Reader, _ shop: QueryApp.Shop) -> String {
                shop.headers.first { $0.reader == reader }?.fields.first { $0.0 == "Closter-Key" }?.1 ?? ""
            }
            func status(_ path: String, _ key: String) async throws -> Int {
                try await album.app.get("\(path)?key=\(key)", of: nil).status
            }
            #expect(try await status(name.path, key(.storefront, shop)) == 200)
            #expect(try await status(name.path, key(.storefront, other)) == 404)
            #expect(try await status(name.path, key(.backEnd, shop)) == 401)
            #expect(try await status(name.path, "cpk_shop_guess") == 401)
            #expect(try await status(name.path, "") == 401)
            #expect(try await album.app.get(name.path, as: .nobody, of: nil).status == 401)
            // Nowhere else is a key taken from an address.
            #expect(try await status("/v1/listings", key(.storefront, shop)) == 401)
        }
    }

    @Test func `a photo is its tenant's alone, and only a name finds one`() async throws {
        try await Album.with { album in
            let (shop, other) = (try await album.app.shop(), try await album.app.shop("other"))
            let name = try await album.add([1, 2, 3], to: shop)
            let both = try await album.add([4], to: shop, number: 9)
            _ = try await album.add([5, 5], to: other, number: 9)
            #expect(try await album.app.get(name.path, of: other).status == 404)
            #expect(try await album.app.get(both.path, of: shop).body == [4])
            #expect(try await album.app.get(both.path, of: other).body == [5, 5])
            for path in [
                name.hash, "\(name.hash).png", "\(name)%00", "..%2f\(name)", "%2e%2e", "..%2F..%2F..%2Fetc%2Fpasswd",
                "\(name.hash)-160.jpg", name.description.uppercased(),
            ] {
                #expect(try await album.app.get("/v1/photos/\(path)", of: shop).status == 404, "\(path)")
            }
            let wrong = try await album.app.get("\(name.path)?width=100&size=1", of: shop)
            #expect(wrong.status == 400)
            #expect(wrong.pointers == ["/width", "/size"])
        }
    }

    @Test func `a large photo comes whole, to many readers at once`() async throws {
        try await Album.with { album in
            let shop = try await album.app.shop()
            let bytes = (0..<6_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 4) }
            let name = try await album.add(bytes, to: shop)
            try await withThrowingTaskGroup(of: Bool.self) { group in
                for _ in 0..<8 {
                    group.addTask { try await album.app.get(name.path, as: .storefront, of: shop).body == bytes }
                }
                for try await isWhole in group { #expect(isWhole) }
            }
        }
    }

    @Test func `bytes that are lost are missed, aloud`() async throws {
        let lines = LogLines()
        try await Album.with(logger: lines.logger) { album in
            let shop = try await album.app.shop()
            let name = try await album.add([1], to: shop)
            let key = PhotoKey(tenant: shop.id, name: name)
            try await album.store.remove(key)
            #expect(try await album.app.get(name.path, of: shop).status == 404)
            #expect(lines.count(of: "a photo is missing from the store") == 1)
            // Neither are others shown in their place.
            try await album.store.put([1, 2], key)
            #expect(try await album.app.get(name.path, of: shop).status == 404)
            try await album.store.put([1], key)
            #expect(try await album.app.get(name.path, of: shop).body == [1])
        }
    }

    @Test func `a store that fails is away, and says why to its operator alone`() async throws {
        let lines = LogLines()
        try await Album.with(logger: lines.logger) { album in
            let shop = try await album.app.shop()
            let name = try await album.add([1], to: shop)
            // A file stands where the tenant's folder must be.
            let folder = album.folder.appending(path: "photos/originals/\(shop.id)")
            try FileManager.default.removeItem(at: folder)
            try Data().write(to: folder)
            let answer = try await album.app.get(name.path, of: shop)
            #expect(answer.status == 503)
            #expect(answer["retry-after"] == "5")
            #expect(!answer.text.contains(folder.path) && !answer.text.contains("irectory"))
            #expect(lines.count(of: "the photos' store fails") == 1)
        }
    }

    @Test func `without a place for photos there are none`() async throws {
        try await QueryApp.with { app in
            let shop = try await app.shop()
            let name = PhotoName(sha256: [UInt8](repeating: 1, count: 32), type: .jpeg)
            let answer = try await app.get(name.path, of: shop)
            #expect(answer.status == 501)
            #expect(answer.code == "not_set_up")
        }
    }
}
