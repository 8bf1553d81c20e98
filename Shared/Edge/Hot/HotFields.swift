/// Where in a request's bytes the values are that an answer may depend on.
struct HotFields: Sendable {
    /// Half as large as a range: there are many, and most are empty.
    struct Place: Sendable {
        private let start: Int32
        private let count: Int32

        init(_ range: Range<Int>) {
            start = Int32(range.lowerBound)
            count = Int32(range.count)
        }

        var range: Range<Int> { Int(start)..<Int(start + count) }
    }

    private(set) var authorization: Place?
    private(set) var key: Place?
    private(set) var tenant: Place?
    private(set) var ifNoneMatch: Place?
    private(set) var after: Place?
    private(set) var prefer: Place?
    private(set) var acceptEncoding: Place?
    private(set) var cacheControl: Place?
    private(set) var origin: Place?
    private(set) var correlationID: Place?
    private(set) var traceparent: Place?
    private(set) var isUnusual = false

    /// Takes up a field; those that no answer depends on are ignored.
    mutating func take(_ name: UnsafeBufferPointer<UInt8>, _ value: Range<Int>, in bytes: [UInt8]) {
        func isNamed(_ known: StaticString) -> Bool {
            for (index, byte) in name.enumerated() where byte | 0x20 != known.utf8Start[index] | 0x20 { return false }
            return true
        }
        // By length first: most of what a browser sends is decided by it.
        let isRepeated =
            switch name.count {
            // A list in another form than JSON, which is what is kept.
            case 6 where isNamed("accept"): Self.namesCSV(bytes[value])
            case 6 where isNamed("prefer"): Self.put(value, in: &prefer)
            case 6 where isNamed("origin"): Self.put(value, in: &origin)
            case 11 where isNamed("closter-key"): Self.put(value, in: &key)
            case 11 where isNamed("traceparent"): Self.put(value, in: &traceparent)
            case 13 where isNamed("authorization"): Self.put(value, in: &authorization)
            case 13 where isNamed("if-none-match"): Self.put(value, in: &ifNoneMatch)
            case 13 where isNamed("cache-control"): Self.put(value, in: &cacheControl)
            case 13 where isNamed("closter-after"): Self.put(value, in: &after)
            case 14 where isNamed("closter-tenant"): Self.put(value, in: &tenant)
            case 15 where isNamed("accept-encoding"): Self.put(value, in: &acceptEncoding)
            case 16 where isNamed("x-correlation-id"): Self.put(value, in: &correlationID)
            default: false
            }
        if isRepeated { isUnusual = true }
    }

    private static func put(_ value: Range<Int>, in slot: inout Place?) -> Bool {
        defer { slot = Place(value) }
        return slot != nil
    }

    /// Whether `csv` is anywhere in it, in either case: every browser sends the field with every request.
    private static func namesCSV(_ value: ArraySlice<UInt8>) -> Bool {
        value.withUnsafeBufferPointer { bytes in
            bytes.indices.dropLast(2).contains {
                bytes[$0] | 0x20 == UInt8(ascii: "c") && bytes[$0 + 1] | 0x20 == UInt8(ascii: "s")
                    && bytes[$0 + 2] | 0x20 == UInt8(ascii: "v")
            }
        }
    }
}
