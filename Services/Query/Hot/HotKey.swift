import Edge
import EventSourcing
import Foundation
import NIOCore

/// What an answer depends on, besides the rows it was read from.
struct HotKey: Hashable, Sendable {
    let tenant: TenantID
    let visibility: Visibility
    /// Whether the client takes gzip.
    let takesGzip: Bool
    /// Path and query as they were sent: another spelling is another key, never another answer. Byte by byte: Swift calls
    /// texts equal that PostgreSQL tells apart, and one would be answered with what was found for the other.
    let target: String
    /// Made once: a key is looked up in more than one place.
    private let digest: Int

    init(tenant: TenantID, visibility: Visibility, takesGzip: Bool, target: String) {
        self.tenant = tenant
        self.visibility = visibility
        self.takesGzip = takesGzip
        var target = target
        target.makeContiguousUTF8()
        self.target = target
        var hasher = Hasher()
        hasher.combine(tenant)
        hasher.combine(visibility == .full)
        hasher.combine(takesGzip)
        target.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
        digest = hasher.finalize()
    }

    static func == (one: HotKey, other: HotKey) -> Bool {
        one.digest == other.digest && one.tenant == other.tenant && one.visibility == other.visibility
            && one.takesGzip == other.takesGzip && one.target.utf8.elementsEqual(other.target.utf8)
    }

    func hash(into hasher: inout Hasher) { hasher.combine(digest) }

    var bytes: Int { target.utf8.count }

    /// One of `count` shards.
    func shard(of count: Int) -> Int { Int(UInt(bitPattern: digest) >> 32) % count }
}

/// The rows that an answer shows.
struct HotSubject: Hashable, Sendable {
    var projection: Projection
    var tenant: TenantID
    /// nil: a list, which any row of the tenant may enter or leave.
    var id: UUID?
}

/// An answer that is kept.
final class HotEntry: Sendable {
    let subject: HotSubject
    let tag: String?
    let found: FinishedResponse
    /// For whoever has it already; nil where it has no tag.
    let notModified: FinishedResponse?

    init(subject: HotSubject, tag: String?, found: FinishedResponse, notModified: FinishedResponse?) {
        self.subject = subject
        self.tag = tag
        self.found = found
        self.notModified = notModified
    }

    /// What it takes in memory, about.
    var bytes: Int {
        let bookkeeping = 600
        return bookkeeping + found.bytes + (notModified?.bytes ?? 0)
    }
}

extension FinishedResponse {
    fileprivate var bytes: Int { body.readableBytes + fields.bytes }
}

/// Rows of a tenant have changed.
struct HotChange: Equatable, Sendable {
    var projection: Projection
    var tenant: TenantID
    /// nil: any of the tenant's.
    var id: UUID?
}
