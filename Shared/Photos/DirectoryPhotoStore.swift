import EventSourcing
public import Foundation
import NIOPosix
import SystemPackage

/// Photos as files of a folder: `originals/<tenant>/<first two digits>/<name>`, `sizes/<tenant>/<first two
/// digits>/<hash>-<width>.<type>`, and `incoming/` for what is being written.
///
/// A file is written under a name that nobody looks for, flushed, and renamed; then its folder is flushed. All this is
/// done on threads for blocking work.
public struct DirectoryPhotoStore: PhotoStore {
    private let root: FilePath

    /// - Parameter path: absolute, of a folder on one file system. It is made when it is needed.
    public init(path: String) {
        root = FilePath(path)
    }

    public func put(_ bytes: [UInt8], _ key: PhotoKey) async throws {
        try await blocking { [self] in try keep(bytes, key) }
    }

    public func open(_ key: PhotoKey) async throws -> (any StoredPhoto)? {
        let path = path(key)
        return try await blocking { try PhotoFile.open(path) }
    }

    public func remove(_ key: PhotoKey) async throws {
        let path = path(key)
        try await blocking { [self] in
            if try done(path, or: .noSuchFileOrDirectory, unlink) { try flush(path.removingLastComponent()) }
        }
    }

    /// Removes what writers that died before `moment` have left behind.
    public func sweep(before moment: Date) async throws {
        try await blocking { [self] in
            let files = FileManager.default
            for name in (try? files.contentsOfDirectory(atPath: incoming.string)) ?? [] {
                let path = incoming.appending(name).string
                let written = try? files.attributesOfItem(atPath: path)[.modificationDate] as? Date
                // One that has gone meanwhile was renamed: its writer lives.
                if let written, written < moment { try? files.removeItem(atPath: path) }
            }
        }
    }

    // MARK: - Files

    private var incoming: FilePath { root.appending("incoming") }

    private func path(_ key: PhotoKey) -> FilePath {
        let file = key.width.map { "\(key.name.hash)-\($0).\(key.name.type.rawValue)" } ?? key.name.description
        return root.appending(key.width == nil ? "originals" : "sizes").appending(key.tenant.uuid.text)
            .appending(String(key.name.hash.prefix(2))).appending(file)
    }

    private func keep(_ bytes: [UInt8], _ key: PhotoKey) throws {
        let path = path(key)
        let folder = path.removingLastComponent()
        // One of another size is not the photo, whatever has happened to it.
        if let there = try PhotoFile.open(path), there.size == bytes.count { return try flush(folder) }
        try make(incoming)
        try make(folder)
        let temporary = incoming.appending(UUID().uuidString)
        do {
            let file = try FileDescriptor.open(
                temporary, .writeOnly, options: [.create, .exclusiveCreate, .closeOnExec],
                permissions: [.ownerReadWrite, .groupRead])
            try file.closeAfter {
                _ = try file.writeAll(bytes)
                try flush(file)
            }
            _ = try done(temporary) { from in path.withPlatformString { rename(from, $0) } }
        } catch {
            _ = temporary.withPlatformString { unlink($0) }
            throw error
        }
        try flush(folder)
    }

    /// Makes a folder, and those above it that are missing, so that they outlive a crash.
    private func make(_ folder: FilePath) throws {
        guard !FileManager.default.fileExists(atPath: folder.string) else { return }
        let parent = folder.removingLastComponent()
        try make(parent)
        if try done(folder, or: .fileExists, { mkdir($0, 0o750) }) { try flush(parent) }
    }

    private func flush(_ folder: FilePath) throws {
        let descriptor = try FileDescriptor.open(folder, .readOnly, options: [.directory, .closeOnExec])
        try descriptor.closeAfter { try flush(descriptor) }
    }

    private func flush(_ descriptor: FileDescriptor) throws {
        guard fsync(descriptor.rawValue) == 0 else { throw Errno(rawValue: errno) }
    }

    /// Whether a call was done; false where it failed as `tolerated` says.
    private func done(
        _ path: FilePath, or tolerated: Errno? = nil, _ call: (UnsafePointer<CChar>) -> CInt
    ) throws -> Bool {
        try path.withPlatformString { path in
            if call(path) == 0 { return true }
            let error = Errno(rawValue: errno)
            guard error == tolerated else { throw error }
            return false
        }
    }
}

/// An open file. It is closed when nobody has it any more.
private final class PhotoFile: StoredPhoto {
    let size: Int
    private let descriptor: FileDescriptor

    private init(_ descriptor: FileDescriptor, size: Int) {
        self.descriptor = descriptor
        self.size = size
    }

    deinit { try? descriptor.close() }

    /// nil where there is none.
    static func open(_ path: FilePath) throws -> PhotoFile? {
        do {
            let descriptor = try FileDescriptor.open(path, .readOnly, options: .closeOnExec)
            let size = Int(lseek(descriptor.rawValue, 0, SEEK_END))
            _ = lseek(descriptor.rawValue, 0, SEEK_SET)
            return PhotoFile(descriptor, size: size)
        } catch Errno.noSuchFileOrDirectory {
            return nil
        }
    }

    func read(upTo count: Int) async throws -> [UInt8] {
        try await blocking { [self] in
            try [UInt8](unsafeUninitializedCapacity: count) { buffer, length in
                length = try descriptor.read(into: UnsafeMutableRawBufferPointer(buffer))
            }
        }
    }
}

/// Work that may wait for a disk is for threads that nobody else waits for.
func blocking<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await NIOThreadPool.singleton.runIfActive(work)
}
