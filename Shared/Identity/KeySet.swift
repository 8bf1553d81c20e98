import Crypto
import EventSourcing
import JSON
import JWTKit

/// The public keys an issuer publishes (RFC 7517): only those for ES256, by `kid`. What else is in the set is ignored.
struct KeySet: Sendable {
    let keys: JWTKeyCollection
    let identifiers: Set<String>

    init(jwks bytes: [UInt8]) async throws {
        let json = try JSONValue(parsing: bytes)
        guard let entries = json["keys"]?.arrayValue else { throw KeySetError.notAKeySet }
        let keys = JWTKeyCollection()
        var identifiers: Set<String> = []
        for entry in entries {
            guard let (identifier, key) = Self.key(entry), identifiers.insert(identifier).inserted else { continue }
            await keys.add(ecdsa: key, kid: JWKIdentifier(string: identifier))
        }
        guard !identifiers.isEmpty else { throw KeySetError.noUsableKey }
        self.keys = keys
        self.identifiers = identifiers
    }

    private static func key(_ json: JSONValue) -> (String, ES256PublicKey)? {
        guard json["kty"]?.stringValue == "EC", json["crv"]?.stringValue == "P-256",
            json["alg"].map({ $0.stringValue == "ES256" }) ?? true,
            json["use"].map({ $0.stringValue == "sig" }) ?? true,
            let identifier = json["kid"]?.stringValue, (1...200).contains(identifier.utf8.count),
            let x = json["x"]?.stringValue.flatMap({ Base64URL.decode($0.utf8) }), x.count == 32,
            let y = json["y"]?.stringValue.flatMap({ Base64URL.decode($0.utf8) }), y.count == 32,
            // Refuses points that are not on the curve.
            let point = try? P256.Signing.PublicKey(x963Representation: [4] + x + y),
            let key = try? ES256PublicKey(backing: point)
        else { return nil }
        return (identifier, key)
    }
}

enum KeySetError: Error {
    case notAKeySet
    case noUsableKey
    case badAnswer(status: UInt)
}
