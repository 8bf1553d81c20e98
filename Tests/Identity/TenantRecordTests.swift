import EventSourcing
import JSON
import Testing

@testable import Identity

@Suite struct TenantRecordTests {
    private func record() throws -> TenantRecord {
        TenantRecord(
            slug: "demo", name: "Demo \"shop\"", currency: try #require(Currency(code: "PLN")),
            timeZone: "Europe/Warsaw",
            members: [
                "anna": .init(name: "Anna", permissions: [.all]),
                "jan": .init(permissions: [.itemsWrite, "future:verb"]),
                "ola": .init(role: "intake", permissions: []), "zen": .init(role: "of the future", permissions: []),
            ],
            keys: [
                "k1": .init(kind: .publishable, name: "Shop", hash: "aa", allowedOrigins: ["https://shop.example"]),
                "k2": .init(kind: .secret, hash: "bb", permissions: [.offersCreate], isRevoked: true),
                "k3": .init(kind: .secret, hash: "cc", expiresAt: Timestamp(seconds: 1_800_000_000)),
            ])
    }

    @Test func `a record comes back from its stored form as it was`() throws {
        let record = try record()

        #expect(try TenantRecord(stored: record.bytes) == record)
    }

    @Test func `the stored form does not depend on the order of things`() throws {
        let record = try record()
        let again = try TenantRecord(stored: record.bytes)

        #expect(again.bytes == record.bytes)
    }

    @Test func `a role grants what it stands for, and one that this program does not know nothing`() throws {
        let again = try TenantRecord(stored: try record().bytes)

        #expect(again.members["ola"]?.allowed.allows(.intakesWrite) == true)
        #expect(again.members["ola"]?.allowed.allows(.payoutsWrite) == false)
        #expect(again.members["zen"]?.role == "of the future")
        #expect(again.members["zen"]?.allowed == [])
    }

    @Test func `an expiry that cannot be read makes no key of one that has ended`() throws {
        let text = String(decoding: try record().bytes, as: UTF8.self).replacing("2027-01-15", with: "someday")

        #expect(throws: UnreadableTenant(field: "keys.expires_at")) { try TenantRecord(stored: Array(text.utf8)) }
    }

    @Test func `a permission this program does not know is kept`() throws {
        let again = try TenantRecord(stored: try record().bytes)

        #expect(again.members["jan"]?.permissions.contains("future:verb") == true)
    }

    @Test(arguments: ["slug", "name", "currency", "time_zone"])
    func `a stored tenant without one of its settings is not readable`(field: String) throws {
        var object = try #require(try record().json.objectValue)
        object[field] = nil

        #expect(throws: UnreadableTenant(field: field)) { try TenantRecord(json: .object(object)) }
    }

    @Test func `a key that does not say whether it is revoked is revoked`() throws {
        var json = try #require(try record().json.objectValue)
        json["keys"] = ["k1": ["kind": "secret", "hash": "aa", "permissions": []]]

        #expect(try TenantRecord(json: .object(json)).keys["k1"]?.isRevoked == true)
    }

    @Test(arguments: ["demo", "abc", "a-b", "shop-24", String(repeating: "a", count: 40)])
    func `a slug is lower-case letters, digits and dashes`(slug: String) {
        #expect(TenantRecord.isValid(slug: slug))
    }

    @Test(arguments: [
        "", "ab", "Demo", "1shop", "-shop", "shop-", "sh_op", "sh op", "żak", "a\0bc",
        String(repeating: "a", count: 41),
    ])
    func `anything else is no slug`(slug: String) {
        #expect(!TenantRecord.isValid(slug: slug))
    }

    @Test func `every known permission is resource and verb, or the owner's star`() {
        for permission in Permission.known where permission != .all {
            #expect(permission.rawValue.wholeMatch(of: /[a-z]+:[a-z]+/) != nil)
        }
        #expect(Set<Permission>([.all]).allows(.itemsWrite))
        #expect(Set<Permission>([.itemsWrite]).allows(.itemsWrite))
        #expect(!Set<Permission>([.itemsWrite]).allows(.listingsWrite))
        #expect(!Set<Permission>().allows(.itemsWrite))
    }
}
