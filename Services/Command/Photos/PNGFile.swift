import CZlib
import Photos

/// PNG (W3C, third edition): a signature and chunks, each with a length, a type and a checksum.
///
/// Kept is what colours and sizes are made from, and the orientation; texts, times, Exif, the frames of an animation and
/// whatever is not known are left out.
enum PNGFile {
    static let signature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]

    private static let kept: Set<String> = [
        "PLTE", "tRNS", "gAMA", "cHRM", "sRGB", "iCCP", "cICP", "sBIT", "bKGD", "pHYs",
    ]

    static func clean(_ file: [UInt8]) throws(PhotoFault) -> CleanPhoto {
        var reader = FileReader(file[signature.count...])
        var bytes = signature
        bytes.reserveCapacity(file.count)
        let first = try chunk(&reader)
        guard first.type == "IHDR" else { throw .damaged("it does not begin with its header") }
        let size = try header(first.content)
        bytes += first.whole
        var orientation: Orientation?
        var last = first.type
        var picture: Int?
        while last != "IEND" {
            let chunk = try chunk(&reader)
            switch chunk.type {
            case "IDAT":
                guard picture == nil || last == "IDAT" else { throw .damaged("its picture is in pieces") }
                picture = picture ?? bytes.count
                bytes += chunk.whole
            case "IEND": bytes += chunk.whole
            case "eXIf": orientation = orientation ?? Orientation(tiff: chunk.content)
            case _ where kept.contains(chunk.type): bytes += chunk.whole
            // Without what begins with a capital letter the picture is another one.
            case let type where type.utf8.first.map { $0 & 0x20 == 0 } ?? true:
                throw .unsupported("PNG with a part that PNG does not have")
            default: break
            }
            last = chunk.type
        }
        guard let picture else { throw .damaged("it has no picture") }
        if let orientation, orientation != .upright { bytes.insert(contentsOf: exif(orientation), at: picture) }
        return CleanPhoto(type: .png, bytes: bytes, size: try orientation?.seen(size) ?? size)
    }

    private struct Chunk {
        var type: String
        var content: ArraySlice<UInt8>
        /// With length and checksum.
        var whole: ArraySlice<UInt8>
    }

    private static func chunk(_ reader: inout FileReader) throws(PhotoFault) -> Chunk {
        let begin = reader.position
        let length = try reader.big(4)
        let covered = try reader.take(4 + length)
        guard try reader.big(4) == checksum(covered) else { throw .damaged("a checksum is wrong") }
        return Chunk(
            type: String(decoding: covered.prefix(4), as: UTF8.self), content: covered.dropFirst(4),
            whole: reader.bytes[begin..<reader.position])
    }

    private static func header(_ content: ArraySlice<UInt8>) throws(PhotoFault) -> PhotoSize {
        guard content.count == 13 else { throw .damaged("its header is of another length") }
        var header = FileReader(content)
        return try PhotoSize(width: try header.big(4), height: try header.big(4))
    }

    private static func exif(_ orientation: Orientation) -> [UInt8] {
        let content = orientation.tiff
        let covered = Array("eXIf".utf8) + content
        return big(content.count) + covered + big(checksum(covered[...]))
    }

    private static func checksum(_ bytes: ArraySlice<UInt8>) -> Int {
        bytes.withUnsafeBufferPointer { Int(crc32(0, $0.baseAddress, UInt32($0.count))) }
    }

    private static func big(_ number: Int) -> [UInt8] {
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: number >> $0) }
    }
}
