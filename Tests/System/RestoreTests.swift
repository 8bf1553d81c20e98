import Foundation
import JSON
import Ports
import Postgres
import TestSupport
import Testing

/// Backups and restores, by the runbook's own commands.
@Suite(.serialized) struct RestoreTests {
    /// An instance on a server of its own whose WAL is archived.
    private struct Scene {
        let cluster: PrivateCluster
        let database: TestDatabase
        let instance: Instance
        let runbook: Runbook

        static func with(_ body: (Scene) async throws -> Void) async throws {
            let cluster = try PrivateCluster()
            defer { cluster.destroy() }
            let database = try await TestDatabase.make(on: cluster.url())
            let scene = Scene(
                cluster: cluster, database: database, instance: try await Instance(database: database),
                runbook: try Runbook())
            do {
                try scene.follow("Archiving, once")
                try await scene.start()
                try await scene.instance.createTenant(scene.instance.tenant)
                try await body(scene)
            } catch {
                let logs = scene.instance.logs()
                await scene.instance.stop()
                throw Instance.Failure("\(error)\n\(logs)")
            }
            await scene.instance.stop()
        }

        /// Does what the runbook says below a heading, and gives what was said.
        ///
        /// - Parameter values: in the place of those that the runbook has as examples.
        @discardableResult
        func follow(_ heading: String, _ values: [String: String] = [:]) throws -> String {
            let folder = cluster.folder
            return try cluster.run(
                try runbook.commands(heading, values),
                [
                    "server": database.url(), "data": cluster.data, "archive": "\(folder)/wal",
                    "backups": "\(folder)/base",
                ])
        }

        func start() async throws {
            for service in Instance.Service.usual { try await instance.start(service) }
            try await instance.ready(.query)
        }

        func stop() async {
            for service in Instance.Service.usual { await instance.kill(service, SIGTERM) }
        }

        /// What the runbook has the tool do before the services start.
        func declare() async throws -> JSONValue {
            let (status, output) = try await instance.tool(["restored", "--json"])
            guard status == 0 else { throw Instance.Failure("closter restored: \(output)") }
            return try JSONValue(parsing: output)
        }

        func verify() async throws {
            let (status, output) = try await instance.tool(["verify"])
            #expect(status == 0, "\(output)")
        }

        @discardableResult
        func ask<Value: PostgresDecodable>(_ statement: SQL, as: Value.Type = Value.self) async throws -> Value {
            let connection = try await database.connect()
            let value = try await connection.query(statement)[0].decode(0, as: Value.self)
            await connection.close()
            return value
        }

        func item(_ sku: String, key: String? = nil) async throws -> Instance.Answer {
            try await instance.write(
                "POST", "/v1/items", ["title": "Coat", "condition": "good", "sku": .string(sku)],
                key.map { ["Idempotency-Key": $0] } ?? [:])
        }

        func read(_ answer: Instance.Answer, after: Instance.Answer? = nil) async throws -> Instance.Answer {
            var headers = instance.asOperator
            if let after {
                headers["Closter-After"] = after.headers["closter-position"]
                headers["Prefer"] = "wait=10"
            }
            return try await instance.read(path(answer), headers)
        }

        func path(_ answer: Instance.Answer) -> String { "/v1/items/\(answer["id"].stringValue ?? "")" }

        func task(dueIn delay: String) async throws -> String {
            try await ask(
                """
                INSERT INTO main.outbox (task_id, tenant_id, kind, payload, position, correlation_id, command_id, run_at,
                    created_at)
                SELECT gen_random_uuid(), t.tenant_id, 'shop.publish', '{}', main.head(), gen_random_uuid(),
                       gen_random_uuid(), now() + \(delay)::interval, now()
                FROM closter.tenants t RETURNING task_id::text
                """)
        }

        func complete(_ task: String) async throws {
            try await ask(
                """
                UPDATE main.outbox SET completed_at = now() WHERE task_id = \(task)::uuid RETURNING task_id::text
                """, as: String.self)
        }

        /// `open`, `held`, `done` or `gone`.
        func state(of task: String) async throws -> String {
            try await ask(
                """
                SELECT coalesce((SELECT CASE WHEN completed_at IS NOT NULL THEN 'done' WHEN held_at IS NOT NULL THEN 'held'
                                             ELSE 'open' END FROM main.outbox WHERE task_id = \(task)::uuid), 'gone')
                """)
        }

        func isContiguous() async throws -> Bool {
            try await ask("SELECT count(*) = max(position) AND min(position) = 1 FROM main.events")
        }
    }

