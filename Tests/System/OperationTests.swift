import Foundation
import Glibc
import JSON
import Postgres
import TestSupport
import Testing

@Suite(.serialized) struct OperationTests {
    private func create(_ instance: Instance) async throws -> Instance.Answer {
        try await instance.write("POST", "/v1/items", ["title": "Coat", "condition": "good"])
    }

    private func path(_ answer: Instance.Answer) -> String { "/v1/items/\(answer["id"].stringValue ?? "")" }

    private func after(_ answer: Instance.Answer, wait: Int) -> [String: String] {
        ["Closter-After": answer.headers["closter-position"] ?? "", "Prefer": "wait=\(wait)"]
    }

    @Test func `without a projector writes are acknowledged and reads are honest`() async throws {
        try await Instance.with { instance in
            #expect(await instance.kill(.projector, SIGTERM).status == 0)
            let item = try await create(instance)
            let early = try await instance.read(
                path(item), instance.asOperator.merging(after(item, wait: 1)) { $1 })
            #expect(early.status == 503)
            #expect(early.headers["retry-after"] != nil)
            #expect(early.headers["content-type"] == "application/problem+json")
            try await instance.start(.projector)
            let late = try await instance.read(
                path(item), instance.asOperator.merging(after(item, wait: 10)) { $1 })
            #expect(late.status == 200)
            #expect(late["title"] == "Coat")
        }
    }

    @Test func `with the doorbell off a write is visible within the poll`() async throws {
        try await Instance.with(doorbell: false) { instance in
            for _ in 0..<5 {
                let item = try await create(instance)
                let read = try await instance.read(
                    path(item), instance.asOperator.merging(after(item, wait: 10)) { $1 })
                #expect(read.status == 200)
            }
            let connection = try await instance.database.connect()
            let listening = try await connection.query(
                """
                SELECT count(*) FROM pg_stat_activity
                WHERE datname = current_database() AND query ILIKE '%LISTEN%' AND pid <> pg_backend_pid()
                """)
            #expect(try listening[0].decode(0, as: Int.self) == 0)
            await connection.close()
        }
    }

    @Test func `killed services recover, and nothing acknowledged is lost`() async throws {
        try await Instance.with { instance in
            var items: [Instance.Answer] = []
            for service in Instance.Service.usual {
                items.append(try await create(instance))
                _ = await instance.kill(service)
                try await instance.start(service)
                items.append(try await create(instance))
            }
            for item in items {
                let read = try await instance.read(
                    path(item), instance.asOperator.merging(after(item, wait: 10)) { $1 })
                #expect(read.status == 200)
            }
        }
    }

    @Test func `killed sessions are mended without an operator`() async throws {
        try await Instance.with { instance in
            let connection = try await instance.database.connect()
            for _ in 0..<3 {
                _ = try await connection.query(
                    """
                    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                    WHERE datname = current_database() AND pid <> pg_backend_pid()
                    """)
                var item: Instance.Answer?
                try await eventually("a write is taken again") {
                    item = try? await create(instance)
                    return item != nil
                }
                let written = try #require(item)
                try await eventually("it is visible") {
                    try await instance.read(
                        path(written), instance.asOperator.merging(after(written, wait: 5)) { $1 }
                    ).status == 200
                }
            }
            await connection.close()
        }
    }

