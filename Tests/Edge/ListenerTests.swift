import Edge
import Foundation
import NIOCore
import Runtime
import TestSupport
import Testing

/// Where a server is reached, and by how many.
@Suite struct ListenerTests {
    private func unix(_ body: (String, String) async throws -> Void) async throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "closter-\(UUID().uuidString.prefix(8))").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        try await body(path, "unix:\(path),http://127.0.0.1:0")
    }

    private func ask(_ path: String) async throws -> String {
        try await run("curl", ["--silent", "--unix-socket", path, "http://any/livez"]).text
    }

    /// A socket whose process is gone.
    private func leaveBehind(_ path: String) throws {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(result == 0)
    }

    @Test func `a Unix socket is there for owner and group while the server is`() async throws {
        try await unix { path, listeners in
            let fixture = try EdgeFixture(["CLOSTER_LISTEN": listeners])
            try await fixture.serve { port in
                #expect(port > 0)
                #expect(try await ask(path).contains("alive"))
                let attributes = try FileManager.default.attributesOfItem(atPath: path)
                #expect(attributes[.posixPermissions] as? Int == 0o660)
                let metrics = try await run("curl", ["--silent", "--unix-socket", path, "http://any/metrics"]).text
                #expect(metrics.contains("closter_connections{listener=\"unix:\(path)\"} 1\n"))
                #expect(metrics.contains("closter_connections{listener=\"http://127.0.0.1:0\"} 0\n"))
            }
            #expect(!FileManager.default.fileExists(atPath: path))
        }
    }

    @Test func `a stale socket is replaced, one in use is not, nor what is none`() async throws {
        try await unix { path, listeners in
            let fixture = try EdgeFixture(["CLOSTER_LISTEN": listeners])
            try leaveBehind(path)
            #expect(FileManager.default.fileExists(atPath: path))
            try await fixture.serve { _ in
                #expect(try await ask(path).contains("alive"))
                let other = try EdgeFixture(["CLOSTER_LISTEN": "unix:\(path)"])
                await #expect(throws: (any Error).self) { try await other.serve { _ in } }
                #expect(try await ask(path).contains("alive"))
            }
            try "mine".write(toFile: path, atomically: true, encoding: .utf8)
            await #expect(throws: (any Error).self) { try await fixture.serve { _ in } }
            #expect(try String(contentsOfFile: path, encoding: .utf8) == "mine")
        }
    }

    @Test(arguments: [
        ("CLOSTER_CONNECTIONS_PER_ADDRESS", "address"), ("CLOSTER_CONNECTIONS", "full"),
    ]) func `a connection too many is closed and counted`(_ key: String, _ reason: String) async throws {
        let fixture = try EdgeFixture([key: "2"])
        try await fixture.serve { port in
            func alive(_ connection: RawConnection) async throws -> Bool {
                try await connection.send("GET /livez HTTP/1.1\r\nHost: a\r\n\r\n")
                return try await connection.read(to: "alive").hasPrefix("HTTP/1.1 200")
            }
            try await RawConnection.with(port: port) { first in
                #expect(try await alive(first))
                try await RawConnection.with(port: port) { second in
                    #expect(try await alive(second))
                    try await RawConnection.with(port: port) { third in
                        #expect((try? await third.readToEnd()) ?? "" == "")
                    }
                    try await first.send("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n")
                    let refused = "closter_connections_refused_total{reason=\"\(reason)\"} 1\n"
                    #expect(try await first.read(to: refused).hasSuffix(refused))
                }
                try await eventually("there is room again") {
                    try await RawConnection.with(port: port) { try await alive($0) }
                }
            }
        }
    }
}
