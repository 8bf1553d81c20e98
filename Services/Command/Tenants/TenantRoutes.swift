import Edge
import EventSourcing
import EventStore
import Foundation
import Hummingbird
import Identity
import JSON
import Postgres

/// `POST /v1/tenants`, `PATCH /v1/tenant`, `POST /v1/members`, `DELETE /v1/members/{subject}`, `POST /v1/keys`,
/// `PATCH /v1/keys/{id}`, `POST /v1/keys/{id}/rotate`, `DELETE /v1/keys/{id}`
struct TenantRoutes: Routes {
    let api: CommandAPI
    let pool: PostgresPool
    let directory: TenantDirectory
    let shard: String

    func add(to router: EdgeRouter) {
        router.post("/v1/tenants", use: create)
        router.patch("/v1/tenant", use: changeSettings)
        router.post("/v1/members", use: setMember)
        router.delete("/v1/members/:subject", use: removeMember)
        router.post("/v1/keys", use: createKey)
        router.patch("/v1/keys/:id", use: changeKey)
        router.post("/v1/keys/:id/rotate", use: rotateKey)
        router.delete("/v1/keys/:id", use: revokeKey)
    }

    @Sendable private func create(_ request: Request, _ context: EdgeContext) async throws -> Response {
        guard case .operator(let subject, let name, _) = try context.requirePlatformOperator() else {
            throw Problem(.forbidden, "only an operator of the platform creates tenants")
        }
        let body = try await request.jsonObject()
        let intent = try fields(body, TenantAccount.Create.init(fields:))
        // The slug gets its tenant before the tenant's first event: tenants may live in other databases than the one
        // that maps slugs. A creation that breaks off in between is gone on with by the next for the slug.
        let places = try await pool.execute([
            "SELECT tenant_id FROM closter.register_tenant(\(intent.slug), \(UUID.version7()), \(shard))"
        ])
        guard let place = places.first?.first else { throw Problem(.internalError, "the slug could not be registered") }
        let stamp = Stamp(id: try place.decode(0, as: UUID.self), at: context.receivedAt)
        let owner = TenantAccount.SetMember(subject: subject, name: name, permissions: [.all])
        defer { directory.invalidate(slug: intent.slug) }
        return try await api.answer(
            request, context, TenantID(stamp.id), body: body.bytes, on: StreamID(TenantAccount.self, stamp.id),
            shape: { _ in .init(isCreation: true, isReadable: false) }
        ) { decision in
            let tenant = try await decision.load(TenantAccount.self, stamp.id)
            decision.append(try TenantAccount.create(intent, by: owner, stamp, tenant.state), to: tenant)
        }
    }

    @Sendable private func setMember(_ request: Request, _ context: EdgeContext) async throws -> Response {
        let tenant = try context.require(.membersWrite)
        let body = try await request.jsonObject()
        let intent = try fields(body, TenantAccount.SetMember.init(fields:))
        let present = tenant.record.members[intent.subject]?.allowed ?? []
        try checkGrant(of: intent.allowed.union(present), by: try context.principal(), tenant)
        return try await change(request, context, tenant, body: body.bytes) {
            stamp, state throws(TenantAccount.Refused) in
            try TenantAccount.setMember(intent, stamp, state)
        }
    }

    @Sendable private func removeMember(_ request: Request, _ context: EdgeContext) async throws -> Response {
        let tenant = try context.require(.membersWrite)
        let subject = try context.parameter("subject")
        if let member = tenant.record.members[subject] {
            try checkGrant(of: member.allowed, by: try context.principal(), tenant)
        }
        return try await change(request, context, tenant, body: []) { stamp, state throws(TenantAccount.Refused) in
            try TenantAccount.removeMember(subject, stamp, state)
        }
    }

    @Sendable private func createKey(_ request: Request, _ context: EdgeContext) async throws -> Response {
        let tenant = try context.require(.keysWrite)
        let body = try await request.jsonObject()
        let intent = try fields(body, TenantAccount.CreateKey.init(fields:))
        let key = APIKey.generate(intent.kind, slug: tenant.slug)
        let id = TypeID(prefix: "key", uuid: .version7()).description
        return try await change(
            request, context, tenant, body: body.bytes,
            shape: { try await shown(key, id, tenant.id, $0, member: "key_id") }
        ) { stamp, state throws(TenantAccount.Refused) in
            try TenantAccount.createKey(intent, id: id, hash: key.hash, stamp, state)
        }
    }

