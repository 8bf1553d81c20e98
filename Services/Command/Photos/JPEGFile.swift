import Photos

/// JPEG (ITU-T T.81): segments, each with a marker, and after the head of a scan its coded bytes.
///
/// Kept are the tables, the frame and the scans; of the rest JFIF without its thumbnail, the colour profile, what Adobe says
/// of the colours, and the orientation. A file ends with its first picture: phones append others.
enum JPEGFile {
    private enum Marker {
        static let start: UInt8 = 0xD8, end: UInt8 = 0xD9, scan: UInt8 = 0xDA
        /// Baseline, extended, progressive; what else there is nobody shows.
        static let frames: ClosedRange<UInt8> = 0xC0...0xC2
        static let otherFrames: Set<UInt8> = [0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCC, 0xCD, 0xCE, 0xCF]
        /// Of Huffman, of quantization, the restart interval.
        static let tables: Set<UInt8> = [0xC4, 0xDB, 0xDD]
        static let restarts: ClosedRange<UInt8> = 0xD0...0xD7
        static let jfif: UInt8 = 0xE0, exif: UInt8 = 0xE1, profile: UInt8 = 0xE2, adobe: UInt8 = 0xEE
        /// Applications', comments, and others that carry a length.
        static let others: Set<UInt8> = Set(0xE0...0xFE).union([0xDC])
    }

    static func clean(_ file: [UInt8]) throws(PhotoFault) -> CleanPhoto {
        var reader = FileReader(file[2...])
        var jfif: [UInt8] = [], kept: [UInt8] = []
        var orientation: Orientation?
        var size: PhotoSize?
        var hasScan = false
        kept.reserveCapacity(file.count)
        while true {
            let marker = try marker(&reader)
            if marker == Marker.end { break }
            let begin = reader.position
            let length = try reader.big(2)
            guard length >= 2 else { throw .damaged("a segment is shorter than its length") }
            let content = try reader.take(length - 2)
            let segment = [0xFF, marker] + file[begin..<reader.position]
            switch marker {
            case Marker.frames:
                guard size == nil else { throw .damaged("it has two frames") }
                size = try frame(content)
                kept += segment
            case Marker.otherFrames: throw .unsupported("JPEG of a kind that browsers do not show")
            case Marker.tables: kept += segment
            case Marker.scan:
                guard size != nil else { throw .damaged("a scan comes before the frame") }
                hasScan = true
                kept += segment
                kept += try coded(&reader)
            case Marker.jfif where content.starts(with: "JFIF\0".utf8) && content.count >= 14:
                // Two bytes of version, five of density, and then a thumbnail, which is left out.
                if jfif.isEmpty { jfif = [0xFF, marker, 0, 16] + content.prefix(12) + [0, 0] }
            case Marker.exif where content.starts(with: "Exif\0\0".utf8):
                orientation = orientation ?? Orientation(tiff: content.dropFirst(6))
            case Marker.profile where content.starts(with: "ICC_PROFILE\0".utf8): kept += segment
            case Marker.adobe where content.starts(with: "Adobe".utf8): kept += segment
            case Marker.others: continue
            default: throw .damaged("it has a marker that JPEG does not have")
            }
        }
        guard let size, hasScan else { throw .damaged("it has no picture") }
        var bytes = [0xFF, Marker.start] + jfif
        if let orientation, orientation != .upright {
            let content = Array("Exif\0\0".utf8) + orientation.tiff
            bytes += [0xFF, Marker.exif, 0, UInt8(content.count + 2)] + content
        }
        bytes += kept
        bytes += [0xFF, Marker.end]
        return CleanPhoto(type: .jpeg, bytes: bytes, size: try orientation?.seen(size) ?? size)
    }

    /// The next marker; any number of fill bytes may come before it.
    private static func marker(_ reader: inout FileReader) throws(PhotoFault) -> UInt8 {
        guard try reader.byte() == 0xFF else { throw .damaged("there is no marker where one must be") }
        var byte = try reader.byte()
        while byte == 0xFF { byte = try reader.byte() }
        return byte
    }

    private static func frame(_ content: ArraySlice<UInt8>) throws(PhotoFault) -> PhotoSize {
        var frame = FileReader(content)
        guard try frame.byte() == 8 else { throw .unsupported("JPEG of more than eight bits a sample") }
        let height = try frame.big(2)
        let size = try PhotoSize(width: try frame.big(2), height: height)
        let components = Int(try frame.byte())
        guard [1, 3, 4].contains(components), content.count == 6 + 3 * components else {
            throw .damaged("the frame has no components that make sense")
        }
        return size
    }

    /// The coded bytes of a scan, up to the next marker that is no part of it.
    private static func coded(_ reader: inout FileReader) throws(PhotoFault) -> ArraySlice<UInt8> {
        let bytes = reader.bytes
        var end = reader.position
        while true {
            guard let mark = bytes[end...].firstIndex(of: 0xFF), mark + 1 < bytes.endIndex else { throw .truncated }
            let next = bytes[mark + 1]
            end = mark
            // A zero says that the byte before it is no marker.
            guard next == 0 || Marker.restarts.contains(next) else { break }
            end = mark + 2
        }
        return try reader.take(end - reader.position)
    }
}

private func ~= (markers: Set<UInt8>, marker: UInt8) -> Bool { markers.contains(marker) }
