import Crypto
import Foundation

/// `"<version>-<digest of the bytes>"`: the version for `If-Match` on the command service, the digest because the same
/// version can have other bytes (a listing shows its item's brand).
enum EntityTag {
    /// The first 64 bits of SHA-256, in quotes and ready for the header.
    static func make(version: Int64, of bytes: UnsafeRawBufferPointer) -> String {
        var hash = SHA256()
        hash.update(bufferPointer: bytes)
        var text: [UInt8] = []
        text.reserveCapacity(40)
        text.append(UInt8(ascii: "\""))
        text.append(contentsOf: String(version).utf8)
        text.append(UInt8(ascii: "-"))
        hash.finalize().withUnsafeBytes { digest in
            Hex.append(digest.prefix(8), to: &text)
        }
        text.append(UInt8(ascii: "\""))
        return String(decoding: text, as: UTF8.self)
    }

    /// Whether `If-None-Match` names this tag: `*`, or a list of tags, compared weakly (RFC 9110 §13.1.2).
    /// What is no list of tags matches nothing.
    static func matches(_ field: String, _ tag: String) -> Bool {
        var rest = Substring(field).utf8
        func skip(_ isSkipped: (UInt8) -> Bool) { rest = rest.drop(while: isSkipped) }
        func isSpace(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }

        skip(isSpace)
        if rest.first == UInt8(ascii: "*") { return rest.dropFirst().allSatisfy(isSpace) }
        while true {
            skip { isSpace($0) || $0 == UInt8(ascii: ",") }
            if rest.starts(with: "W/".utf8) { rest = rest.dropFirst(2) }
            guard rest.first == UInt8(ascii: "\""),
                let end = rest.dropFirst().firstIndex(of: UInt8(ascii: "\""))
            else { return false }
            let after = rest.index(after: end)
            if rest[..<after].elementsEqual(tag.utf8) { return true }
            rest = rest[after...]
        }
    }
}

/// Bytes as lower-case hexadecimal.
enum Hex {
    private static let digits = Array("0123456789abcdef".utf8)

    static func append(_ bytes: some Sequence<UInt8>, to text: inout [UInt8]) {
        for byte in bytes {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
    }

    static func text(_ bytes: some Sequence<UInt8>) -> String {
        var text: [UInt8] = []
        append(bytes, to: &text)
        return String(decoding: text, as: UTF8.self)
    }
}
