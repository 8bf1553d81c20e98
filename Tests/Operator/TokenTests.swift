import EventSourcing
import Foundation
import JSON
import Testing

@testable import Operator

@Suite struct `The development issuer` {
    private static func claims(_ token: String) throws -> JSONValue {
        let parts = token.split(separator: ".")
        try #require(parts.count == 3)
        return try JSONValue(parsing: #require(Base64URL.decode(parts[1].utf8)))
    }

    private static func environment(_ folder: String) -> [String: String] {
        ["CLOSTER_AUTH_DEV_KEY": folder + "/s/issuer.jwk", "CLOSTER_AUTH_DEV_JWKS": folder + "/s/issuer.jwks.json"]
    }

    @Test func `makes what is missing and prints the token and nothing else`() async throws {
        try await withFolder { folder in
            let run = await closter(
                ["token", "--subject", "operator-demo", "--name", "Operator"], environment: Self.environment(folder))

            #expect(run.status == 0)
            #expect(run.err.isEmpty)
            let token = try #require(run.out.split(separator: "\n").first)
            #expect(run.out == token + "\n")
            let claims = try Self.claims(String(token))
            #expect(claims["sub"] == "operator-demo" && claims["name"] == "Operator")
            let issued = try #require(claims["iat"]?.integerValue)
            #expect(claims["exp"]?.integerValue == issued + 24 * 3_600)
            let mode = try FileManager.default.attributesOfItem(atPath: folder + "/s/issuer.jwk")[.posixPermissions]
            #expect((mode as? NSNumber)?.intValue == 0o600)
            #expect(FileManager.default.fileExists(atPath: folder + "/s/issuer.jwks.json"))
        }
    }

    @Test func `keeps its key`() async throws {
        try await withFolder { folder in
            let environment = Self.environment(folder)
            _ = await closter(["token", "--subject", "a"], environment: environment)
            let first = try Data(contentsOf: URL(filePath: folder + "/s/issuer.jwk"))
            let run = await closter(["token", "--subject", "b", "--hours", "1"], environment: environment)
            #expect(try Data(contentsOf: URL(filePath: folder + "/s/issuer.jwk")) == first)
            let claims = try Self.claims(run.out.trimmingCharacters(in: .newlines))
            let issued = try #require(claims["iat"]?.integerValue)
            #expect(claims["exp"]?.integerValue == issued + 3_600)
        }
    }

    @Test func `does not work beside a real project`() async throws {
        try await withFolder { folder in
            var environment = Self.environment(folder)
            environment["CLOSTER_STACK_PROJECT"] = "5c1a"
            let run = await closter(["token", "--subject", "a"], environment: environment)
            #expect(run.status == 2)
            #expect(run.out.isEmpty)
            #expect(run.err.contains("CLOSTER_STACK_PROJECT"))
            #expect(!FileManager.default.fileExists(atPath: folder + "/s/issuer.jwk"))
        }
    }
}
