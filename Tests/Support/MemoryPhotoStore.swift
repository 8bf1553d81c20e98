public import Photos
import Synchronization

extension StoredPhoto {
    /// Everything that has not been read yet.
    public func rest() async throws -> [UInt8] { try await spooled().bytes() }
}

/// A store that forgets everything with the process.
public final class MemoryPhotoStore: PhotoStore {
    private let photos = Mutex<[PhotoKey: [UInt8]]>([:])

    public init() {}

    public func put(_ bytes: [UInt8], _ key: PhotoKey) { photos.withLock { $0[key] = bytes } }

    public func open(_ key: PhotoKey) -> (any StoredPhoto)? {
        photos.withLock { $0[key] }.map(Reader.init)
    }

    public func remove(_ key: PhotoKey) { photos.withLock { _ = $0.removeValue(forKey: key) } }

    private final class Reader: StoredPhoto {
        let size: Int
        private let rest: Mutex<ArraySlice<UInt8>>

        init(_ bytes: [UInt8]) {
            size = bytes.count
            rest = Mutex(bytes[...])
        }

        func read(upTo count: Int) -> [UInt8] {
            rest.withLock { rest in
                defer { rest = rest.dropFirst(count) }
                return Array(rest.prefix(count))
            }
        }
    }
}
