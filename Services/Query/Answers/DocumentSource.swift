import Crypto
import EventSourcing
import Foundation
import NIOCore

/// A side that answers reads of one resource. For the same versions of the streams every side gives the same bytes.
protocol DocumentSource: Sendable {
    /// nil where it is not there, or not for these eyes.
    func one(_ id: UUID, for visibility: Visibility, of tenant: TenantID) async throws -> Answer?

    /// A page as `ListRequest.body` writes it.
    func page(_ list: ListRequest, of tenant: TenantID) async throws -> ByteBuffer
}

extension Answer {
    /// One resource.
    init(version: Int64, _ body: ByteBuffer, for visibility: Visibility) {
        let tag = body.withUnsafeReadableBytes { EntityTag.make(version: version, of: $0) }
        self.init(body, tag: tag, for: visibility)
    }
}

/// Something that was read, told apart from another by a few characters instead of its bytes.
protocol Fingerprinted: Sendable {
    var fingerprint: String { get }
}

extension ByteBuffer: Fingerprinted {
    var fingerprint: String {
        withUnsafeReadableBytes { bytes in
            var hash = SHA256()
            hash.update(bufferPointer: bytes)
            return Hex.text(hash.finalize().prefix(8))
        }
    }
}