    @Test func `a database goes on from a moment, and nothing of what came after is taken for true`() async throws {
        try await Scene.with { scene in
            let instance = scene.instance
            let early = try await scene.item("A", key: "early")
            let key = try await instance.write("POST", "/v1/keys", ["kind": "secret", "name": "Back end"])
            let asShop = ["Closter-Key": key["key"].stringValue ?? ""]
            let tasks = (
                done: try await scene.task(dueIn: "0 s"), open: try await scene.task(dueIn: "0 s"),
                later: try await scene.task(dueIn: "1 day")
            )
            try scene.follow("A base backup, every night")
            let kept = try await scene.item("B")
            #expect(try await scene.read(kept, after: kept).status == 200)
            let head = try await scene.ask("SELECT main.head()", as: Int64.self)
            let moment = try await scene.ask("SELECT clock_timestamp()::text", as: String.self)

            // What will be lost: an item and its SKU, a change, a key's end, a task that was done, and a new one.
            let lost = try await scene.item("C", key: "late")
            _ = try await instance.write("PATCH", scene.path(kept), ["title": "Jacket"])
            _ = try await instance.write("DELETE", "/v1/keys/\(key["key_id"].stringValue ?? "")")
            try await scene.complete(tasks.done)
            let lostTask = try await scene.task(dueIn: "0 s")
            #expect(try await scene.read(lost, after: lost).status == 200)
            try await eventually("the key is closed") {
                try await instance.read("/v1/items", asShop).status == 401
            }

            await scene.stop()
            try scene.follow("The backup in the place of the database")
            try scene.follow("To a moment", ["moment": moment])
            try scene.follow("Out of recovery")
            let told = try await scene.declare()
            #expect(told["position"] == .integer(head))
            #expect(told["tasks"] == ["held": 2, "held_before": 0, "not_due": 1])
            let port = try FreePort.next()
            let said = try scene.follow("What was lost", ["port": "\(port)", "position": "\(head)"])
            for event in ["ItemReceived", "ProductUpdated", "KeyRevoked", lostTask, tasks.done] {
                #expect(said.contains(event), "\(event) is not in: \(said)")
            }
            try await scene.verify()
            try await scene.start()

            // Tokens of before, also those of what is still there, belong to another history.
            for answer in [lost, early] {
                let refused = try await scene.read(early, after: answer)
                #expect(refused.status == 400, "\(refused.text)")
            }
            #expect(try await scene.read(lost).status == 404)
            #expect(try await scene.read(kept)["title"] == "Coat")

            // The key and the SKU of the lost part are free, those of before are not.
            let again = try await scene.item("C", key: "late")
            #expect(again.headers["idempotency-replayed"] == nil)
            #expect(again["id"] != lost["id"])
            #expect(try await scene.item("A", key: "early").headers["idempotency-replayed"] == "true")
            #expect(try await scene.read(again, after: again).status == 200)
            #expect(try await scene.ask("SELECT main.head()", as: Int64.self) == head + 1)
            #expect(try await scene.isContiguous())

            // Whoever was shut out meanwhile is in again: the runbook says so.
            #expect(try await instance.read("/v1/items", asShop).status == 200)
            #expect(try await scene.state(of: tasks.done) == "held")
            #expect(try await scene.state(of: tasks.open) == "held")
            #expect(try await scene.state(of: tasks.later) == "open")
            #expect(try await scene.state(of: lostTask) == "gone")
            #expect(try await instance.tool(["outbox", "settle", tasks.done, "--yes"]).status == 0)
            #expect(try await instance.tool(["outbox", "release", "--all"]).status == 0)
            #expect(try await scene.state(of: tasks.done) == "done")
            #expect(try await scene.state(of: tasks.open) == "open")
            try await scene.verify()

            try await whole(scene, since: [early, kept, again])
        }
    }

    /// The server and its disk are lost, and all that was acknowledged comes back: also what came after an earlier restore.
    private func whole(_ scene: Scene, since items: [Instance.Answer]) async throws {
        var items = items
        for number in 0..<20 { items.append(try await scene.item("W\(number)")) }
        let head = try await scene.ask("SELECT main.head()", as: Int64.self)
        await scene.stop()
        try scene.cluster.stop("immediate")
        try scene.follow("The backup in the place of the database")
        try scene.follow("To the newest state")
        try scene.follow("Out of recovery")
        #expect(try await scene.declare()["position"] == .integer(head))
        try await scene.verify()
        try await scene.start()
        items.append(try await scene.item("X"))
        for item in items { #expect(try await scene.read(item, after: items.last).status == 200) }
        #expect(try await scene.isContiguous())
        try await scene.verify()
    }
}
