import Photos

/// A photo with nothing in it but what it takes to show it: no place, no time, no camera, no words, no second picture.
///
/// The pixels are left as they are and are not decoded; which way up they are seen is kept.
struct CleanPhoto: Equatable, Sendable {
    var type: PhotoType
    var bytes: [UInt8]
    /// As it is seen.
    var size: PhotoSize

    /// Takes a file apart and puts together what is kept of it. Cleaning what is clean changes nothing.
    static func cleaning(_ file: [UInt8]) throws(PhotoFault) -> CleanPhoto {
        switch PhotoType(beginning: file) {
        case .jpeg: try JPEGFile.clean(file)
        case .png: try PNGFile.clean(file)
        case .webp: try WebPFile.clean(file)
        case nil: throw .unknownType
        }
    }
}

/// In pixels.
struct PhotoSize: Equatable, Sendable {
    var width: Int
    var height: Int

    /// More would be more than a camera takes, and memory is what a picture costs whoever decodes it, however few bytes
    /// it has.
    static let longestSide = 16_384
    static let mostPixels = 100_000_000

    init(width: Int, height: Int) throws(PhotoFault) {
        self.width = width
        self.height = height
        guard width > 0, height > 0, width <= Self.longestSide, height <= Self.longestSide,
            width * height <= Self.mostPixels
        else { throw .dimensions(width, height) }
    }
}

/// Why a file is not taken.
enum PhotoFault: Error, Equatable {
    /// Neither JPEG nor PNG nor WebP.
    case unknownType
    /// It ends before its end.
    case truncated
    /// It is not what its beginning says.
    case damaged(String)
    /// It is what few can show.
    case unsupported(String)
    case dimensions(Int, Int)
}

/// Reads a file from the front. What is not there any more is `truncated`.
struct FileReader {
    let bytes: ArraySlice<UInt8>
    private(set) var position: Int

    init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        position = bytes.startIndex
    }

    var isAtEnd: Bool { position == bytes.endIndex }

    mutating func take(_ count: Int) throws(PhotoFault) -> ArraySlice<UInt8> {
        guard count >= 0, count <= bytes.endIndex - position else { throw .truncated }
        defer { position += count }
        return bytes[position..<position + count]
    }

    mutating func byte() throws(PhotoFault) -> UInt8 { try take(1).first ?? 0 }

    mutating func big(_ count: Int) throws(PhotoFault) -> Int {
        try take(count).reduce(0) { $0 << 8 | Int($1) }
    }

    mutating func little(_ count: Int) throws(PhotoFault) -> Int {
        try take(count).reversed().reduce(0) { $0 << 8 | Int($1) }
    }

    /// Four letters.
    mutating func tag() throws(PhotoFault) -> String { String(decoding: try take(4), as: UTF8.self) }
}
