import Foundation
import Photos
import TestSupport
import Testing

@testable import Command

@Suite struct PhotoCleaningTests {
    private static func fault(_ file: [UInt8]) -> PhotoFault? {
        do throws(PhotoFault) {
            _ = try CleanPhoto.cleaning(file)
            return nil
        } catch {
            return error
        }
    }

    @Test(arguments: PhotoSample.plain) func `a plain picture stays as it is, byte for byte`(
        _ sample: PhotoSample
    ) throws {
        let file = try sample.bytes
        let photo = try CleanPhoto.cleaning(file)
        #expect(photo.bytes == file)
        #expect(try photo.size == PhotoSize(width: 48, height: 32))
        #expect(sample.rawValue.hasSuffix("." + photo.type.rawValue))
    }

    @Test(arguments: PhotoSample.full) func `nothing is left of places, people, times, cameras and words`(
        _ sample: PhotoSample
    ) throws {
        let file = try sample.bytes
        let photo = try CleanPhoto.cleaning(file)
        #expect(photo.bytes.count < file.count)
        let text = String(decoding: photo.bytes, as: Unicode.ASCII.self).lowercased()
        for word in ["secret", "x100", "2026:", "xmp", "iptc", "photoshop", "author", "title", "time"] {
            #expect(!text.contains(word), "\(word)")
        }
        // The file says that it lies on its side, and goes on to say so.
        #expect(try photo.size == PhotoSize(width: 32, height: 48))
        // What the colours mean is kept.
        #expect(text.contains("icc_profile") || text.contains("iccp"))
    }

    @Test(arguments: zip(PhotoSample.full, PhotoSample.clean)) func `what is kept is what other programs have judged`(
        _ full: PhotoSample, _ clean: PhotoSample
    ) throws {
        #expect(try CleanPhoto.cleaning(full.bytes).bytes == clean.bytes)
    }

    @Test(arguments: PhotoSample.allCases) func `cleaning what is clean changes nothing`(_ sample: PhotoSample) throws {
        let photo = try CleanPhoto.cleaning(try sample.bytes)
        #expect(try CleanPhoto.cleaning(photo.bytes) == photo)
    }

    @Test(arguments: PhotoSample.allCases) func `no part of a picture is taken for a picture`(
        _ sample: PhotoSample
    ) throws {
        let file = try CleanPhoto.cleaning(try sample.bytes).bytes
        for count in file.indices {
            let fault = Self.fault(Array(file[..<count]))
            #expect(fault == .truncated || fault == .unknownType && count < PhotoType.signature, "\(count) bytes")
        }
    }

    @Test(arguments: PhotoSample.allCases, 0..<8) func `whatever becomes of a file, what is taken is clean and stable`(
        _ sample: PhotoSample, _ seed: UInt64
    ) throws {
        var chance = SplitMix(seed: seed)
        let file = try sample.bytes
        for _ in 0..<200 {
            var damaged = file
            for _ in 0..<Int.random(in: 1...4, using: &chance) {
                let place = damaged.indices.randomElement(using: &chance) ?? 0
                switch Int.random(in: 0..<4, using: &chance) {
                case 0: damaged[place] = .random(in: 0...255, using: &chance)
                case 1: damaged[place] = [0, 0xFF, 0x7F, 0x80].randomElement(using: &chance) ?? 0
                case 2: damaged.remove(at: place)
                default: damaged.insert(contentsOf: damaged[place...].prefix(40), at: place)
                }
            }
            guard let photo = try? CleanPhoto.cleaning(damaged) else { continue }
            #expect(try CleanPhoto.cleaning(photo.bytes) == photo)
            #expect(photo.bytes.count <= damaged.count + 64)
        }
    }

    @Test(arguments: PhotoType.allCases, 0..<4) func `noise behind a good beginning does no harm`(
        _ type: PhotoType, _ seed: UInt64
    ) throws {
        var chance = SplitMix(seed: seed)
        let beginning: [UInt8] =
            switch type {
            case .jpeg: [0xFF, 0xD8, 0xFF]
            case .png: PNGFile.signature
            case .webp: Array("RIFF".utf8) + [0xFF, 0xFF, 0, 0] + Array("WEBP".utf8)
            }
        for _ in 0..<200 {
            let noise = (0..<Int.random(in: 0...300, using: &chance)).map { _ in
                UInt8.random(in: 0...255, using: &chance)
            }
            #expect(Self.fault(beginning + noise) != nil)
        }
    }

    @Test(arguments: [
        "", "GIF89a", "%PDF-1.7", "<svg xmlns='http://www.w3.org/2000/svg'/>", "RIFF____AVI LIST", "\u{1}",
    ])
    func `what is no picture is told by its content`(_ text: String) {
        #expect(Self.fault(Array(text.utf8)) == .unknownType)
    }

