public import Foundation

/// A public identifier by the TypeID specification 0.3: a prefix that tells the kind, `_`, and a UUID in base32:
/// `item_01h455vb4pex5vsknk084sn02q`.
public struct TypeID: Hashable, Sendable, CustomStringConvertible {
    public let prefix: String
    public let uuid: UUID

    /// `prefix` is one of the program's own and follows `isValid(prefix:)`; what comes from outside goes through
    /// `init(_:)`.
    public init(prefix: String, uuid: UUID) {
        assert(Self.isValid(prefix: prefix), "not a TypeID prefix: \(prefix)")
        self.prefix = prefix
        self.uuid = uuid
    }

    /// nil unless `text` follows the specification to the letter; any UUID version is accepted.
    public init?(_ text: String) {
        let bytes = text.utf8
        let suffix = bytes.suffix(Base32.length)
        guard let bits = Base32.decode(suffix) else { return nil }
        let head = bytes[..<suffix.startIndex]
        if head.isEmpty {
            prefix = ""
        } else {
            guard head.last == UInt8(ascii: "_"), let prefix = String(head.dropLast()), !prefix.isEmpty,
                Self.isValid(prefix: prefix)
            else { return nil }
            self.prefix = prefix
        }
        uuid = UUID(bits: bits)
    }

    /// The UUID of a text that must carry this prefix; nil for anything else.
    public static func uuid(of text: String, prefix: String) -> UUID? {
        guard let id = TypeID(text), id.prefix == prefix else { return nil }
        return id.uuid
    }

    /// Up to 63 characters of `a…z` and `_`, with no `_` at either end; empty is allowed.
    public static func isValid(prefix: String) -> Bool {
        let bytes = prefix.utf8
        let underscore = UInt8(ascii: "_")
        return bytes.count <= 63 && bytes.first != underscore && bytes.last != underscore
            && bytes.allSatisfy { $0 == underscore || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) }
    }

    public var description: String {
        var text: [UInt8] = []
        append(to: &text)
        return String(decoding: text, as: UTF8.self)
    }

    /// Appends the bytes of `description`.
    public func append(to text: inout [UInt8]) {
        if !prefix.isEmpty {
            text.append(contentsOf: prefix.utf8)
            text.append(UInt8(ascii: "_"))
        }
        Base32.append(uuid.bits, to: &text)
    }
}
