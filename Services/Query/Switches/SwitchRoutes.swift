import Edge
import EventSourcing
import HTTPTypes
import Hummingbird
import Identity
import JSON

/// `GET /v1/read-switches`: the switches in force for the tenant, and where each comes from. For members.
///
/// Of the file it tells only in what condition it is: what stands in it may concern other tenants.
struct SwitchRoutes: Sendable {
    var switches: SwitchFile

    /// What this program serves.
    static let resources: [ReadResource] = [.items, .listings, .contracts, .offers]

    func add(to router: EdgeRouter) {
        router.get("/v1/read-switches") { [switches] request, context in
            let tenant = try context.operatorsTenant()
            var parameters = QueryParameters(request)
            try parameters.finish()
            var headers = HTTPFields()
            Caching.writeNever(to: &headers)
            return Response.json(Self.document(switches.status, for: tenant.slug), headers: headers)
        }
    }

    static func document(_ status: SwitchState, for tenant: String) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("data")
        writer.array { writer in
            for resource in resources {
                let (rule, origin) = status.switches.rule(resource, for: tenant)
                writer.object { writer in
                    writer.member("resource", resource.rawValue)
                    writer.member("use", rule.use.rawValue)
                    writer.member("percent", Int64(rule.percent))
                    writer.member("origin", origin.rawValue)
                }
            }
        }
        writer.key("file")
        writer.object { writer in
            writer.member("state", status.condition.name)
            writer.member("taken_at", status.takenAt?.rfc3339)
        }
        writer.endObject()
        return writer.bytes
    }
}
