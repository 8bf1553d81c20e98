/// A GET or HEAD as the hot path sees it: all that an answer may depend on, as it was sent.
///
/// Most fields are looked at and never kept: they stay in the bytes that came until somebody asks for their text.
public struct HotRequest: Sendable {
    public let isHead: Bool
    private let bytes: [UInt8]
    private let path: Range<Int>
    private let fields: HotFields

    init(isHead: Bool, target: Range<Int>, _ fields: HotFields, in bytes: [UInt8]) {
        self.isHead = isHead
        self.bytes = bytes
        path = target
        self.fields = fields
    }

    /// - Parameter room: gets all that was sent, and is used again for the next one.
    init(
        isHead: Bool, target: String, _ sent: some Sequence<(name: String, value: String)>, room: inout [UInt8]
    ) {
        room.removeAll(keepingCapacity: true)
        room.append(contentsOf: target.utf8)
        let path = 0..<room.count
        var fields = HotFields()
        for (name, value) in sent {
            let start = room.count
            room.append(contentsOf: value.utf8)
            var name = name
            name.withUTF8 { fields.take($0, start..<room.count, in: room) }
        }
        self.init(isHead: isHead, target: path, fields, in: room)
    }

    /// Path and query.
    public var target: String { String(decoding: bytes[path], as: UTF8.self) }
    public var ifNoneMatch: String? { text(fields.ifNoneMatch) }
    public var after: String? { text(fields.after) }
    public var prefer: String? { text(fields.prefer) }
    public var origin: String? { text(fields.origin) }
    public var correlationID: String? { text(fields.correlationID) }
    public var traceparent: String? { text(fields.traceparent) }
    public var key: String? { text(fields.key) }
    public var authorization: String? { text(fields.authorization) }

    /// What it shows of who sends it.
    var credentials: KnownCallers.Credentials {
        func slice(_ place: HotFields.Place?) -> ArraySlice<UInt8>? { place.map { bytes[$0.range] } }
        return KnownCallers.Credentials(
            authorization: slice(fields.authorization), key: slice(fields.key), tenant: slice(fields.tenant))
    }

    /// Whether `Accept-Encoding` takes gzip.
    public var takesGzip: Bool {
        guard let place = fields.acceptEncoding else { return false }
        return bytes.withUnsafeBufferPointer { Gzip.isTaken(UnsafeBufferPointer(rebasing: $0[place.range])) }
    }

    /// A field that may come once came twice, or asks for another form than what is kept: what that means is for the
    /// router to say.
    public var isUnusual: Bool { fields.isUnusual }

    /// Whether the client wants what is read now, not what was read before (RFC 9111 §5.2.1.4).
    var refusesKept: Bool { text(fields.cacheControl).map(Self.refusesKept) ?? false }

    /// The same of the field's value.
    public static func refusesKept(_ cacheControl: String) -> Bool {
        cacheControl.split(separator: ",").contains {
            let directive = $0.trimmed.lowercased()
            return directive == "no-cache" || directive == "no-store"
        }
    }

    private func text(_ place: HotFields.Place?) -> String? {
        place.map { String(decoding: bytes[$0.range], as: UTF8.self) }
    }
}
