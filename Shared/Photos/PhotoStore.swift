public import EventSourcing

/// What a store keeps under a key of its own: a tenant's photo, or the same photo at another width.
public struct PhotoKey: Hashable, Sendable {
    public var tenant: TenantID
    public var name: PhotoName
    /// nil: as it was taken in. Everything else can be made from that again.
    public var width: Int?

    public init(tenant: TenantID, name: PhotoName, width: Int? = nil) {
        self.tenant = tenant
        self.name = name
        self.width = width
    }

    /// The widths that there are, in pixels.
    public static let widths = [160, 320, 640, 1280, 2048]

    /// The photo and all its widths.
    public static func all(of name: PhotoName, _ tenant: TenantID) -> [PhotoKey] {
        ([nil] + widths).map { PhotoKey(tenant: tenant, name: name, width: $0) }
    }
}

/// Keeps the bytes of photos, apart for each tenant. Which photos a tenant has is told by the database: what lies here
/// and is not told there is nobody's.
///
/// Any number of processes use a store at once. Errors are those of the medium.
public protocol PhotoStore: Sendable {
    /// Keeps the bytes. They outlive a crash once it returns, and are never to be seen in part, whatever breaks off.
    /// Kept again, nothing changes.
    func put(_ bytes: [UInt8], _ key: PhotoKey) async throws

    /// nil: nothing lies there. What is open stays readable to its end, also when it is removed meanwhile.
    func open(_ key: PhotoKey) async throws -> (any StoredPhoto)?

    /// What is not there is no error.
    func remove(_ key: PhotoKey) async throws
}

/// The bytes under a key, to be read by one reader from the beginning.
public protocol StoredPhoto: Sendable {
    /// In bytes.
    var size: Int { get }

    /// The next bytes, at most `count`; none at the end.
    func read(upTo count: Int) async throws -> [UInt8]
}

extension StoredPhoto {
    /// Everything that has not been read yet.
    public func spooled() async throws -> Spool {
        let spool = try await Spool()
        while case let part = try await read(upTo: 1 << 20), !part.isEmpty { try await spool.append(part) }
        return spool
    }
}
