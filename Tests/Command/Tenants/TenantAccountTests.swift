import EventSourcing
import Events
import Identity
import TestSupport
import Testing

@testable import Command

@Suite struct TenantAccountTests {
    let create = TenantAccount.Create(slug: "acme", name: "Acme", currency: zloty, timeZone: "Europe/Warsaw")
    let ann = TenantAccount.SetMember(subject: "ann", name: "Ann", permissions: [.itemsWrite])
    let founded = [
        tenantFact(.created(.init(slug: "acme", name: "Acme", currency: zloty, timeZone: "Europe/Warsaw"))),
        tenantFact(.memberAdded(.init(subject: "ann", name: "Ann", permissions: ["*"]))),
    ]
    let bob = tenantFact(.memberAdded(.init(subject: "bob", permissions: ["items:write"])))

    @Test func `who creates a tenant owns it`() {
        Given(TenantAccount.self)
            .when { state throws(TenantAccount.Refused) in
                try TenantAccount.create(create, by: ann, stamp, state)
            }
            .then(founded)
            .thenState { $0?.members["ann"]?.permissions == [.all] && $0?.slug == "acme" }
    }

    @Test func `a slug is one tenant's`() {
        var other = create
        other.name = "Other"
        Given(TenantAccount.self, founded)
            .when { [other] state throws(TenantAccount.Refused) in
                try TenantAccount.create(other, by: ann, stamp, state)
            }
            .refuses(.slugTaken("acme"))
    }

    @Test func `members are added, changed and removed`() {
        Given(TenantAccount.self, founded).when(set("bob", [.itemsWrite])).then(bob)
        Given(TenantAccount.self, founded + [bob]).when(set("bob", [.listingsWrite, .itemsWrite]))
            .then(tenantFact(.memberChanged(.init(subject: "bob", permissions: ["items:write", "listings:write"]))))
        Given(TenantAccount.self, founded + [bob]).when(set("bob", [.itemsWrite])).thenNothing()
        Given(TenantAccount.self, founded + [bob]).when(remove("bob"))
            .then(tenantFact(.memberRemoved(.init(subject: "bob"))))
        Given(TenantAccount.self, founded).when(remove("bob")).thenNothing()
        Given(TenantAccount.self).when(remove("bob")).refuses(.unknown)
    }

    @Test func `the last owner stays`() {
        Given(TenantAccount.self, founded + [bob]).when(remove("ann")).refuses(.lastOwner)
        Given(TenantAccount.self, founded + [bob]).when(set("ann", [.itemsWrite])).refuses(.lastOwner)
        let second = tenantFact(.memberChanged(.init(subject: "bob", permissions: ["*"])))
        Given(TenantAccount.self, founded + [bob, second]).when(remove("ann"))
            .then(tenantFact(.memberRemoved(.init(subject: "ann"))))
    }

    @Test func `keys are created and revoked; a publishable one only reads`() {
        let made = tenantFact(
            .keyCreated(
                .init(
                    keyID: "k1", kind: .secret, hash: "00", permissions: ["offers:create", "orders:create"],
                    allowedOrigins: [])))
        Given(TenantAccount.self, founded).when(key(.secret, [.ordersCreate, .offersCreate])).then(made)
        Given(TenantAccount.self, founded).when(key(.publishable, [.ordersCreate]))
            .refuses(.permissionsOfPublishableKey)
        Given(TenantAccount.self, founded + [made]).when(revoke("k1"))
            .then(tenantFact(.keyRevoked(.init(keyID: "k1"))))
            .thenState { $0?.keys["k1"]?.isRevoked == true }
        Given(TenantAccount.self, founded).when(revoke("k1")).refuses(.keyUnknown)
    }

    @Test func `fields`() throws {
        #expect(
            try TenantAccount.Create(
                fields: body(
                    #"{"slug": "acme", "name": "Acme", "currency": "PLN", "time_zone": "Europe/Warsaw"}"#)) == create)
        #expect(
            try codes {
                try TenantAccount.Create(
                    fields: body(#"{"slug": "Acme", "name": "", "currency": "XXX", "time_zone": "Warsaw"}"#))
            } == ["/slug invalid", "/name empty", "/currency invalid", "/time_zone invalid"])
        #expect(
            try codes {
                try TenantAccount.SetMember(fields: body(#"{"subject": "x", "permissions": ["*", "fly"]}"#))
            } == ["/permissions/1 invalid"])
        #expect(
            try codes {
                try TenantAccount.CreateKey(
                    fields: body(
                        #"{"kind": "secret", "permissions": ["items:write"], "allowed_origins": ["*", "https://a/b"]}"#)
                )
            } == ["/permissions/0 invalid", "/allowed_origins/1 invalid"])
    }

    @Test func `the stored state is read back`() throws {
        let state = TenantAccount.fold(founded + [bob])
        #expect(try TenantAccount.decode(TenantAccount.encode(state)) == state)
    }

    private typealias Decide = (TenantAccount.State) throws(TenantAccount.Refused) -> [TenantAccount.Event]

    private func set(_ subject: String, _ permissions: Set<Permission>) -> Decide {
        let intent = TenantAccount.SetMember(subject: subject, permissions: permissions)
        return { state throws(TenantAccount.Refused) in try TenantAccount.setMember(intent, stamp, state) }
    }

    private func remove(_ subject: String) -> Decide {
        { state throws(TenantAccount.Refused) in try TenantAccount.removeMember(subject, stamp, state) }
    }

    private func key(_ kind: APIKey.Kind, _ permissions: Set<Permission>) -> Decide {
        let intent = TenantAccount.CreateKey(kind: kind, permissions: permissions, allowedOrigins: [])
        return { state throws(TenantAccount.Refused) in
            try TenantAccount.createKey(intent, id: "k1", hash: "00", stamp, state)
        }
    }

    private func revoke(_ id: String) -> Decide {
        { state throws(TenantAccount.Refused) in try TenantAccount.revokeKey(id, stamp, state) }
    }
}

private func tenantFact(_ event: TenantEvent) -> TenantAccount.Event { Fact(id: itemID, at: noon, event: event) }
