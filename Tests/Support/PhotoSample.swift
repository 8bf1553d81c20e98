import Foundation

/// Files of one small picture, 48 pixels wide and 32 high.
public enum PhotoSample: String, CaseIterable, Sendable {
    case plainJPEG = "plain.jpg"
    case plainPNG = "plain.png"
    case plainWebP = "plain.webp"
    /// With whatever a camera and its software put in: the place, an author, a thumbnail, comments, a colour profile, and
    /// bytes behind the end. By its Exif it is to be turned to the right.
    case fullJPEG = "everything.jpg"
    case fullPNG = "everything.png"
    case fullWebP = "everything.webp"
    /// What is kept of them.
    case cleanJPEG = "clean.jpg"
    case cleanPNG = "clean.png"
    case cleanWebP = "clean.webp"

    public static let plain: [PhotoSample] = [.plainJPEG, .plainPNG, .plainWebP]
    public static let full: [PhotoSample] = [.fullJPEG, .fullPNG, .fullWebP]

    public static let clean: [PhotoSample] = [.cleanJPEG, .cleanPNG, .cleanWebP]

    public var bytes: [UInt8] {
        get throws { [UInt8](try Data(contentsOf: Self.folder.appending(path: rawValue))) }
    }

    private static let folder = TestDatabase.checkout.appending(path: "Tests/Support/Photos")
}
