import Crypto
import Documents
import EventSourcing
import Foundation

/// The place after which a page begins: the sort value and the id of the last row before it.
///
/// A place and not a count, so that rows which come or go before it move nothing.
struct Keyset: Equatable, Sendable {
    /// Minor units, microseconds since 1970, or a version. nil for a row that has none.
    var value: Int64?
    var id: UUID
}

/// What a cursor may be used with: the same resource, tenant, visibility, sort and filters, and nothing else.
///
/// The source is not part of it: a cursor survives a flip of the read switches, and a rebuild.
struct CursorScope: Sendable {
    private var hash = SHA256()

    init(resource: String, tenant: TenantID, visibility: Visibility, sort: String) {
        add(resource)
        add(tenant.description)
        add(visibility.rawValue)
        add(sort)
    }

    /// A filter that is in force. The order of the calls counts, that of the query's parameters does not.
    mutating func add(_ name: String, _ value: String) {
        add(name)
        add(value)
    }

    /// The length goes first, so that no two sequences of texts run into the same bytes.
    private mutating func add(_ text: String) {
        var text = text
        text.withUTF8 { bytes in
            withUnsafeBytes(of: UInt32(truncatingIfNeeded: bytes.count).bigEndian) { hash.update(bufferPointer: $0) }
            hash.update(bufferPointer: UnsafeRawBufferPointer(bytes))
        }
    }

    private func seal(of payload: [UInt8]) -> [UInt8] {
        var hash = hash
        hash.update(data: payload)
        return Array(hash.finalize().prefix(Self.sealLength))
    }

    private static let format: UInt8 = 1
    private static let payloadLength = 1 + 1 + 8 + 16
    private static let sealLength = 12

    /// The seal is a digest and no secret: it catches a cursor that belongs elsewhere. One made by hand names a place
    /// in the same tenant's rows, which its holder may read anyway.
    func cursor(_ keyset: Keyset) -> String {
        var bytes: [UInt8] = [Self.format, keyset.value == nil ? 0 : 1]
        withUnsafeBytes(of: (keyset.value ?? 0).bigEndian) { bytes.append(contentsOf: $0) }
        withUnsafeBytes(of: keyset.id.bits.bigEndian) { bytes.append(contentsOf: $0) }
        bytes += seal(of: bytes)
        return Base64URL.encode(bytes)
    }

    /// Tells apart pages that were asked for in another way, and says nothing of what was asked.
    func digest(after keyset: Keyset?, limit: Int) -> String {
        var scope = self
        scope.add("limit", String(limit))
        if let keyset { scope.add("after", cursor(keyset)) }
        return Hex.text(scope.seal(of: []))
    }

    /// nil for damage and for a cursor of another scope.
    func keyset(_ cursor: String) -> Keyset? {
        guard cursor.utf8.count <= 64, let bytes = Base64URL.decode(cursor.utf8),
            bytes.count == Self.payloadLength + Self.sealLength, bytes[0] == Self.format, bytes[1] <= 1
        else { return nil }
        let payload = Array(bytes[..<Self.payloadLength])
        guard seal(of: payload).elementsEqual(bytes[Self.payloadLength...]) else { return nil }
        let value = payload[2..<10].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        let id = payload[10..<26].reduce(UInt128(0)) { $0 << 8 | UInt128($1) }
        return Keyset(value: payload[1] == 1 ? Int64(bitPattern: value) : nil, id: UUID(bits: id))
    }
}

/// Whose eyes a document is for.
enum Visibility: String, Sendable {
    /// Operators and the shop's own back ends: everything of the tenant.
    case full
    /// Browsers with a publishable key: what is on sale, without what is internal.
    case storefront

    var audience: Audience {
        switch self {
        case .full: .operators
        case .storefront: .storefront
        }
    }

    /// The column that holds the ready answer.
    var documentColumn: String {
        switch self {
        case .full: "document"
        case .storefront: "public_document"
        }
    }
}
