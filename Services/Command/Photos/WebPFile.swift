import Photos

/// WebP (RFC 9649): a RIFF file of chunks, each with four letters, a length and a byte more where that is odd.
///
/// Kept are the picture, its transparency and its colour profile, and the orientation.
enum WebPFile {
    /// In the flags of the extended header.
    private enum Flag {
        static let animation: UInt8 = 0x02, xmp: UInt8 = 0x04, exif: UInt8 = 0x08
    }

    static func clean(_ file: [UInt8]) throws(PhotoFault) -> CleanPhoto {
        var riff = FileReader(file[4...])
        let length = try riff.little(4)
        // What comes behind is no part of it.
        var reader = FileReader(try riff.take(length))
        _ = try reader.take(4)
        var header: [UInt8]?
        var canvas: PhotoSize?, picture: PhotoSize?
        var orientation: Orientation?
        var kept: [UInt8] = []
        kept.reserveCapacity(file.count)
        while !reader.isAtEnd {
            let (tag, content) = try chunk(&reader)
            switch tag {
            case "VP8X":
                guard header == nil, picture == nil, content.count == 10 else {
                    throw .damaged("its extended header is not where or what it must be")
                }
                header = Array(content)
                canvas = try Self.canvas(content)
            case "VP8 ", "VP8L":
                guard picture == nil else { throw .damaged("it has two pictures") }
                picture = tag == "VP8L" ? try lossless(content) : try lossy(content)
                kept += chunk(tag, content)
            case "ALPH", "ICCP":
                guard header != nil else { throw .damaged("a part stands without an extended header") }
                kept += chunk(tag, content)
            case "ANIM", "ANMF": throw .unsupported("an animation")
            case "EXIF":
                let isPrefixed = content.starts(with: "Exif\0\0".utf8)
                orientation = orientation ?? Orientation(tiff: isPrefixed ? content.dropFirst(6) : content)
            default: break
            }
        }
        guard let size = picture else { throw .damaged("it has no picture") }
        guard canvas == nil || canvas == size else { throw .damaged("its picture is of another size than it says") }
        if var header {
            guard header[0] & Flag.animation == 0 else { throw .unsupported("an animation") }
            header[0] &= ~(Flag.xmp | Flag.exif)
            if let orientation, orientation != .upright {
                header[0] |= Flag.exif
                kept += chunk("EXIF", orientation.tiff[...])
            }
            kept = chunk("VP8X", header[...]) + kept
        } else {
            orientation = nil
        }
        return CleanPhoto(
            type: .webp, bytes: chunk("RIFF", (Array("WEBP".utf8) + kept)[...]),
            size: try orientation?.seen(size) ?? size)
    }

    private static func chunk(_ reader: inout FileReader) throws(PhotoFault) -> (String, ArraySlice<UInt8>) {
        let tag = try reader.tag()
        let length = try reader.little(4)
        let content = try reader.take(length)
        if !length.isMultiple(of: 2) { _ = try reader.byte() }
        return (tag, content)
    }

    private static func chunk(_ tag: String, _ content: ArraySlice<UInt8>) -> [UInt8] {
        let length = [0, 8, 16, 24].map { UInt8(truncatingIfNeeded: content.count >> $0) }
        return Array(tag.utf8) + length + content + (content.count.isMultiple(of: 2) ? [] : [0])
    }

    private static func canvas(_ content: ArraySlice<UInt8>) throws(PhotoFault) -> PhotoSize {
        var header = FileReader(content)
        _ = try header.take(4)
        return try PhotoSize(width: try header.little(3) + 1, height: try header.little(3) + 1)
    }

    /// A key frame of VP8 (RFC 6386 §9.1).
    private static func lossy(_ content: ArraySlice<UInt8>) throws(PhotoFault) -> PhotoSize {
        var frame = FileReader(content)
        let tag = try frame.little(3)
        guard tag & 1 == 0, try frame.take(3).elementsEqual([0x9D, 0x01, 0x2A]) else {
            throw .damaged("its picture does not begin as one")
        }
        // The two upper bits are a scale that nobody uses.
        return try PhotoSize(width: try frame.little(2) & 0x3FFF, height: try frame.little(2) & 0x3FFF)
    }

    private static func lossless(_ content: ArraySlice<UInt8>) throws(PhotoFault) -> PhotoSize {
        var frame = FileReader(content)
        guard try frame.byte() == 0x2F else { throw .damaged("its picture does not begin as one") }
        let bits = try frame.little(4)
        return try PhotoSize(width: (bits & 0x3FFF) + 1, height: (bits >> 14 & 0x3FFF) + 1)
    }
}