    /// `CLOSTER_TEST_FREEZE` says for how many seconds: the short form waits for the standby and no longer.
    @Test func `a frozen projector is succeeded, and applies nothing twice when it thaws`() async throws {
        try await Instance.with { instance in
            try await instance.start(.standby)
            _ = try await create(instance)
            #expect(Glibc.kill(instance.identifier(.projector), SIGSTOP) == 0)
            let frozen = ContinuousClock.now
            let least = Double(ProcessInfo.processInfo.environment["CLOSTER_TEST_FREEZE"] ?? "") ?? 0
            var last: Instance.Answer?
            try await eventually("the standby leads") {
                let item = try await create(instance)
                last = item
                let read = try await instance.read(
                    path(item), instance.asOperator.merging(after(item, wait: 1)) { $1 })
                return read.status == 200
            }
            try await eventually("it was frozen long enough") {
                _ = try await create(instance)
                return ContinuousClock.now - frozen >= .seconds(least)
            }
            let item = try #require(last)
            #expect(Glibc.kill(instance.identifier(.projector), SIGCONT) == 0)
            _ = try await create(instance)
            #expect(try await instance.read(path(item)).status == 200)

            let connection = try await instance.database.connect()
            try await eventually("every projection has come to the head") {
                let rows = try await connection.query(
                    """
                    SELECT count(*) = 0 FROM main.generations g
                    WHERE (SELECT max(position) FROM main.checkpoints c
                           WHERE c.projection = g.projection AND c.generation = g.generation)
                        IS DISTINCT FROM (SELECT max(position) FROM main.events)
                    """)
                return try rows[0].decode(0, as: Bool.self)
            }
            // Each batch begins where another ended, and no two begin at the same place.
            let breaks = try await connection.query(
                """
                SELECT count(*) FROM main.checkpoints c
                WHERE c.previous > 0 AND NOT EXISTS (
                    SELECT FROM main.checkpoints p
                    WHERE p.projection = c.projection AND p.generation = c.generation AND p.position = c.previous)
                """)
            #expect(try breaks[0].decode(0, as: Int.self) == 0)
            await connection.close()
            let (status, output) = try await instance.tool(["verify"])
            #expect(status == 0, "\(output)")
        }
    }

    @Test func `no service holds a socket to another`() async throws {
        try await Instance.with { instance in
            _ = try await create(instance)
            let ports = Set(Instance.Service.usual.map { instance.port($0) })
            for service in Instance.Service.usual {
                let remote = try Sockets.remotePorts(of: instance.identifier(service))
                #expect(!remote.isEmpty, "\(service) has no connection to Postgres")
                // What a test client holds open has the service's own port on the near side, not on the far side.
                #expect(remote.isDisjoint(with: ports), "\(service)")
            }
        }
    }

    @Test func `a service that is told to stop ends in order`() async throws {
        try await Instance.with { instance in
            for service in Instance.Service.usual {
                let end = await instance.kill(service, SIGTERM)
                #expect(end.reason == .exit)
                #expect(end.status == 0)
            }
        }
    }
}

/// TCP connections of a process, from /proc.
enum Sockets {
    static func remotePorts(of process: Int32) throws -> Set<Int> {
        let folder = "/proc/\(process)/fd"
        let inodes = Set(
            try FileManager.default.contentsOfDirectory(atPath: folder).compactMap { name -> String? in
                var buffer = [CChar](repeating: 0, count: 256)
                // Foundation's own look-up follows the link, and what it names is no file.
                let length = readlink("\(folder)/\(name)", &buffer, buffer.count)
                guard length > 0 else { return nil }
                let target = String(decoding: buffer.prefix(length).map(UInt8.init(bitPattern:)), as: UTF8.self)
                return target.hasPrefix("socket:[") ? String(target.dropFirst(8).dropLast()) : nil
            })
        var ports: Set<Int> = []
        for table in ["tcp", "tcp6"] {
            // Files of /proc have no size, so what reads by size reads nothing.
            let file = try FileHandle(forReadingFrom: URL(filePath: "/proc/\(process)/net/\(table)"))
            let text = try file.readToEnd() ?? Data()
            try file.close()
            for line in String(decoding: text, as: UTF8.self).split(separator: "\n").dropFirst() {
                let cells = line.split(separator: " ")
                // Established, and of this process.
                guard cells.count > 9, cells[3] == "01", inodes.contains(String(cells[9])),
                    let port = cells[2].split(separator: ":").last.flatMap({ Int($0, radix: 16) })
                else { continue }
                ports.insert(port)
            }
        }
        return ports
    }
}
