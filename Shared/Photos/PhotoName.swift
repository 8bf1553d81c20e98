/// What a photo's bytes are. STORED NAMES: only ever add.
public enum PhotoType: String, CaseIterable, Sendable {
    case jpeg = "jpg"
    case png, webp

    /// Bytes from which on it can be told.
    public static let signature = 12

    /// What a file is, by its first bytes; nil: none of these, or too few bytes.
    public init?(beginning bytes: [UInt8]) {
        if bytes.starts(with: [0xFF, 0xD8, 0xFF]) {
            self = .jpeg
        } else if bytes.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) {
            self = .png
        } else if bytes.starts(with: "RIFF".utf8), bytes.dropFirst(8).starts(with: "WEBP".utf8) {
            self = .webp
        } else {
            return nil
        }
    }

    public var media: String {
        switch self {
        case .jpeg: "image/jpeg"
        case .png: "image/png"
        case .webp: "image/webp"
        }
    }
}

/// The name of a photo: the SHA-256 of its bytes in lower-case hexadecimal, a dot, and its type. The same bytes have the
/// same name, and a name never stands for other bytes.
///
/// It is safe in a path and in an address: nothing else is a name.
public struct PhotoName: Hashable, Sendable, CustomStringConvertible {
    /// 64 digits.
    public let hash: String
    public let type: PhotoType

    /// - Parameter digest: of 32 bytes.
    public init(sha256 digest: some Sequence<UInt8>, type: PhotoType) {
        let digits = Array("0123456789abcdef".utf8)
        hash = String(decoding: digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
        self.type = type
    }

    /// nil for what is no photo's name.
    public init?(_ text: some StringProtocol) {
        let bytes = Array(text.utf8)
        guard bytes.count > 65, bytes[64] == UInt8(ascii: "."),
            bytes[..<64].allSatisfy({ (48...57).contains($0) || (97...102).contains($0) }),
            let type = PhotoType(rawValue: String(decoding: bytes[65...], as: UTF8.self))
        else { return nil }
        hash = String(decoding: bytes[..<64], as: UTF8.self)
        self.type = type
    }

    public var description: String { "\(hash).\(type.rawValue)" }

    // MARK: Where it is read

    /// STORED FORM: items name photos so.
    public var path: String { Self.root + description }

    /// nil for what is no photo's path.
    public init?(path: some StringProtocol) {
        guard path.hasPrefix(Self.root) else { return nil }
        self.init(path.dropFirst(Self.root.count))
    }

    public static let root = "/v1/photos/"
}