    /// The key is shown once, to who made it; nothing that is stored could show it again.
    ///
    /// - Parameter member: of the event, that names the key.
    private func shown(
        _ key: APIKey, _ id: String, _ tenant: TenantID, _ executed: Executed, member: String
    ) async throws -> CommandAPI.Shape {
        guard executed.isReplayed else {
            return .init(
                isCreation: true, isReadable: false, members: ["key_id": .string(id), "key": .string(key.text)])
        }
        let first = try await namedKey(tenant, executed.receipt, member)
        return .init(isCreation: true, isReadable: false, members: ["key_id": first, "key": .null])
    }

    @Sendable private func changeKey(_ request: Request, _ context: EdgeContext) async throws -> Response {
        let tenant = try context.require(.keysWrite)
        let id = try context.parameter("id")
        let body = try await request.jsonObject()
        let intent = try fields(body, TenantAccount.ChangeKey.init(fields:))
        return try await change(request, context, tenant, body: body.bytes) {
            stamp, state throws(TenantAccount.Refused) in
            try TenantAccount.changeKey(id, intent, stamp, state)
        }
    }

    @Sendable private func rotateKey(_ request: Request, _ context: EdgeContext) async throws -> Response {
        let tenant = try context.require(.keysWrite)
        let old = try context.parameter("id")
        let body = try await request.jsonObject(allowEmpty: true)
        let grace = try fields(body, TenantAccount.graceHours(fields:))
        guard let kind = tenant.record.keys[old]?.kind else { throw Problem(.notFound, "there is no such key") }
        let key = APIKey.generate(kind, slug: tenant.slug)
        let id = TypeID(prefix: "key", uuid: .version7()).description
        return try await change(
            request, context, tenant, body: body.bytes,
            shape: { try await shown(key, id, tenant.id, $0, member: "new_key_id") }
        ) { stamp, state throws(TenantAccount.Refused) in
            try TenantAccount.rotateKey(
                old, newID: id, hash: key.hash, grace: .seconds(grace * 3600), stamp, state)
        }
    }

    @Sendable private func changeSettings(_ request: Request, _ context: EdgeContext) async throws -> Response {
        let tenant = try context.require(.tenantWrite)
        let body = try await request.jsonObject()
        let intent = try fields(body, TenantAccount.ChangeSettings.init(fields:))
        return try await change(request, context, tenant, body: body.bytes) {
            stamp, state throws(TenantAccount.Refused) in
            try TenantAccount.changeSettings(intent, stamp, state)
        }
    }

    @Sendable private func revokeKey(_ request: Request, _ context: EdgeContext) async throws -> Response {
        let tenant = try context.require(.keysWrite)
        let id = try context.parameter("id")
        return try await change(request, context, tenant, body: []) { stamp, state throws(TenantAccount.Refused) in
            try TenantAccount.revokeKey(id, stamp, state)
        }
    }

    private func change(
        _ request: Request, _ context: EdgeContext, _ tenant: Tenant, body: [UInt8],
        shape: (Executed) async throws -> CommandAPI.Shape = { _ in .change },
        decide: (Stamp, TenantAccount.State) throws(TenantAccount.Refused) -> [TenantAccount.Event]
    ) async throws -> Response {
        let stamp = Stamp(id: tenant.id.uuid, at: context.receivedAt)
        defer { directory.invalidate(slug: tenant.slug) }
        return try await api.answer(
            request, context, tenant.id, body: body, on: StreamID(TenantAccount.self, stamp.id), shape: shape
        ) { decision in
            let account = try await decision.load(TenantAccount.self, stamp.id)
            decision.append(try decide(stamp, account.state), to: account)
        }
    }

    /// The id of the key that an earlier request made.
    private func namedKey(_ tenant: TenantID, _ receipt: Receipt, _ member: String) async throws -> JSONValue {
        let rows = try await pool.query(
            EventReader.range(tenant, from: receipt.position, to: receipt.position), tenant: tenant.uuid)
        guard let event = try EventReader.decode(rows).first else { return .null }
        return try JSONValue(parsing: event.data)[member] ?? .null
    }

    /// Nobody gives, or takes away, what they may not do themselves.
    private func checkGrant(of permissions: Set<Permission>, by principal: Principal, _ tenant: Tenant) throws {
        guard case .operator(let subject, _, _) = principal,
            let own = tenant.record.members[subject]?.allowed,
            permissions.allSatisfy({ own.allows($0) })
        else { throw Problem(.forbidden, "permissions can be given and taken only by who has them") }
    }
}
