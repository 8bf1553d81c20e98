import CZlib
import HTTPTypes
public import NIOCore

/// The content coding of RFC 9110 §8.4.1.3, by zlib.
public enum Gzip {
    /// Smaller bodies are sent as they are: a packet less is not to be had.
    public static let least = 1 << 10
    private static let level: Int32 = 6

    /// Whether `Accept-Encoding` takes gzip (RFC 9110 §12.5.3). Without the field nothing is compressed.
    public static func isTaken(_ field: String?) -> Bool {
        guard let field else { return false }
        var any: Bool?
        for part in field.split(separator: ",") {
            let parameters = part.split(separator: ";").map { $0.trimmed.lowercased() }
            guard let coding = parameters.first else { continue }
            let quality = parameters.dropFirst().first { $0.hasPrefix("q=") }.map { Double($0.dropFirst(2)) ?? 0 }
            let isTaken = (quality ?? 1) > 0
            if coding == "gzip" || coding == "x-gzip" { return isTaken }
            if coding == "*" { any = isTaken }
        }
        return any ?? false
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
