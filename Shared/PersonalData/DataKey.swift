import Crypto
import EventSourcing
import Foundation
public import JSON

/// What is sealed cannot be opened. Says nothing of what was in it.
public enum PersonalDataError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Not what was sealed for this owner and field under this key.
    case damaged(field: String)
    /// A key is wrapped by a master key that this process was not given.
    case unknownMaster(String)

    public var description: String {
        switch self {
        case .damaged(let field): "the sealed \(field) does not open"
        case .unknownMaster(let name): "there is no master key \(name) in CLOSTER_MASTER_KEYS"
        }
    }
}

/// The key of one scope of one person's data. It exists in memory for as long as a request needs it; at rest it is wrapped
/// by a master key.
public struct DataKey: Sendable {
    public let owner: KeyOwner
    let key: SymmetricKey

    init(owner: KeyOwner, key: SymmetricKey) {
        self.owner = owner
        self.key = key
    }

    public static func generate(for owner: KeyOwner) -> DataKey {
        DataKey(owner: owner, key: SymmetricKey(size: .bits256))
    }

    /// AES-256-GCM, base64url of nonce, ciphertext and tag. Another text each time.
    ///
    /// - Parameter field: names the value; it opens only under the same name.
    public func seal(_ value: JSONValue, as field: String) throws -> String {
        // Lengths would tell names from one another: what is sealed is filled up with white space.
        var bytes = value.bytes
        bytes += Array(repeating: UInt8(ascii: " "), count: (Self.block - bytes.count % Self.block) % Self.block)
        return Base64URL.encode(try seal(bytes, as: field))
    }

    public func open(_ text: String, as field: String) throws(PersonalDataError) -> JSONValue {
        guard let sealed = Base64URL.decode(text.utf8), let value = try? JSONValue(parsing: open(sealed, as: field))
        else { throw .damaged(field: field) }
        return value
    }

    /// Nonce, ciphertext and tag.
    public func seal(_ bytes: [UInt8], as field: String) throws -> [UInt8] {
        let box = try AES.GCM.seal(bytes, using: key, authenticating: owner.authenticated("field/\(field)"))
        return Array(box.nonce) + Array(box.ciphertext) + Array(box.tag)
    }

    public func open(_ sealed: [UInt8], as field: String) throws(PersonalDataError) -> [UInt8] {
        do {
            let box = try AES.GCM.SealedBox(combined: sealed)
            return Array(try AES.GCM.open(box, using: key, authenticating: owner.authenticated("field/\(field)")))
        } catch {
            throw .damaged(field: field)
        }
    }

    private static let block = 32
}
