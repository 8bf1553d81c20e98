/// Why some bytes are not the JSON that is accepted here.
public struct JSONParseError: Error, Equatable, Sendable, CustomStringConvertible {
    public enum Code: Equatable, Sendable {
        /// Not JSON by RFC 8259, lone surrogates in escapes and bytes after the value included.
        case malformed
        /// Two members of an object have this name. (Names are compared as Swift compares strings, so two Unicode
        /// spellings of one text count as the same.)
        case duplicateKey(String)
        case invalidUTF8
        /// Well-formed, but a string holds U+0000, which PostgreSQL's text cannot store.
        case nullCharacter
        /// Nested deeper than `JSONValue.maximumDepth`.
        case tooDeep
    }

    public var code: Code
    /// Where in the bytes, from 0.
    public var offset: Int
    /// RFC 6901 pointer to the value concerned, as far as the parser had got: "" is the whole document.
    public var pointer: String

    public init(code: Code, offset: Int, pointer: String) {
        self.code = code
        self.offset = offset
        self.pointer = pointer
    }

    /// A sentence for people; it never quotes the document, except for a duplicate name.
    public var message: String {
        switch code {
        case .malformed: "not valid JSON at byte \(offset)"
        case .duplicateKey(let key): "the member \"\(key.prefix(100))\" occurs twice"
        case .invalidUTF8: "not valid UTF-8 at byte \(offset)"
        case .nullCharacter: "a string holds the character U+0000"
        case .tooDeep: "nested deeper than \(JSONValue.maximumDepth) levels"
        }
    }

    public var description: String { message }
}

/// RFC 6901.
public enum JSONPointer {
    /// One reference token, escaped: `~` and `/` become `~0` and `~1`.
    public static func escape(_ token: String) -> String {
        guard token.utf8.contains(where: { $0 == UInt8(ascii: "~") || $0 == UInt8(ascii: "/") }) else { return token }
        var result = ""
        for scalar in token.unicodeScalars {
            switch scalar {
            case "~": result += "~0"
            case "/": result += "~1"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
