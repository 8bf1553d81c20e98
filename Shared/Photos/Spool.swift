import Foundation
public import SystemPackage

/// Bytes on disk while they arrive, under no name: whoever sends slowly holds a file and no memory, and nothing is left
/// behind by a process that dies. For one writer.
public final class Spool: Sendable {
    private let descriptor: FileDescriptor

    public init() async throws {
        let path = FilePath(FileManager.default.temporaryDirectory.path).appending("closter-\(UUID().uuidString)")
        descriptor = try await blocking {
            let descriptor = try FileDescriptor.open(
                path, .readWrite, options: [.create, .exclusiveCreate, .closeOnExec], permissions: .ownerReadWrite)
            _ = path.withPlatformString { unlink($0) }
            return descriptor
        }
    }

    deinit { try? descriptor.close() }

    public func append(_ bytes: [UInt8]) async throws {
        try await blocking { [self] in _ = try descriptor.writeAll(bytes) }
    }

    /// For a program that is to read it from the beginning. It is closed with the spool.
    public func rewound() throws -> FileDescriptor {
        _ = try descriptor.seek(offset: 0, from: .start)
        return descriptor
    }

    /// Everything that was appended.
    public func bytes() async throws -> [UInt8] {
        try await blocking { [self] in
            let size = Int(lseek(descriptor.rawValue, 0, SEEK_END))
            return try [UInt8](unsafeUninitializedCapacity: size) { buffer, length in
                while length < size {
                    let rest = UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[length...])
                    let count = try descriptor.read(fromAbsoluteOffset: Int64(length), into: rest)
                    guard count > 0 else { break }
                    length += count
                }
            }
        }
    }
}
