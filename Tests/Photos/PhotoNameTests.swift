import Photos
import Testing

@Suite struct PhotoNameTests {
    private static let hash = String(repeating: "5a", count: 32)

    @Test(arguments: PhotoType.allCases) func `a name is read as it is written`(_ type: PhotoType) throws {
        let name = PhotoName(sha256: [UInt8](repeating: 0x5A, count: 32), type: type)
        #expect(name.description == "\(Self.hash).\(type.rawValue)")
        #expect(PhotoName(name.description) == name)
        #expect(PhotoName(path: name.path) == name)
        #expect(name.path == "/v1/photos/\(name)")
    }

    @Test(arguments: [
        "", ".jpg", "\(hash)", "\(hash).", "\(hash).gif", "\(hash).JPG", "\(hash).jpg ", " \(hash).jpg", "\(hash).jpg/",
        "../../\(hash).jpg", "\(hash.dropFirst()).jpg", "a\(hash).jpg", "\(hash.uppercased()).jpg", "\(hash)/jpg",
        "\(hash.dropLast(2))..jpg", "\(hash.dropLast(3))/...jpg", "\(hash.dropLast())g.jpg", "\(hash)\0.jpg",
        "\(hash).jpg\0", "\(hash)-320.jpg",
    ]) func `nothing else is a name`(_ text: String) {
        #expect(PhotoName(text) == nil)
        #expect(PhotoName(path: "/v1/photos/" + text) == nil)
    }

    @Test func `nothing else is a path`() {
        let name = "\(Self.hash).png"
        for path in [name, "v1/photos/\(name)", "/V1/photos/\(name)", "https://x.example/v1/photos/\(name)"] {
            #expect(PhotoName(path: path) == nil, "\(path)")
        }
    }
}
