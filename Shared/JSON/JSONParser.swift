extension JSONValue {
    /// Arrays and objects may be nested this deep.
    public static let maximumDepth = 64

    /// Parses exactly one JSON text (RFC 8259), with space around it and nothing else.
    ///
    /// Refused: duplicate member names, bad UTF-8 (overlong forms and surrogates included), lone surrogates in
    /// escapes, a byte order mark, nesting deeper than `maximumDepth`. U+0000 in an otherwise good document is reported as
    /// `.nullCharacter`. Time is linear in the size of the input.
    public init(parsing bytes: some Collection<UInt8>) throws(JSONParseError) {
        let contiguous = bytes.withContiguousStorageIfAvailable { JSONParser.parse($0) }
        let result = contiguous ?? Array(bytes).withUnsafeBufferPointer { JSONParser.parse($0) }
        self = try result.get()
    }

    /// The same for the UTF-8 of a text.
    public init(parsing text: String) throws(JSONParseError) {
        try self.init(parsing: text.utf8)
    }
}

/// A recursive-descent parser over borrowed bytes.
struct JSONParser {
    private let start: UnsafePointer<UInt8>
    private let end: Int
    private var at = 0
    private var depth = 0
    /// The document is read to its end first: bad JSON weighs more than a U+0000. Then once more, to find its place.
    private var sawNullCharacter = false
    private let stopsAtNullCharacter: Bool

    static func parse(_ bytes: UnsafeBufferPointer<UInt8>) -> Result<JSONValue, JSONParseError> {
        guard let base = bytes.baseAddress, !bytes.isEmpty else {
            return .failure(JSONParseError(code: .malformed, offset: 0, pointer: ""))
        }
        do throws(JSONParseError) {
            var parser = JSONParser(start: base, end: bytes.count, stopsAtNullCharacter: false)
            let value = try parser.document()
            guard parser.sawNullCharacter else { return .success(value) }
            var second = JSONParser(start: base, end: bytes.count, stopsAtNullCharacter: true)
            return .success(try second.document())
        } catch {
            return .failure(error)
        }
    }

    private init(start: UnsafePointer<UInt8>, end: Int, stopsAtNullCharacter: Bool) {
        self.start = start
        self.end = end
        self.stopsAtNullCharacter = stopsAtNullCharacter
    }

    private mutating func document() throws(JSONParseError) -> JSONValue {
        skipSpace()
        let result = try value()
        skipSpace()
        guard at == end else { throw error(.malformed) }
        return result
    }

    private func error(_ code: JSONParseError.Code, at offset: Int? = nil) -> JSONParseError {
        JSONParseError(code: code, offset: offset ?? at, pointer: "")
    }

    /// Something other than what the grammar wants stands here: bytes ≥ 0x80 that are no UTF-8 are called that.
    private func unexpected() -> JSONParseError {
        error(
            at < end && start[at] >= 0x80 && UTF8Scan.sequenceLength(start, at, end) == nil ? .invalidUTF8 : .malformed)
    }

    /// 0 at the end, which is no byte of the grammar.
    private var next: UInt8 { at < end ? start[at] : 0 }

    private mutating func skipSpace() {
        while at < end {
            switch start[at] {
            case 0x20, 0x0A, 0x0D, 0x09: at += 1
            default: return
            }
        }
    }

