import Foundation
import JSON
import Testing

@testable import Query

@Suite struct TenantReadTests {
    @Test func `members read what the tenant has settled, who belongs to it, and its keys without what opens doors`()
        async throws
    {
        try await QueryApp.with { app in
            let shop = try await app.shop()
            let tenant = try await app.get("/v1/tenant", of: shop)
            #expect(tenant.status == 200)
            #expect(tenant["closter-source"] == "tables")
            #expect(tenant["etag"]?.hasPrefix("\"1-") == true)
            #expect(tenant.json["slug"] == "demo")
            #expect(tenant.json["return_days"] == 14)
            #expect(tenant.json["sku_pattern"] == "{yy}{mm}-{seq:5}")
            #expect(tenant.json["features"] == [:])

            let members = try await app.get("/v1/members", of: shop)
            #expect(members.data.map { $0["subject"] } == ["ada"])
            #expect(members.data.first?["allowed"] == ["*"])

            let keys = try await app.get("/v1/keys", of: shop)
            #expect(keys.data.map { $0["id"] } == ["pub", "sec"])
            #expect(keys.data.map { $0["status"] } == ["in_use", "in_use"])
            #expect(keys.data.first?["allowed_origins"] == ["https://shop.example"])
            #expect(!keys.text.contains("hash"))

            for path in ["/v1/tenant", "/v1/members", "/v1/keys"] {
                for reader in [QueryApp.Reader.storefront, .backEnd] {
                    #expect(try await app.get(path, as: reader, of: shop).status == 403)
                }
                #expect(try await app.get(path + "?x=1", of: shop).pointers == ["/x"])
            }
        }
    }
}
