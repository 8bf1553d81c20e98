import EventSourcing
import Foundation
import Photos
import TestSupport
import Testing

@testable import Query

@Suite struct PhotoSizeTests {
    private typealias Album = PhotoReadTests.Album

    /// Counts how often it runs, and gives what looks like a JPEG with the width in it.
    private static let program = """
        echo run >>"$(dirname "$0")/runs"
        cat >/dev/null
        printf '\\377\\330\\377%s of %s' "$3" "$(env | grep -c CLOSTER)"
        """

    @Test func `a width is made once, however many ask, and kept`() async throws {
        try await Album.with(resizer: "FOLDER/program") { album in
            // The counter is written beside it, which the limits forbid: here it is a pipe's end that is no file.
            let shop = try await album.app.shop()
            let runs = album.folder.appending(path: "runs").path
            #expect(mkfifo(runs, 0o600) == 0)
            let counter = open(runs, O_RDWR | O_NONBLOCK)
            defer { close(counter) }
            try album.program(Self.program)
            let name = try await album.add([1, 2, 3], to: shop)
            let made = [0xFF, 0xD8, 0xFF] + Array("320x> of 0".utf8)
            try await withThrowingTaskGroup(of: QueryApp.Answer.self) { group in
                for _ in 0..<12 {
                    group.addTask { try await album.app.get("\(name.path)?width=320", as: .storefront, of: shop) }
                }
                for try await answer in group {
                    #expect(answer.status == 200, "\(answer.text)")
                    #expect(answer.body == made)
                    #expect(answer["etag"] == "\"\(name.hash)-320\"")
                    #expect(answer["content-type"] == "image/jpeg")
                    #expect(answer["cache-control"] == "public, max-age=31536000, immutable")
                }
            }
            let key = PhotoKey(tenant: shop.id, name: name, width: 320)
            #expect(try await album.store.open(key)?.rest() == made)
            var buffer = [UInt8](repeating: 0, count: 100)
            #expect(read(counter, &buffer, 100) == 4)
        }
    }

    @Test func `what is no wider is shown as it is`() async throws {
        try await Album.with { album in
            let shop = try await album.app.shop()
            let name = try await album.add([1, 2, 3], to: shop, width: 320)
            for width in [320, 640, 2048] {
                let answer = try await album.app.get("\(name.path)?width=\(width)", of: shop)
                #expect(answer.body == [1, 2, 3])
                #expect(answer["etag"] == "\"\(name.hash)\"")
            }
        }
    }

    @Test func `without the program it is said that there is none, and photos are shown whole`() async throws {
        try await Album.with { album in
            let shop = try await album.app.shop()
            let name = try await album.add([1, 2, 3], to: shop)
            let answer = try await album.app.get("\(name.path)?width=160", of: shop)
            #expect(answer.status == 501)
            #expect(answer.code == "not_set_up")
            #expect(answer["cache-control"] == "no-store")
            #expect(try await album.app.get(name.path, of: shop).status == 200)
        }
    }

    @Test(arguments: ["exit 1", "printf 'not a picture'", "kill -SEGV $$", "head -c 40000000 /dev/zero"])
    func `a picture that cannot be read is refused`(_ failing: String) async throws {
        try await Album.with(resizer: "FOLDER/program") { album in
            let shop = try await album.app.shop()
            let name = try await album.add([UInt8](repeating: 1, count: 1_000_000), to: shop)
            try album.program(failing)
            for _ in 0..<2 {
                let answer = try await album.app.get("\(name.path)?width=160", of: shop)
                #expect(answer.status == 422)
                #expect(answer.code == "unusable_photo")
                // It is not tried again.
                try album.program("printf '\\377\\330\\377'")
            }
            #expect(try await album.app.get("\(name.path)?width=320", of: shop).status == 200)
        }
    }

    @Test func `a width of a photo that was taken away meanwhile does not stay`() async throws {
        let store = MemoryPhotoStore()
        let key = PhotoKey(
            tenant: .init(UUID()), name: PhotoName(sha256: [UInt8](repeating: 1, count: 32), type: .jpeg), width: 160)
        try await Album.with { album in
            try album.program("cat >/dev/null; printf '\\377\\330\\377'")
            let sizes = PhotoSizes(
                store: store, resizer: Resizer(program: album.folder.appending(path: "program").path),
                logger: QueryApp.logger)
            store.put([1], PhotoKey(tenant: key.tenant, name: key.name))
            try await sizes.make(key) { false }
            #expect(store.open(key) == nil)
            try await sizes.make(key) { true }
            #expect(store.open(key) != nil)
        }
    }

    private static let vips = Resizer(program: "/usr/bin/vipsthumbnail")

    private static func smaller(_ file: [UInt8], _ type: PhotoType, to width: Int) async throws -> [UInt8]? {
        let spool = try await Spool()
        try await spool.append(file)
        return try await vips.resize(spool, type, to: width)
    }

    @Test(.enabled(if: vips.isInstalled), arguments: PhotoSample.plain + PhotoSample.clean)
    func `libvips makes them smaller and the right way up, and not larger`(_ sample: PhotoSample) async throws {
        let type = try #require(PhotoType(beginning: try sample.bytes))
        let small = try #require(try await Self.smaller(try sample.bytes, type, to: 16))
        #expect(PhotoType(beginning: small) == type)
        // Of 48 × 32 or, turned, of 32 × 48.
        let height = PhotoSample.clean.contains(sample) ? 24 : 11
        #expect(Self.height(small, type) == height)
        #expect(!String(decoding: small, as: Unicode.ASCII.self).lowercased().contains("icc"))
        let again = try #require(try await Self.smaller(small, type, to: 2048))
        #expect(Self.height(again, type) == height)
    }

    @Test(.enabled(if: vips.isInstalled)) func `libvips refuses what is cut short`() async throws {
        let file = try PhotoSample.plainJPEG.bytes
        #expect(try await Self.smaller(Array(file.prefix(500)), .jpeg, to: 16) == nil)
        #expect(try await Self.smaller([0xFF, 0xD8, 0xFF], .jpeg, to: 16) == nil)
        let noise = [0xFF, 0xD8, 0xFF] + [UInt8](repeating: 0x5A, count: 4_000_000)
        #expect(try await Self.smaller(noise, .jpeg, to: 16) == nil)
    }

    /// Where the header of a small file says it.
    private static func height(_ file: [UInt8], _ type: PhotoType) -> Int {
        switch type {
        case .jpeg:
            for place in file.indices.dropLast(9) where file[place] == 0xFF && [0xC0, 0xC2].contains(file[place + 1]) {
                return Int(file[place + 5]) << 8 | Int(file[place + 6])
            }
            return 0
        case .png: return Int(file[23])
        case .webp: return file[12...].starts(with: "VP8X".utf8) ? Int(file[27]) + 1 : Int(file[28])
        }
    }
}
