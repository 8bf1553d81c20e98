import Foundation
import NIOCore

/// A file in pieces, read as they are asked for; each iteration starts at the beginning.
struct FileChunks: AsyncSequence, Sendable {
    static let chunk = 256 * 1024

    let path: String
    /// In bytes, when it was opened first. A file that has changed since is refused, not sent by halves.
    let size: Int

    init(path: String) throws(ToolFailure) {
        var isDirectory: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else {
            throw ToolFailure("there is no file \(path)")
        }
        guard !isDirectory.boolValue else { throw ToolFailure("\(path) is a folder") }
        guard let handle = FileHandle(forReadingAtPath: path), let end = try? handle.seekToEnd() else {
            throw ToolFailure("cannot read \(path)")
        }
        try? handle.close()
        self.path = path
        size = Int(end)
    }

    struct Changed: Error {}

    /// How many lines the file has, one without an end counted.
    func countLines() throws(ToolFailure) -> Int {
        guard let data = FileManager.default.contents(atPath: path) else { throw ToolFailure("cannot read \(path)") }
        let ends = data.count { $0 == UInt8(ascii: "\n") }
        return data.last == UInt8(ascii: "\n") ? ends : ends + 1
    }

    struct Iterator: AsyncIteratorProtocol {
        let handle: FileHandle?
        var left: Int

        mutating func next() async throws -> ByteBuffer? {
            guard let handle else { throw Changed() }
            guard left > 0 else {
                try handle.close()
                return nil
            }
            guard let data = try handle.read(upToCount: Swift.min(FileChunks.chunk, left)), !data.isEmpty else {
                throw Changed()
            }
            left -= data.count
            return ByteBuffer(bytes: data)
        }
    }

    func makeAsyncIterator() -> Iterator { Iterator(handle: FileHandle(forReadingAtPath: path), left: size) }
}
