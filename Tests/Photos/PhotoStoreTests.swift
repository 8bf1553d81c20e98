import EventSourcing
import Foundation
import Photos
import TestSupport
import Testing

/// What every store keeps to.
@Suite struct PhotoStoreTests {
    enum Kind: CaseIterable { case directory, memory }

    private static func with(_ kind: Kind, _ body: (any PhotoStore) async throws -> Void) async throws {
        switch kind {
        case .memory: try await body(MemoryPhotoStore())
        case .directory: try await PhotoFolder.with { try await body(DirectoryPhotoStore(path: $0.path)) }
        }
    }

    @Test(arguments: Kind.allCases) func `what was put is there, for its tenant and at its width`(
        _ kind: Kind
    ) async throws {
        try await Self.with(kind) { store in
            let key = PhotoKey.sample()
            #expect(try await store.open(key) == nil)
            try await store.put([1, 2, 3], key)
            let photo = try #require(try await store.open(key))
            #expect(photo.size == 3)
            #expect(try await photo.rest() == [1, 2, 3])
            #expect(try await store.open(PhotoKey(tenant: key.tenant, name: key.name, width: 320)) == nil)
            #expect(try await store.open(PhotoKey(tenant: TenantID(UUID()), name: key.name)) == nil)
            #expect(try await store.open(.sample(2, of: key.tenant)) == nil)
        }
    }

    @Test(arguments: Kind.allCases) func `what is put again stays`(_ kind: Kind) async throws {
        try await Self.with(kind) { store in
            let key = PhotoKey.sample()
            for _ in 0..<3 { try await store.put([1, 2, 3], key) }
            #expect(try await store.open(key)?.rest() == [1, 2, 3])
        }
    }

    @Test(arguments: Kind.allCases) func `it is read in parts of the size that is asked for`(_ kind: Kind) async throws
    {
        try await Self.with(kind) { store in
            let key = PhotoKey.sample()
            let bytes = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 / 7) }
            try await store.put(bytes, key)
            let photo = try #require(try await store.open(key))
            var read: [UInt8] = []
            while case let part = try await photo.read(upTo: 65_536), !part.isEmpty {
                #expect(part.count <= 65_536)
                read += part
            }
            #expect(read == bytes)
            #expect(try await photo.read(upTo: 10) == [])
        }
    }

    @Test(arguments: Kind.allCases) func `what was removed is gone, but for those who read it`(
        _ kind: Kind
    ) async throws {
        try await Self.with(kind) { store in
            let key = PhotoKey.sample(), smaller = PhotoKey(tenant: key.tenant, name: key.name, width: 160)
            try await store.remove(key)
            try await store.put([1, 2, 3], key)
            try await store.put([1], smaller)
            let photo = try #require(try await store.open(key))
            try await store.remove(key)
            #expect(try await store.open(key) == nil)
            #expect(try await store.open(smaller) != nil)
            #expect(try await photo.rest() == [1, 2, 3])
            try await store.put([1, 2, 3], key)
            #expect(try await store.open(key)?.size == 3)
        }
    }

    @Test(arguments: Kind.allCases) func `many write and read at once, and nobody sees a part`(
        _ kind: Kind
    ) async throws {
        try await Self.with(kind) { store in
            let tenant = TenantID(UUID())
            let bytes = [UInt8](repeating: 7, count: 300_000)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<32 {
                    let key = PhotoKey.sample(UInt8(number % 4), of: tenant)
                    group.addTask { try await store.put(bytes, key) }
                    group.addTask {
                        let seen = try await store.open(key)?.rest()
                        #expect(seen == nil || seen == bytes)
                    }
                }
                try await group.waitForAll()
            }
        }
    }
}

/// What is of folders alone.
@Suite struct DirectoryPhotoStoreTests {
    private static func files(_ folder: URL) -> [String] {
        let found = FileManager.default.enumerator(atPath: folder.path)?.compactMap { $0 as? String } ?? []
        return found.filter { $0.contains(".") || $0.hasPrefix("incoming/") }.sorted()
    }

    @Test func `each photo is a file of its tenant's folder, and nothing else is left`() async throws {
        try await PhotoFolder.with { folder in
            let store = DirectoryPhotoStore(path: folder.path)
            let key = PhotoKey.sample(0xAB)
            try await store.put([1], key)
            try await store.put([1], PhotoKey(tenant: key.tenant, name: key.name, width: 640))
            let hash = String(repeating: "ab", count: 32)
            #expect(
                Self.files(folder) == [
                    "originals/\(key.tenant)/ab/\(hash).jpg", "sizes/\(key.tenant)/ab/\(hash)-640.jpg",
                ])
        }
    }

    @Test func `a file that is cut short is no photo, and is put anew`() async throws {
        try await PhotoFolder.with { folder in
            let store = DirectoryPhotoStore(path: folder.path)
            let key = PhotoKey.sample()
            try await store.put([1, 2, 3], key)
            let path = try #require(Self.files(folder).first)
            try Data([1]).write(to: folder.appending(path: path))
            try await store.put([1, 2, 3], key)
            #expect(try await store.open(key)?.rest() == [1, 2, 3])
        }
    }

    @Test func `what cannot be written leaves nothing behind`() async throws {
        try await PhotoFolder.with { folder in
            let store = DirectoryPhotoStore(path: folder.path)
            let key = PhotoKey.sample(0xAB)
            try await store.put([1], PhotoKey.sample(0xCD, of: key.tenant))
            // A file stands where the folder must be.
            try Data().write(to: folder.appending(path: "originals/\(key.tenant)/ab"))
            await #expect(throws: (any Error).self) { try await store.put([1], key) }
            #expect(Self.files(folder).filter { $0.hasPrefix("incoming") } == [])
        }
    }

    @Test func `what dead writers have left is swept, and what is being written is not`() async throws {
        try await PhotoFolder.with { folder in
            let store = DirectoryPhotoStore(path: folder.path)
            try await store.sweep(before: .now)
            try await store.put([1], .sample())
            let (old, new) = (folder.appending(path: "incoming/old"), folder.appending(path: "incoming/new"))
            for file in [old, new] { try Data([1]).write(to: file) }
            let noon = Date(timeIntervalSince1970: 1_000_000)
            try FileManager.default.setAttributes([.modificationDate: noon], ofItemAtPath: old.path)
            try await store.sweep(before: noon + 1)
            #expect(Self.files(folder).filter { $0.hasPrefix("incoming") } == ["incoming/new"])
        }
    }

    @Test func `a spool gives what it was given, and has no name`() async throws {
        let spool = try await Spool()
        #expect(try await spool.bytes() == [])
        for _ in 0..<3 { try await spool.append([1, 2]) }
        #expect(try await spool.bytes() == [1, 2, 1, 2, 1, 2])
        #expect(try await spool.bytes().count == 6)
    }
}

private enum PhotoFolder {
    static func with(_ body: (URL) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "closter-photos-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        try await body(folder)
    }
}

extension PhotoKey {
    fileprivate static func sample(_ byte: UInt8 = 1, of tenant: TenantID = TenantID(UUID())) -> PhotoKey {
        PhotoKey(tenant: tenant, name: PhotoName(sha256: [UInt8](repeating: byte, count: 32), type: .jpeg))
    }
}
