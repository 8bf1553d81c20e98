import Crypto
public import EventSourcing
import Foundation
import JSON

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Signs tokens for a developer's machine, of the shape of Stack Auth's.
///
/// The private key is a JWK in a file only its owner can read; the public key is a JWKS beside it. It refuses to work
/// where a real project is configured.
public struct DevelopmentIssuer: Sendable {
    public enum Failure: Error, Equatable, Sendable, CustomStringConvertible {
        case realProjectConfigured
        case unusableKeyFile(path: String)
        case cannotWrite(path: String)
        case cannotSign

        public var description: String {
            switch self {
            case .realProjectConfigured:
                "CLOSTER_STACK_PROJECT is set: the development issuer does not work beside a real project"
            case .unusableKeyFile(let path): "\(path) does not hold a P-256 private key (JWK)"
            case .cannotWrite(let path): "\(path) cannot be written"
            case .cannotSign: "the token could not be signed"
            }
        }
    }

    private let key: P256.Signing.PrivateKey
    /// Names the key; derived from it, so the same key always has the same name.
    public let keyIdentifier: String

    /// Opens the issuer, making what is missing: the key (mode 600), and the JWKS that belongs to it.
    /// - Parameter stackProject: the value of `CLOSTER_STACK_PROJECT`, if it is set.
    public static func open(
        keyPath: String, jwksPath: String, stackProject: String?
    ) throws(Failure) -> DevelopmentIssuer {
        guard (stackProject ?? "").isEmpty else { throw .realProjectConfigured }
        let issuer: DevelopmentIssuer
        if FileManager.default.fileExists(atPath: keyPath) {
            issuer = DevelopmentIssuer(key: try readKey(keyPath))
        } else {
            issuer = DevelopmentIssuer(key: P256.Signing.PrivateKey())
            try write(issuer.privateJWK.bytes, to: keyPath, mode: 0o600)
        }
        let jwks = issuer.jwks
        if FileManager.default.contents(atPath: jwksPath).map(Array.init) != jwks {
            try write(jwks, to: jwksPath, mode: 0o644)
        }
        return issuer
    }

    /// An issuer with a key of its own and no files, for tests.
    public init() {
        self.init(key: P256.Signing.PrivateKey())
    }

    init(key: P256.Signing.PrivateKey) {
        self.key = key
        self.keyIdentifier = String(Hex.encode(SHA256.hash(data: key.publicKey.x963Representation)).prefix(16))
    }

    /// The public key set, as JSON.
    public var jwks: [UInt8] {
        let entry: JSONValue = .object(publicMembers)
        return (["keys": [entry]] as JSONValue).bytes
    }

    /// A token for `subject`.
    public func token(
        subject: String, name: String? = nil, email: String? = nil, lifetime: Duration = .seconds(24 * 3_600),
        at now: Timestamp = .now
    ) throws(Failure) -> String {
        var claims: JSONObject = [
            "iss": .string(TokenIssuer.development.issuer), "aud": .string(TokenIssuer.development.audience),
            "sub": .string(subject), "project_id": .string(TokenIssuer.development.audience), "branch_id": "main",
            "role": "authenticated", "is_anonymous": false, "is_restricted": false, "email_verified": false,
            "iat": .integer(now.microseconds / 1_000_000),
            "exp": .integer((now + lifetime).microseconds / 1_000_000),
        ]
        claims["name"] = name.map(JSONValue.string)
        claims["email"] = email.map(JSONValue.string)
        return try sign(claims)
    }

    /// Signs whatever it is given.
    func sign(_ claims: JSONObject, header: JSONObject? = nil) throws(Failure) -> String {
        let header = header ?? ["alg": "ES256", "typ": "JWT", "kid": .string(keyIdentifier)]
        let input =
            Base64URL.encode(JSONValue.object(header).bytes) + "." + Base64URL.encode(JSONValue.object(claims).bytes)
        guard let signature = try? key.signature(for: Array(input.utf8)) else { throw .cannotSign }
        return input + "." + Base64URL.encode(Array(signature.rawRepresentation))
    }

    // MARK: Keys

    private var publicMembers: JSONObject {
        let point = Array(key.publicKey.rawRepresentation)
        return [
            "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": .string(keyIdentifier),
            "x": .string(Base64URL.encode(point[..<32])), "y": .string(Base64URL.encode(point[32...])),
        ]
    }

    private var privateJWK: JSONValue {
        var members = publicMembers
        members["d"] = .string(Base64URL.encode(Array(key.rawRepresentation)))
        return .object(members)
    }

    private static func readKey(_ path: String) throws(Failure) -> P256.Signing.PrivateKey {
        guard let contents = FileManager.default.contents(atPath: path),
            let json = try? JSONValue(parsing: Array(contents)),
            let secret = json["d"]?.stringValue.flatMap({ Base64URL.decode($0.utf8) }),
            let key = try? P256.Signing.PrivateKey(rawRepresentation: secret)
        else { throw .unusableKeyFile(path: path) }
        return key
    }

    /// Whole or not at all: written beside the path with its mode from the start, then moved onto it.
    private static func write(_ bytes: [UInt8], to path: String, mode: mode_t) throws(Failure) {
        let directory = URL(fileURLWithPath: path).deletingLastPathComponent().path
        try? FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let temporary = "\(path).\(getpid()).new"
        unlink(temporary)
        let descriptor = openFile(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw .cannotWrite(path: path) }
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        do {
            try handle.write(contentsOf: Data(bytes))
            try handle.synchronize()
        } catch {
            unlink(temporary)
            throw .cannotWrite(path: path)
        }
        guard rename(temporary, path) == 0 else {
            unlink(temporary)
            throw .cannotWrite(path: path)
        }
    }
}

/// The system's `open`, which `DevelopmentIssuer.open` hides.
private func openFile(_ path: String, _ flags: CInt, _ mode: mode_t) -> CInt { open(path, flags, mode) }
