import CZlib
import HTTPTypes
public import NIOCore

/// The content coding of RFC 9110 §8.4.1.3, by zlib.
public enum Gzip {
    /// Smaller bodies are sent as they are: a packet less is not to be had.
    public static let least = 1 << 10
    private static let level: Int32 = 6

    /// Whether `Accept-Encoding` takes gzip (RFC 9110 §12.5.3). Without the field nothing is compressed.
    ///
    /// Every browser sends the field with every request: it is read where it lies.
    public static func isTaken(_ field: String?) -> Bool {
        guard var field else { return false }
        return field.withUTF8 { isTaken($0) }
    }

    static func isTaken(_ field: UnsafeBufferPointer<UInt8>) -> Bool {
        var any = false
        for element in Elements(field, separator: UInt8(ascii: ",")) {
            var parameters = Elements(element, separator: UInt8(ascii: ";"))
            guard let coding = parameters.next() else { continue }
            if coding.isText("gzip") || coding.isText("x-gzip") { return isWanted(parameters) }
            if coding.isText("*") { any = isWanted(parameters) }
        }
        return any
    }

    /// Unless the weight is zero, or none that can be read.
    private static func isWanted(_ parameters: Elements) -> Bool {
        for parameter in parameters where parameter.count > 2 && parameter[0] | 0x20 == UInt8(ascii: "q") {
            let weight = parameter.dropFirst(2)
            return parameter[1] == UInt8(ascii: "=")
                && weight.allSatisfy { (48...57).contains($0) || $0 == UInt8(ascii: ".") }
                && weight.contains { (49...57).contains($0) }
        }
        return true
    }

    /// Whether a body of this kind is worth it.
    static func isWorthwhile(_ headers: HTTPFields, bytes: Int) -> Bool {
        guard bytes >= least, headers[.contentEncoding] == nil, let type = headers[.contentType] else { return false }
        return type.hasPrefix("application/json") || type.hasPrefix("application/problem+json")
            || type.hasPrefix("text/")
    }

    /// Compresses a whole body, and says so in its fields. A strong tag becomes a weak one: it names the bytes that were
    /// there before.
    static func encode(_ body: ByteBuffer, _ headers: inout HTTPFields) -> ByteBuffer {
        let coded = compress(body)
        headers[.contentEncoding] = "gzip"
        headers[.contentLength] = "\(coded.readableBytes)"
        if let tag = headers[.eTag], !tag.hasPrefix("W/") { headers[.eTag] = "W/" + tag }
        return coded
    }

    public static func compress(_ body: ByteBuffer) -> ByteBuffer {
        var stream = z_stream()
        precondition(closter_deflate_init_gzip(&stream, level) == Z_OK, "zlib is out of memory")
        defer { deflateEnd(&stream) }
        let bound = Int(deflateBound(&stream, UInt(body.readableBytes)))
        var coded = ByteBuffer()
        coded.writeWithUnsafeMutableBytes(minimumWritableBytes: bound) { output in
            body.withUnsafeReadableBytes { input in
                stream.next_in = UnsafeMutablePointer(
                    mutating: input.baseAddress?.assumingMemoryBound(to: Bytef.self))
                stream.avail_in = UInt32(input.count)
                stream.next_out = output.baseAddress?.assumingMemoryBound(to: Bytef.self)
                stream.avail_out = UInt32(output.count)
                let result = deflate(&stream, Z_FINISH)
                precondition(result == Z_STREAM_END, "deflate has the room that deflateBound asked for")
                return output.count - Int(stream.avail_out)
            }
        }
        return coded
    }
}

/// The parts of a field's value, without the white space round them.
private struct Elements: Sequence, IteratorProtocol {
    private var rest: UnsafeBufferPointer<UInt8>
    private let separator: UInt8
    private var isOver = false

    init(_ bytes: UnsafeBufferPointer<UInt8>, separator: UInt8) {
        rest = bytes
        self.separator = separator
    }

    mutating func next() -> UnsafeBufferPointer<UInt8>? {
        guard !isOver else { return nil }
        let end = rest.firstIndex(of: separator) ?? rest.endIndex
        var part = rest[..<end]
        isOver = end == rest.endIndex
        if !isOver { rest = UnsafeBufferPointer(rebasing: rest[(end + 1)...]) }
        func isSpace(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
        while let byte = part.first, isSpace(byte) { part.removeFirst() }
        while let byte = part.last, isSpace(byte) { part.removeLast() }
        return UnsafeBufferPointer(rebasing: part)
    }
}

extension UnsafeBufferPointer<UInt8> {
    /// Letters in either case.
    fileprivate func isText(_ text: StaticString) -> Bool {
        count == text.utf8CodeUnitCount && zip(self, 0...).allSatisfy { $0 | 0x20 == text.utf8Start[$1] | 0x20 }
    }
}