    @Test(arguments: [(0, 10), (10, 0), (16_385, 1), (1, 16_385), (16_384, 16_384)])
    func `sizes that cannot be are refused without looking at a pixel`(_ width: Int, _ height: Int) throws {
        #expect(Self.fault(try Made.png(width, height)) == .dimensions(width, height))
        if width < 65_536, height < 65_536 {
            #expect(Self.fault(Made.jpeg(Made.frame(width, height))) == .dimensions(width, height))
        }
        guard (1...16_384).contains(width), (1...16_384).contains(height) else { return }
        #expect(Self.fault(Made.webp(lossless: (width, height))) == .dimensions(width, height))
    }

    @Test func `sizes up to the limit are taken`() throws {
        #expect(try CleanPhoto.cleaning(Made.png(16_384, 6_103)).size == PhotoSize(width: 16_384, height: 6_103))
        #expect(Self.fault(Made.jpeg(Made.frame(10_000, 10_000))) == nil)
        #expect(Self.fault(Made.webp(lossless: (10_000, 10_000))) == nil)
    }
}

/// Files made by hand, which nobody's software would make.
enum Made {
    // MARK: JPEG

    static func segment(_ marker: UInt8, _ content: [UInt8]) -> [UInt8] {
        let length = content.count + 2
        return [0xFF, marker, UInt8(length >> 8), UInt8(length & 0xFF)] + content
    }

    static func frame(_ width: Int, _ height: Int, _ marker: UInt8 = 0xC0, bits: UInt8 = 8) -> [UInt8] {
        segment(
            marker,
            [bits] + [height >> 8, height & 0xFF, width >> 8, width & 0xFF].map { UInt8(truncatingIfNeeded: $0) }
                + [1, 1, 0x11, 0])
    }

    /// A scan with a byte that looks like a marker, and a restart.
    static let scan = segment(0xDA, [1, 1, 0, 0, 63, 0]) + [0x12, 0xFF, 0x00, 0x34, 0xFF, 0xD0, 0x56]

    /// The parts, a scan and an end.
    static func jpeg(_ parts: [UInt8]..., scan: [UInt8] = scan) -> [UInt8] {
        [0xFF, 0xD8] + parts.joined() + scan + [0xFF, 0xD9]
    }

    static func exif(_ tiff: [UInt8]) -> [UInt8] { segment(0xE1, Array("Exif\0\0".utf8) + tiff) }

    // MARK: PNG

    static func chunk(_ type: String, _ content: [UInt8]) -> [UInt8] {
        let covered = Array(type.utf8) + content
        return big(content.count) + covered + big(checksum(covered))
    }

    static func png(_ width: Int, _ height: Int, _ parts: [UInt8]...) throws -> [UInt8] {
        PNGFile.signature + chunk("IHDR", big(width) + big(height) + [8, 2, 0, 0, 0]) + parts.joined()
            + chunk("IDAT", [1, 2, 3]) + chunk("IEND", [])
    }

    private static func big(_ number: Int) -> [UInt8] {
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: number >> $0) }
    }

    /// As the standard defines it, a bit at a time.
    private static func checksum(_ bytes: [UInt8]) -> Int {
        var sum: UInt32 = 0xFFFF_FFFF
        for byte in bytes {
            sum ^= UInt32(byte)
            for _ in 0..<8 { sum = sum & 1 == 1 ? sum >> 1 ^ 0xEDB8_8320 : sum >> 1 }
        }
        return Int(sum ^ 0xFFFF_FFFF)
    }

    // MARK: WebP

    static func part(_ tag: String, _ content: [UInt8]) -> [UInt8] {
        let length = [0, 8, 16, 24].map { UInt8(truncatingIfNeeded: content.count >> $0) }
        return Array(tag.utf8) + length + content + (content.count.isMultiple(of: 2) ? [] : [0])
    }

    static func webp(_ parts: [UInt8]...) -> [UInt8] { part("RIFF", Array("WEBP".utf8) + parts.joined()) }

    static func lossless(_ width: Int, _ height: Int) -> [UInt8] {
        let bits = (width - 1) | (height - 1) << 14
        return part("VP8L", [0x2F] + [0, 8, 16, 24].map { UInt8(truncatingIfNeeded: bits >> $0) } + [7, 7])
    }

    static func webp(lossless size: (Int, Int)) -> [UInt8] { webp(lossless(size.0, size.1)) }

    static func extended(_ flags: UInt8, _ width: Int, _ height: Int) -> [UInt8] {
        let size = [width - 1, height - 1].flatMap { side in [0, 8, 16].map { UInt8(truncatingIfNeeded: side >> $0) } }
        return part("VP8X", [flags, 0, 0, 0] + size)
    }
}
