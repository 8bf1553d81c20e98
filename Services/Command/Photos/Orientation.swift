/// Which way up a picture is seen, as Exif numbers it: 1 to 8. Most readers turn by it, so it is the one thing of Exif that
/// is kept.
struct Orientation: Equatable {
    static let upright = Orientation(value: 1)

    private let value: UInt8

    /// Whether what is stored as rows is seen as columns.
    var isOnItsSide: Bool { value >= 5 }

    private init(value: UInt8) { self.value = value }

    /// Of the first directory of a TIFF file, which is what Exif is; nil where it says nothing that makes sense.
    init?(tiff: ArraySlice<UInt8>) {
        guard let value = try? Self.read(tiff), (1...8).contains(value) else { return nil }
        self.value = UInt8(value)
    }

    private static func read(_ tiff: ArraySlice<UInt8>) throws(PhotoFault) -> Int? {
        var header = FileReader(tiff)
        let order = try header.take(2)
        let isBig = order.elementsEqual("MM".utf8)
        guard isBig || order.elementsEqual("II".utf8) else { return nil }
        func number(_ reader: inout FileReader, _ count: Int) throws(PhotoFault) -> Int {
            isBig ? try reader.big(count) : try reader.little(count)
        }
        guard try number(&header, 2) == 42 else { return nil }
        var directory = FileReader(tiff)
        _ = try directory.take(try number(&header, 4))
        for _ in 0..<(try number(&directory, 2)) {
            var entry = FileReader(try directory.take(12))
            // A tag, a type, how many, and the value where it fits in. A short is of type 3.
            guard try number(&entry, 2) == 0x0112 else { continue }
            guard try number(&entry, 2) == 3, try number(&entry, 4) == 1 else { return nil }
            return try number(&entry, 2)
        }
        return nil
    }

    /// A TIFF file that says this and nothing else.
    var tiff: [UInt8] {
        Array("MM".utf8) + [0, 42, 0, 0, 0, 8]  // the directory begins after these eight bytes
            + [0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, value, 0, 0]  // one entry
            + [0, 0, 0, 0]  // and no other directory
    }

    func seen(_ size: PhotoSize) throws(PhotoFault) -> PhotoSize {
        isOnItsSide ? try PhotoSize(width: size.height, height: size.width) : size
    }
}
