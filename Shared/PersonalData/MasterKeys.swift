import Crypto
import Foundation

/// A data key at rest.
public struct WrappedKey: Equatable, Sendable {
    public var owner: KeyOwner
    /// The name of the master key that wraps it.
    public var master: String
    /// Nonce, ciphertext and tag.
    public var bytes: [UInt8]

    public init(owner: KeyOwner, master: String, bytes: [UInt8]) {
        self.owner = owner
        self.master = master
        self.bytes = bytes
    }
}

/// The keys that wrap data keys. They live in a file that is no part of the database, or of its backups.
///
/// A line each, `name base64(32 bytes)`, the current one first; blank lines and those that begin with `#` are none.
public struct MasterKeys: Sendable {
    public struct Unusable: Error, Equatable, Sendable, CustomStringConvertible {
        public let description: String
    }

    /// The name of the one that wraps what is new.
    public let current: String
    private let keys: [String: SymmetricKey]

    /// - Throws: what is wrong, by line and never by value.
    public init(parsing text: String) throws(Unusable) {
        var current: String?
        var keys: [String: SymmetricKey] = [:]
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let words = line.split(whereSeparator: \.isWhitespace)
            guard let first = words.first, !first.hasPrefix("#") else { continue }
            let name = String(first)
            guard words.count == 2, Self.isName(name), let key = Data(base64Encoded: String(words[1])), key.count == 32
            else { throw Unusable(description: "line \(index + 1) is not `name base64(32 bytes)`") }
            guard keys.updateValue(SymmetricKey(data: key), forKey: name) == nil else {
                throw Unusable(description: "line \(index + 1) names a key that is there already")
            }
            current = current ?? name
        }
        guard let current else { throw Unusable(description: "there is no key in it") }
        self.current = current
        self.keys = keys
    }

    public init(file path: String) throws(Unusable) {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw Unusable(description: "CLOSTER_MASTER_KEYS: the file cannot be read")
        }
        do {
            try self.init(parsing: String(decoding: data, as: UTF8.self))
        } catch {
            throw Unusable(description: "CLOSTER_MASTER_KEYS: \(error)")
        }
    }

    public func wrap(_ key: DataKey) throws -> WrappedKey {
        guard let master = keys[current] else { throw PersonalDataError.unknownMaster(current) }
        let bytes = key.key.withUnsafeBytes { Array($0) }
        let box = try AES.GCM.seal(bytes, using: master, authenticating: key.owner.authenticated("key"))
        return WrappedKey(
            owner: key.owner, master: current, bytes: Array(box.nonce) + Array(box.ciphertext) + Array(box.tag))
    }

    public func unwrap(_ wrapped: WrappedKey) throws(PersonalDataError) -> DataKey {
        guard let master = keys[wrapped.master] else { throw .unknownMaster(wrapped.master) }
        do {
            let box = try AES.GCM.SealedBox(combined: wrapped.bytes)
            let bytes = try AES.GCM.open(box, using: master, authenticating: wrapped.owner.authenticated("key"))
            return DataKey(owner: wrapped.owner, key: SymmetricKey(data: bytes))
        } catch {
            throw .damaged(field: "key")
        }
    }

    private static func isName(_ name: String) -> Bool {
        (1...40).contains(name.utf8.count)
            && name.utf8.allSatisfy {
                (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0) || $0 == 45 || $0 == 95
            }
    }
}
