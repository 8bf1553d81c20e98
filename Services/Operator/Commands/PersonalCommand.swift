import ArgumentParser
import EventSourcing
import Foundation
import JSON
import PersonalData
import Postgres

struct PersonalCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "personal", abstract: "The keys of personal data.",
        subcommands: [PersonalStatus.self, PersonalRewrap.self])
}

struct PersonalStatus: ToolCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Count the keys of persons by the master key that wraps them, and those that wait for their day.",
        discussion: """
            Exit status: 0 every key is wrapped by the current master key, 1 some are not, 2 could not.

            Example: closter personal status
            """)
    @OptionGroup var common: CommonOptions

    func run(in context: Context) async throws -> ExitStatus {
        let masters = try MasterKeys(context.settings)
        let rows = try await Database.read(context.settings) { connection in
            try await connection.query(
                """
                SELECT master, scope, count(*), count(shred_after) FROM main.person_keys
                GROUP BY master, scope ORDER BY master, scope
                """
            ).map {
                (
                    master: try $0.decode(0, as: String.self), scope: try $0.decode(1, as: String.self),
                    keys: try $0.decode(2, as: Int64.self), dated: try $0.decode(3, as: Int64.self)
                )
            }
        }
        if common.json {
            context.console.json([
                "current": .string(masters.current),
                "keys": .array(
                    rows.map {
                        [
                            "master": .string($0.master), "scope": .string($0.scope), "keys": .integer($0.keys),
                            "dated": .integer($0.dated),
                        ]
                    }),
            ])
        } else {
            context.console.line("new keys are wrapped by \(masters.current)")
            context.console.table(
                ["MASTER", "SCOPE", "KEYS", "DATED"], rows.map { [$0.master, $0.scope, "\($0.keys)", "\($0.dated)"] })
        }
        return rows.allSatisfy { $0.master == masters.current } ? .done : .found
    }
}

struct PersonalRewrap: ToolCommand {
    static let configuration = CommandConfiguration(
        commandName: "rewrap",
        abstract: "Wrap every key of a person by the current master key. No event is touched.",
        discussion: """
            The current master key is the first line of the file CLOSTER_MASTER_KEYS; the services must know it before, and \
            the old ones must stay in the file until this is done. It goes in portions and can be broken off and begun \
            again. Exit status: 0 done, 1 some keys do not open by any master key of the file, 2 could not.

            Example: closter personal rewrap
            """)
    @OptionGroup var common: CommonOptions

    /// Keys wrapped in one transaction.
    static let portion = 500

    func run(in context: Context) async throws -> ExitStatus {
        let masters = try MasterKeys(context.settings)
        var (rewrapped, failed) = (0, 0)
        try await Database.ask(context.settings) { connection in
            var after: WrappedKey?
            while true {
                let keys = try await Self.next(after, except: masters.current, on: connection)
                after = keys.last
                var pairs: [(old: WrappedKey, new: WrappedKey)] = []
                for key in keys {
                    do { pairs.append((key, try masters.wrap(masters.unwrap(key)))) } catch { failed += 1 }
                }
                rewrapped += try await Self.put(pairs, under: masters.current, on: connection)
                guard keys.count == Self.portion else { return }
            }
        }
        if common.json {
            context.console.json([
                "current": .string(masters.current), "rewrapped": .integer(Int64(rewrapped)),
                "failed": .integer(Int64(failed)),
            ])
        } else {
            context.console.line("\(rewrapped) keys are wrapped by \(masters.current) now")
            if failed > 0 { context.console.warn("\(failed) keys do not open by any master key of the file") }
        }
        return failed == 0 ? .done : .found
    }

    private static func next(
        _ after: WrappedKey?, except master: String, on connection: PostgresConnection
    ) async throws -> [WrappedKey] {
        let place: SQL =
            after.map { key in
                """
                 AND (tenant_id, person_id, scope) >
                     (\(key.owner.tenant.uuid), \(key.owner.person), \(key.owner.scope.rawValue))
                """
            } ?? ""
        let rows = try await connection.query(
            """
            SELECT tenant_id, person_id, scope, master, wrapped FROM main.person_keys
            WHERE master <> \(master)\(place)
            ORDER BY tenant_id, person_id, scope LIMIT \(unescaped: "\(portion)")
            """)
        return try rows.map { row in
            guard let scope = PersonScope(rawValue: try row.decode(2, as: String.self)) else {
                throw ToolFailure("there is a key of a scope that this program does not know")
            }
            return WrappedKey(
                owner: KeyOwner(tenant: TenantID(try row.decode(0)), person: try row.decode(1), scope: scope),
                master: try row.decode(3), bytes: try row.decode(4, as: PostgresBytes.self).bytes)
        }
    }

    private static func put(
        _ keys: [(old: WrappedKey, new: WrappedKey)], under master: String, on connection: PostgresConnection
    ) async throws -> Int {
        guard !keys.isEmpty else { return 0 }
        let rows = try await connection.query(
            """
            SELECT main.rewrap_person_keys(
                \(keys.map(\.old.owner.tenant.uuid)), \(keys.map(\.old.owner.person)),
                \(keys.map(\.old.owner.scope.rawValue)), \(keys.map { PostgresBytes($0.old.bytes) }),
                \(keys.map { PostgresBytes($0.new.bytes) }), \(master))
            """)
        return try rows.first?.decode(0, as: Int.self) ?? 0
    }
}

extension MasterKeys {
    fileprivate init(_ settings: Settings) throws {
        let path = try settings.require("CLOSTER_MASTER_KEYS")
        do throws(Unusable) {
            try self.init(file: path)
        } catch {
            throw ToolFailure("\(error)")
        }
    }
}
