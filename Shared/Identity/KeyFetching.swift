import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1

/// Where key sets come from.
enum KeyFetching {
    private static let maximumBytes = 256 * 1024

    /// Lives as long as the process. Redirects are not followed: the keys come from where the configuration says or
    /// not at all.
    static let client: HTTPClient = {
        var configuration = HTTPClient.Configuration()
        configuration.redirectConfiguration = .disallow
        configuration.timeout.connect = .seconds(3)
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()

    /// A file, read anew each time it is due, so that a new development key is seen without a restart.
    static func file(_ path: String) -> @Sendable () async throws -> KeySource.Fetched {
        { KeySource.Fetched(bytes: Array(try Data(contentsOf: URL(fileURLWithPath: path))), maxAge: .seconds(30)) }
    }

    /// A URL.
    static func url(_ url: String, client: HTTPClient) -> @Sendable () async throws -> KeySource.Fetched {
        {
            var request = HTTPClientRequest(url: url)
            request.headers.add(name: "accept", value: "application/json")
            let response = try await client.execute(request, timeout: .seconds(5))
            guard response.status == .ok else { throw KeySetError.badAnswer(status: response.status.code) }
            let body = try await response.body.collect(upTo: maximumBytes)
            return KeySource.Fetched(
                bytes: Array(body.readableBytesView), maxAge: maxAge(response.headers["cache-control"]))
        }
    }

    /// The `max-age` of a Cache-Control header; zero where the answer must not be kept.
    static func maxAge(_ headers: [String]) -> Duration? {
        let directives = headers.flatMap { $0.split(separator: ",") }
            .map { $0.trimmingCharacters(in: .whitespaces).lowercased() }
        if directives.contains("no-store") || directives.contains("no-cache") { return .zero }
        let value = directives.first { $0.hasPrefix("max-age=") }.flatMap { Int64($0.dropFirst("max-age=".count)) }
        return value.map { .seconds(max(0, $0)) }
    }
}
