/// A GET or HEAD as the hot path sees it: all that an answer may depend on, as it was sent.
public struct HotRequest: Sendable {
    public var isHead: Bool
    /// Path and query.
    public var target: String
    public internal(set) var authorization: String?
    public internal(set) var key: String?
    public internal(set) var tenant: String?
    public internal(set) var ifNoneMatch: String?
    public internal(set) var after: String?
    public internal(set) var prefer: String?
    public internal(set) var acceptEncoding: String?
    public internal(set) var cacheControl: String?
    public internal(set) var origin: String?
    public internal(set) var correlationID: String?
    public internal(set) var traceparent: String?
    /// A field that may come once came twice: what that means is for the router to say.
    public internal(set) var isUnusual = false

    /// Whether the client wants what is read now, not what was read before (RFC 9111 §5.2.1.4).
    var refusesKept: Bool { cacheControl.map(Self.refusesKept) ?? false }

    /// The same of the field's value.
    public static func refusesKept(_ cacheControl: String) -> Bool {
        cacheControl.split(separator: ",").contains {
            let directive = $0.trimmed.lowercased()
            return directive == "no-cache" || directive == "no-store"
        }
    }

    init(isHead: Bool, target: String) {
        self.isHead = isHead
        self.target = target
    }

    /// Takes up a field; those that no answer depends on are ignored.
    mutating func take(_ name: UnsafeBufferPointer<UInt8>, _ value: @autoclosure () -> String) {
        func isNamed(_ known: StaticString) -> Bool {
            for (index, byte) in name.enumerated() where byte | 0x20 != known.utf8Start[index] | 0x20 { return false }
            return true
        }
        // A list in another form than JSON, which is what is kept.
        if name.count == 6, isNamed("accept"), value().lowercased().contains("csv") {
            isUnusual = true
            return
        }
        // By length first: most of what a browser sends is decided by it.
        let isRepeated =
            switch name.count {
            case 6 where isNamed("prefer"): Self.put(value(), in: &prefer)
            case 6 where isNamed("origin"): Self.put(value(), in: &origin)
            case 11 where isNamed("closter-key"): Self.put(value(), in: &key)
            case 11 where isNamed("traceparent"): Self.put(value(), in: &traceparent)
            case 13 where isNamed("authorization"): Self.put(value(), in: &authorization)
            case 13 where isNamed("if-none-match"): Self.put(value(), in: &ifNoneMatch)
            case 13 where isNamed("cache-control"): Self.put(value(), in: &cacheControl)
            case 13 where isNamed("closter-after"): Self.put(value(), in: &after)
            case 14 where isNamed("closter-tenant"): Self.put(value(), in: &tenant)
            case 15 where isNamed("accept-encoding"): Self.put(value(), in: &acceptEncoding)
            case 16 where isNamed("x-correlation-id"): Self.put(value(), in: &correlationID)
            default: false
            }
        if isRepeated { isUnusual = true }
    }

    private static func put(_ value: String, in slot: inout String?) -> Bool {
        defer { slot = value }
        return slot != nil
    }
}
