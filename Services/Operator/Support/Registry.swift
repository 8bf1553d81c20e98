import EventSourcing
import Foundation
import JSON
import Postgres

/// Tenants as the database knows them: the control schema says which there are, the operational tables what they are.
enum Registry {
    static func tenants(_ settings: Settings) async throws -> [RegisteredTenant] {
        try await Database.read(settings) { connection in
            try await connection.query("\(select) ORDER BY t.slug").map(RegisteredTenant.init)
        }
    }

    static func tenant(_ slug: String, _ settings: Settings) async throws -> RegisteredTenant {
        let found = try await Database.read(settings) { connection in
            try await connection.query("\(select) WHERE t.slug = \(slug)").map(RegisteredTenant.init)
        }
        guard let tenant = found.first else { throw ToolFailure("there is no tenant \(slug)") }
        return tenant
    }

    private static let select: SQL = """
        SELECT t.slug, t.tenant_id, t.shard, a.state
        FROM closter.tenants t
        LEFT JOIN main.aggregates a
            ON a.tenant_id = t.tenant_id AND a.category = 'tenant' AND a.stream_id = t.tenant_id
        """
}