    private mutating func value() throws(JSONParseError) -> JSONValue {
        switch next {
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "{"): return .object(try object())
        case UInt8(ascii: "["): return .array(try array())
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
        case UInt8(ascii: "t"):
            try word("true")
            return .bool(true)
        case UInt8(ascii: "f"):
            try word("false")
            return .bool(false)
        case UInt8(ascii: "n"):
            try word("null")
            return .null
        default: throw unexpected()
        }
    }

    private mutating func word(_ word: StaticString) throws(JSONParseError) {
        let length = word.utf8CodeUnitCount
        for index in 0..<length {
            guard at < end, start[at] == word.utf8Start[index] else { throw unexpected() }
            at += 1
        }
    }

    private mutating func enter() throws(JSONParseError) {
        depth += 1
        guard depth <= JSONValue.maximumDepth else { throw error(.tooDeep) }
        at += 1
        skipSpace()
    }

    private mutating func object() throws(JSONParseError) -> JSONObject {
        try enter()
        var members: [JSONObject.Member] = []
        var names: Set<String> = []
        if next == UInt8(ascii: "}") {
            at += 1
            depth -= 1
            return JSONObject()
        }
        members.reserveCapacity(8)
        while true {
            guard next == UInt8(ascii: "\"") else { throw unexpected() }
            let place = at
            let key = try string()
            let isDuplicate: Bool
            if members.count < JSONObject.linearLimit {
                isDuplicate = members.contains { $0.key == key }
            } else {
                if names.isEmpty { names.formUnion(members.lazy.map(\.key)) }
                isDuplicate = !names.insert(key).inserted
            }
            if isDuplicate { throw within(key, error(.duplicateKey(key), at: place)) }
            skipSpace()
            guard next == UInt8(ascii: ":") else { throw unexpected() }
            at += 1
            skipSpace()
            do throws(JSONParseError) {
                members.append((key, try value()))
            } catch {
                throw within(key, error)
            }
            skipSpace()
            switch next {
            case UInt8(ascii: ","):
                at += 1
                skipSpace()
            case UInt8(ascii: "}"):
                at += 1
                depth -= 1
                return JSONObject(unique: members)
            default: throw unexpected()
            }
        }
    }

    private mutating func array() throws(JSONParseError) -> [JSONValue] {
        try enter()
        var elements: [JSONValue] = []
        if next == UInt8(ascii: "]") {
            at += 1
            depth -= 1
            return elements
        }
        while true {
            do throws(JSONParseError) {
                elements.append(try value())
            } catch {
                throw within(String(elements.count), error)
            }
            skipSpace()
            switch next {
            case UInt8(ascii: ","):
                at += 1
                skipSpace()
            case UInt8(ascii: "]"):
                at += 1
                depth -= 1
                return elements
            default: throw unexpected()
            }
        }
    }

    private func within(_ token: String, _ inner: JSONParseError) -> JSONParseError {
        var outer = inner
        outer.pointer = "/" + JSONPointer.escape(token) + inner.pointer
        return outer
    }

    private mutating func number() throws(JSONParseError) -> JSONValue {
        let first = at
        let isNegative = next == UInt8(ascii: "-")
        if isNegative { at += 1 }
        let digits = at
        // Counted down from zero, because Int64.min has no positive twin.
        var value: Int64 = 0
        var fits = true
        while case let digit = next &- UInt8(ascii: "0"), digit < 10, at < end {
            let (product, over) = value.multipliedReportingOverflow(by: 10)
            let (sum, under) = product.subtractingReportingOverflow(Int64(digit))
            if over || under { fits = false }
            value = sum
            at += 1
        }
        guard at > digits, start[digits] != UInt8(ascii: "0") || at == digits + 1 else {
            if at > digits { at = digits + 1 }
            throw unexpected()
        }
        var isInteger = true
        if next == UInt8(ascii: ".") {
            isInteger = false
            at += 1
            try digitRun()
        }
        if next | 0x20 == UInt8(ascii: "e") {
            isInteger = false
            at += 1
            if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { at += 1 }
            try digitRun()
        }
        if isInteger, fits, isNegative || value != .min { return .integer(isNegative ? value : -value) }
        return .number(String(decoding: UnsafeBufferPointer(start: start + first, count: at - first), as: UTF8.self))
    }

    private mutating func digitRun() throws(JSONParseError) {
        let first = at
        while at < end, start[at] &- UInt8(ascii: "0") < 10 { at += 1 }
        guard at > first else { throw unexpected() }
    }

    /// The string whose opening quote stands here.
    private mutating func string() throws(JSONParseError) -> String {
        at += 1
        let first = at
        try scanPlain()
        if start[at] == UInt8(ascii: "\"") {
            let text = String(decoding: UnsafeBufferPointer(start: start + first, count: at - first), as: UTF8.self)
            at += 1
            return text
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(at - first + 64)
        bytes.append(contentsOf: UnsafeBufferPointer(start: start + first, count: at - first))
        while start[at] == UInt8(ascii: "\\") {
            try escape(into: &bytes)
            let plain = at
            try scanPlain()
            bytes.append(contentsOf: UnsafeBufferPointer(start: start + plain, count: at - plain))
        }
        at += 1
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Moves to the next quote or backslash, over valid UTF-8 without control characters.
    private mutating func scanPlain() throws(JSONParseError) {
        while true {
            at = UTF8Scan.plainASCII(start, at, end)
            guard at < end else { throw error(.malformed) }
            let byte = start[at]
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { return }
            guard byte >= 0x80 else { throw error(.malformed) }
            guard let length = UTF8Scan.sequenceLength(start, at, end) else { throw error(.invalidUTF8) }
            at += length
        }
    }

    private mutating func escape(into bytes: inout [UInt8]) throws(JSONParseError) {
        let place = at
        at += 1
        let letter = next
        at += 1
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): bytes.append(letter)
        case UInt8(ascii: "b"): bytes.append(0x08)
        case UInt8(ascii: "f"): bytes.append(0x0C)
        case UInt8(ascii: "n"): bytes.append(0x0A)
        case UInt8(ascii: "r"): bytes.append(0x0D)
        case UInt8(ascii: "t"): bytes.append(0x09)
        case UInt8(ascii: "u"):
            var unit = try hexUnit(place)
            if unit == 0 {
                sawNullCharacter = true
                if stopsAtNullCharacter { throw error(.nullCharacter, at: place) }
            }
            if unit & 0xFC00 == 0xD800, at + 1 < end, start[at] == UInt8(ascii: "\\"),
                start[at + 1] == UInt8(ascii: "u")
            {
                at += 2
                let low = try hexUnit(place)
                guard low & 0xFC00 == 0xDC00 else { throw error(.malformed, at: place) }
                unit = 0x10000 + (unit & 0x3FF) << 10 + low & 0x3FF
            }
            guard let scalar = Unicode.Scalar(unit) else { throw error(.malformed, at: place) }
            bytes.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
        default: throw error(.malformed, at: place)
        }
    }

    private mutating func hexUnit(_ place: Int) throws(JSONParseError) -> UInt32 {
        guard at + 4 <= end else { throw error(.malformed, at: place) }
        var unit: UInt32 = 0
        for _ in 0..<4 {
            let digit: UInt8
            switch start[at] {
            case let byte where byte &- UInt8(ascii: "0") < 10: digit = byte - UInt8(ascii: "0")
            case let byte where (byte | 0x20) &- UInt8(ascii: "a") < 6: digit = (byte | 0x20) - UInt8(ascii: "a") + 10
            default: throw error(.malformed, at: place)
            }
            unit = unit << 4 | UInt32(digit)
            at += 1
        }
        return unit
    }
}
