import Photos
import TestSupport
import Testing

@testable import Command

/// What each kind of file keeps, and what it is refused for.
@Suite struct PhotoFileTests {
    private static let frame = Made.frame(8, 4)

    private func isDamaged(_ file: [UInt8]) -> Bool {
        do throws(PhotoFault) {
            _ = try CleanPhoto.cleaning(file)
            return false
        } catch {
            if case .damaged = error { return true } else { return false }
        }
    }

    private func isUnsupported(_ file: [UInt8]) -> Bool {
        do throws(PhotoFault) {
            _ = try CleanPhoto.cleaning(file)
            return false
        } catch {
            if case .unsupported = error { return true } else { return false }
        }
    }

    // MARK: JPEG

    @Test func `of a JPEG tables, frame, scans, profile and Adobe's word are kept, in their order`() throws {
        let kept = [
            Made.segment(0xDB, [1]), Made.segment(0xE2, Array("ICC_PROFILE\0".utf8) + [1, 1, 9]),
            Made.segment(0xEE, Array("Adobe".utf8) + [0, 100, 0, 0, 0, 0, 1]), Self.frame, Made.segment(0xC4, [2]),
            Made.segment(0xDD, [0, 1]),
        ]
        let dropped =
            [Made.segment(0xFE, [1]), Made.segment(0xE2, Array("MPF\0".utf8)), Made.segment(0xEE, [1])]
            + (0xE0...0xEF).map { Made.segment($0, Array("else\0".utf8)) }
        let mixed = zip(kept, [dropped.flatMap(\.self)] + Array(repeating: dropped[0], count: 5)).flatMap { $1 + $0 }
        let photo = try CleanPhoto.cleaning(Made.jpeg(mixed))
        #expect(photo.bytes == Made.jpeg(kept.flatMap(\.self)))
    }

    @Test func `of JFIF the thumbnail is left out`() throws {
        let head = Array("JFIF\0".utf8) + [1, 1, 1, 0, 72, 0, 72]
        let file = Made.jpeg(Made.segment(0xE0, head + [1, 1, 9, 9, 9]), Self.frame)
        #expect(try CleanPhoto.cleaning(file).bytes == Made.jpeg(Made.segment(0xE0, head + [0, 0]), Self.frame))
    }

    @Test func `a second picture behind the first is left out`() throws {
        let file = Made.jpeg(Self.frame)
        #expect(try CleanPhoto.cleaning(file + file).bytes == file)
    }

    @Test(arguments: 1...8) func `which way up it is seen is all that is kept of Exif`(_ value: UInt8) throws {
        let little: [UInt8] =
            Array("II".utf8) + [42, 0, 8, 0, 0, 0, 2, 0]
            + [0x0F, 0x01, 2, 0, 4, 0, 0, 0, 0x61, 0x62, 0x63, 0]  // a maker
            + [0x12, 0x01, 3, 0, 1, 0, 0, 0, value, 0, 0, 0] + [0, 0, 0, 0]
        let big: [UInt8] =
            Array("MM".utf8) + [0, 42, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, value, 0, 0, 0, 0, 0, 0]
        for tiff in [little, big] {
            let photo = try CleanPhoto.cleaning(Made.jpeg(Made.exif(tiff), Self.frame))
            #expect(photo.bytes == (value == 1 ? Made.jpeg(Self.frame) : Made.jpeg(Made.exif(big), Self.frame)))
            #expect(try photo.size == (value < 5 ? PhotoSize(width: 8, height: 4) : PhotoSize(width: 4, height: 8)))
        }
    }

    @Test func `Exif that makes no sense says nothing`() throws {
        let entry: [UInt8] = [0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0]
        let header: [UInt8] = Array("MM".utf8) + [0, 42, 0, 0, 0, 8]
        var wrong: [[UInt8]] = [
            [], Array("XX".utf8) + header.dropFirst(2) + entry, Array("MM".utf8) + [0, 43, 0, 0, 0, 8] + entry,
            Array("MM".utf8) + [0, 42, 0xFF, 0xFF, 0xFF, 0xFF] + entry, header + [0xFF, 0xFF],
        ]
        for (place, byte) in [(11, 9), (11, 0), (5, 4), (9, 2)] as [(Int, UInt8)] {
            var entry = entry
            entry[place] = byte
            wrong.append(header + entry)
        }
        for tiff in wrong {
            #expect(try CleanPhoto.cleaning(Made.jpeg(Made.exif(tiff), Self.frame)).bytes == Made.jpeg(Self.frame))
        }
    }

