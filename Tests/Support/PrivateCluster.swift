import Foundation
import Glibc
import Ports

/// A PostgreSQL server of a test's own, to be killed and restarted. Listens on 127.0.0.1 only; gone with `destroy`.
public final class PrivateCluster: Sendable {
    public let port: UInt16
    private let directory: String
    private let binaries: String

    public struct Failure: Error, CustomStringConvertible {
        public var description: String
    }

    /// Makes and starts a cluster. As root the server runs as user `postgres`.
    ///
    /// - Parameter folder: where its files lie.
    public convenience init(in folder: String = "/tmp") throws {
        try self.init(place: folder) { cluster in
            try cluster.asServer(
                "\(cluster.binaries)/initdb -D \(cluster.directory)/data -U postgres -A trust --no-sync -E UTF8 --locale=C"
            )
            try cluster.configure("unix_socket_directories", "''")
            try cluster.configure("listen_addresses", "'127.0.0.1'")
            try cluster.configure("fsync", "off")
        }
    }

    /// Makes and starts a standby that streams from `primary`.
    public convenience init(standbyOf primary: PrivateCluster) throws {
        try self.init(place: "/tmp") { cluster in
            try cluster.asServer(
                """
                \(cluster.binaries)/pg_basebackup -D \(cluster.directory)/data -h 127.0.0.1 -p \(primary.port) \
                -U postgres -R -X stream -c fast --no-sync
                """)
        }
    }

    private init(place: String, make: (PrivateCluster) throws -> Void) throws {
        binaries = try Self.output(of: "pg_config --bindir")
        directory = "\(place)/closter-cluster-\(UUID().uuidString.lowercased())"
        port = UInt16(try FreePort.next())
        try Self.shell("mkdir -m 700 \(directory)")
        if geteuid() == 0 { try Self.shell("chown postgres \(directory)") }
        try make(self)
        try configure("port", "\(port)")
        try start()
    }

    public func url(database: String = "postgres") -> String { "postgresql://postgres@127.0.0.1:\(port)/\(database)" }

    /// Where the server's data lie, and where its user may put other things.
    public var data: String { "\(directory)/data" }
    public var folder: String { directory }

    /// Runs a script of `bash` as the server's user, with the server's programs at hand; it ends at the first failure,
    /// and that is thrown with what it has said.
    @discardableResult
    public func run(_ script: String, _ variables: [String: String] = [:]) throws -> String {
        let path = "\(directory)/script-\(UUID().uuidString)"
        let settings = variables.map { "\($0.key)='\($0.value)'" }.joined(separator: "\n")
        try "set -euo pipefail\nPATH=\(binaries):$PATH\n\(settings)\n\(script)".write(
            toFile: path, atomically: false, encoding: .utf8)
        do {
            try asServer("bash \(path) > \(path).log 2>&1")
        } catch {
            let said = try String(contentsOfFile: "\(path).log", encoding: .utf8)
            throw Failure(description: "\(script): \(said)")
        }
        return try String(contentsOfFile: "\(path).log", encoding: .utf8)
    }

    /// Writes a line into postgresql.conf; in force after the next start.
    public func configure(_ name: String, _ value: String) throws {
        try asServer("echo \"\(name) = \(value)\" >> \(directory)/data/postgresql.conf")
    }

    public func start() throws {
        try asServer("\(binaries)/pg_ctl -w -t 60 -s -D \(directory)/data -l \(directory)/log start")
    }

    /// - Parameter mode: `fast` ends sessions in order, `immediate` is a crash.
    public func stop(_ mode: String = "fast") throws {
        try asServer("\(binaries)/pg_ctl -w -t 60 -s -D \(directory)/data -m \(mode) stop")
    }

    public func restart(_ mode: String) throws {
        try asServer("\(binaries)/pg_ctl -w -t 60 -s -D \(directory)/data -l \(directory)/log -m \(mode) restart")
    }

    /// Starts a server that has ended by itself; one that runs, or recovers, is left alone.
    public func startIfDown() throws {
        try asServer(
            """
            \(binaries)/pg_ctl -D \(directory)/data status >/dev/null || \
            \(binaries)/pg_ctl -w -t 60 -s -D \(directory)/data -l \(directory)/log start
            """)
    }

    /// Makes a standby the primary.
    public func promote() throws { try asServer("\(binaries)/pg_ctl -w -t 60 -s -D \(directory)/data promote") }

    /// Kills all of the server's processes, as a machine that loses power would. It is not started again.
    public func kill() throws { try signal("KILL") }

    private func signal(_ name: String) throws {
        try Self.shell(
            "P=$(head -1 \(directory)/data/postmaster.pid); kill -\(name) $P $(ps -o pid= --ppid $P) 2>/dev/null || true"
        )
    }

    /// Freezes the server's processes, as an unreachable machine would be, or lets them go on.
    public func freeze(_ isFrozen: Bool) throws {
        try signal(isFrozen ? "STOP" : "CONT")
    }

    public func destroy() {
        _ = try? freeze(false)
        _ = try? stop("immediate")
        _ = try? Self.shell("rm -rf \(directory)")
    }

    /// A file of the cluster's data folder, for certificates and the like; owned by the server.
    public func write(_ name: String, _ text: String) throws {
        let path = "\(directory)/data/\(name)"
        try text.write(toFile: path, atomically: false, encoding: .utf8)
        if geteuid() == 0 { try Self.shell("chown postgres \(path)") }
        try Self.shell("chmod 600 \(path)")
    }

    private func asServer(_ command: String) throws {
        guard geteuid() == 0 else { return try Self.shell(command) }
        let quoted = command.replacingOccurrences(of: "'", with: "'\\''")
        try Self.shell("cd / && runuser -u postgres -- sh -c '\(quoted)'")
    }

    private static func output(of command: String) throws -> String {
        let file = "/tmp/closter-output-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: file) }
        try shell("\(command) > \(file)")
        return try String(contentsOfFile: file, encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// Not by Foundation's `Process`: a server that outlives the shell inherits the socket by which that waits.
    public static func shell(_ command: String) throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
        // A server that keeps a copy of a test's socket keeps its connection from ending.
        for descriptor in 3..<min(4096, getdtablesize()) { posix_spawn_file_actions_addclose(&actions, descriptor) }
        let arguments = ["sh", "-c", command].map { (text: String) in strdup(text) }
        defer { for argument in arguments { free(argument) } }
        var process = pid_t()
        guard posix_spawn(&process, "/bin/sh", &actions, nil, arguments + [nil], environ) == 0 else {
            throw Failure(description: "cannot run \(command)")
        }
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0, errno == EINTR {}
        guard status == 0 else { throw Failure(description: "\(command): status \(status)") }
    }
}