    @Test func `a JPEG that is none inside is refused`() {
        #expect(isDamaged(Made.jpeg(Self.frame, Self.frame)))
        #expect(isDamaged(Made.jpeg([])))
        #expect(isDamaged([0xFF, 0xD8, 0xFF, 0xD9, 0, 0, 0, 0, 0, 0, 0, 0]))
        #expect(isDamaged(Made.jpeg(Self.frame, scan: [])))
        #expect(isDamaged(Made.jpeg(Self.frame, [0x12])))
        #expect(isDamaged(Made.jpeg(Self.frame, [0xFF, 0x01, 0, 2])))
        #expect(isDamaged(Made.jpeg(Self.frame, [0xFF, 0xDB, 0, 1])))
        #expect(isDamaged(Made.jpeg(Made.segment(0xC0, [8, 0, 4, 0, 8, 2, 1, 0x11, 0]))))
        #expect(isUnsupported(Made.jpeg(Made.frame(8, 4, 0xC9))))
        #expect(isUnsupported(Made.jpeg(Made.frame(8, 4, 0xC1, bits: 12))))
    }

    // MARK: PNG

    @Test func `of a PNG what it takes to show it is kept`() throws {
        let kept = ["PLTE", "tRNS", "gAMA", "cHRM", "sRGB", "iCCP", "cICP", "sBIT", "bKGD", "pHYs"].map {
            Made.chunk($0, [1, 2, 3])
        }
        let dropped = ["tEXt", "iTXt", "zTXt", "tIME", "eXIf", "acTL", "dSIG", "hIST", "prVt"].map {
            Made.chunk($0, [1, 2, 3])
        }
        let mixed = zip(kept, dropped + [[]]).flatMap { $0 + $1 }
        let photo = try CleanPhoto.cleaning(Made.png(8, 4, mixed) + [1, 2, 3])
        #expect(try photo.bytes == Made.png(8, 4, kept.flatMap(\.self)))
    }

    @Test func `a PNG that is none inside is refused`() throws {
        var file = try Made.png(8, 4)
        file[file.count - 1] ^= 1
        #expect(isDamaged(file))
        let picture = Made.chunk("IDAT", [1]), header = try Made.png(8, 4)[8..<33]
        #expect(isDamaged(PNGFile.signature + picture))
        #expect(isDamaged(PNGFile.signature + header + Made.chunk("IEND", [])))
        #expect(isDamaged(try Made.png(8, 4, picture, Made.chunk("tEXt", [1]))))
        #expect(isDamaged(PNGFile.signature + Made.chunk("IHDR", [0, 0, 0, 1, 0, 0, 0, 1])))
        #expect(isUnsupported(try Made.png(8, 4, Made.chunk("NEWS", [1]))))
    }

    // MARK: WebP

    @Test func `of a WebP flags and length tell what is left`() throws {
        let picture = Made.lossless(8, 4)
        let file = Made.webp(
            Made.extended(0x3C, 8, 4), Made.part("ICCP", [1, 2, 3]), Made.part("ALPH", [4]), picture,
            Made.part("EXIF", [1]), Made.part("XMP ", [2, 2]), Made.part("what", [3]))
        #expect(
            try CleanPhoto.cleaning(file + [9, 9]).bytes
                == Made.webp(
                    Made.extended(0x30, 8, 4), Made.part("ICCP", [1, 2, 3]), Made.part("ALPH", [4]), picture))
    }

    @Test func `a WebP that is none inside is refused`() {
        let picture = Made.lossless(8, 4)
        #expect(isDamaged(Made.webp()))
        #expect(isDamaged(Made.webp(picture, picture)))
        #expect(isDamaged(Made.webp(picture, Made.extended(0, 8, 4))))
        #expect(isDamaged(Made.webp(Made.extended(0, 8, 5), picture)))
        #expect(isDamaged(Made.webp(Made.part("ALPH", [1]), picture)))
        #expect(isDamaged(Made.webp(Made.part("VP8 ", [1, 0, 0, 0x9D, 0x01, 0x2A, 8, 0, 4, 0]))))
        #expect(isDamaged(Made.webp(Made.part("VP8L", [0x2E, 7, 0, 1, 0]))))
        #expect(isUnsupported(Made.webp(Made.extended(0x02, 8, 4), Made.part("ANIM", [1, 2, 3, 4, 5, 6]))))
        #expect(isUnsupported(Made.webp(Made.extended(0x02, 8, 4), picture)))
    }
}
