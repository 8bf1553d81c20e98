import EventSourcing
import Events
import Identity
import JSON
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

    @Test func `a role brings its permissions, and an owner by role keeps the tenant`() {
        let clerk = tenantFact(.memberAdded(.init(subject: "bob", role: "intake", permissions: ["listings:write"])))
        Given(TenantAccount.self, founded).when(set("bob", [.listingsWrite], .intake))
            .then(clerk)
            .thenState {
                let allowed = $0?.members["bob"]?.allowed ?? []
                return allowed.allows(.intakesWrite) && allowed.allows(.listingsWrite) && !allowed.allows(.keysWrite)
            }
        Given(TenantAccount.self, founded + [clerk]).when(set("bob", [.listingsWrite], .intake)).thenNothing()
        Given(TenantAccount.self, founded + [clerk]).when(set("bob", [], nil))
            .then(tenantFact(.memberChanged(.init(subject: "bob", permissions: []))))
            .thenState { $0?.members["bob"]?.allowed == [] }
        let second = tenantFact(.memberChanged(.init(subject: "bob", role: "owner", permissions: [])))
        Given(TenantAccount.self, founded + [clerk, second]).when(remove("ann"))
            .then(tenantFact(.memberRemoved(.init(subject: "ann"))))
        Given(TenantAccount.self, founded + [clerk]).when(remove("ann")).refuses(.lastOwner)
    }

    @Test func `a key is renamed and rotated; both are good until the old one ends`() throws {
        let made = tenantFact(.keyCreated(.init(keyID: "k1", kind: .publishable, name: "Shop", hash: "00")))
        let rotated = tenantFact(
            .keyRotated(.init(keyID: "k1", newKeyID: "k2", hash: "11", expiresAt: noon + .seconds(3600))))
        Given(TenantAccount.self, founded + [made]).when(change("k1", ["name": "Till", "allowed_origins": []]))
            .then(tenantFact(.keyChanged(.init(keyID: "k1", changes: ["name": "Till"]))))
            .thenState { $0?.keys["k1"]?.name == "Till" }
        Given(TenantAccount.self, founded + [made]).when(change("k1", ["name": "Shop"])).thenNothing()
        let state = TenantAccount.fold(founded + [made, rotated])
        #expect(state?.keys["k2"]?.name == "Shop")
        #expect(state?.keys["k2"]?.isValid(at: noon + .seconds(7200)) == true)
        #expect(state?.keys["k1"]?.isValid(at: noon + .seconds(3599)) == true)
        #expect(state?.keys["k1"]?.isValid(at: noon + .seconds(3600)) == false)
        Given(TenantAccount.self, founded + [made, rotated]).when(rotate("k1")).refuses(.keyEnded)
        Given(TenantAccount.self, founded + [made, rotated]).when(change("k1", ["name": .null])).refuses(.keyEnded)
        Given(TenantAccount.self, founded).when(rotate("k1")).refuses(.keyUnknown)
        #expect(try rotate("k1")(TenantAccount.fold(founded + [made])) == [rotated])
    }

    @Test func `settings change one by one, and come back to their defaults`() throws {
        let first: JSONObject = ["return_days": 30, "features": ["photos": true], "name": "Acme"]
        let changed = tenantFact(
            .settingsChanged(.init(changes: ["return_days": 30, "features": ["photos": true]])))
        Given(TenantAccount.self, founded).when(settle(first)).then(changed)
            .thenState { $0?.settings.returnDays == 30 && $0?.settings.features == ["photos": true] }
        Given(TenantAccount.self, founded + [changed]).when(settle(first)).thenNothing()
        Given(TenantAccount.self, founded + [changed])
            .when(settle(["return_days": .null, "features": ["photos": .null, "labels": false], "time_zone": "UTC"]))
            .thenState {
                $0?.settings.returnDays == 14 && $0?.settings.features == ["labels": false] && $0?.timeZone == "UTC"
            }
        Given(TenantAccount.self).when(settle(first)).refuses(.unknown)
        let state = TenantAccount.fold(founded + [changed])
        #expect(try TenantAccount.decode(TenantAccount.encode(state)) == state)
    }

    @Test func `fields of settings, roles and rotations`() throws {
        #expect(
            try codes {
                try TenantAccount.ChangeSettings(
                    fields: body(
                        """
                        {"name": null, "return_days": 400, "hold_hours": "1", "sku_pattern": "x", "languages": ["pl", "q"],
                         "addresses": [{"kind": "moon", "lines": ["a"], "city": "b", "country": "Poland"}],
                         "features": {"a b": true, "c": 1}, "time_zone": "Warsaw", "currency": "EUR"}
                        """))
            }.sorted() == [
                "/addresses/0/country invalid", "/addresses/0/kind invalid", "/currency unknown_field",
                "/features/a b invalid", "/hold_hours wrong_type", "/languages/1 invalid", "/name required",
                "/return_days out_of_range", "/sku_pattern invalid", "/time_zone invalid",
            ])
        #expect(
            try TenantAccount.ChangeSettings(fields: body(#"{"return_days": null, "languages": ["pl", "en-GB"]}"#))
                .changes
                == ["return_days": .null, "languages": ["pl", "en-GB"]])
        #expect(
            try codes { try TenantAccount.SetMember(fields: body(#"{"subject": "x", "role": "king"}"#)) }
                == ["/role invalid"])
        #expect(
            try codes { try TenantAccount.SetMember(fields: body(#"{"subject": "x"}"#)) } == ["/permissions required"])
        #expect(try TenantAccount.SetMember(fields: body(#"{"subject": "x", "role": "sales"}"#)).role == .sales)
        #expect(try TenantAccount.graceHours(fields: [:]) == 24)
        #expect(
            try codes { try TenantAccount.graceHours(fields: ["grace_hours": 721]) } == ["/grace_hours out_of_range"])
        #expect(
            try codes { try TenantAccount.ChangeKey(fields: body(#"{"allowed_origins": ["x"], "hash": ""}"#)) }
                == ["/hash unknown_field", "/allowed_origins/0 invalid"])
    }

    @Test func `the stored state is read back`() throws {
        let state = TenantAccount.fold(founded + [bob])
        #expect(try TenantAccount.decode(TenantAccount.encode(state)) == state)
    }

    private typealias Decide = (TenantAccount.State) throws(TenantAccount.Refused) -> [TenantAccount.Event]

    private func settle(_ changes: JSONObject) -> Decide {
        { state throws(TenantAccount.Refused) in
            try TenantAccount.changeSettings(.init(changes: changes), stamp, state)
        }
    }

    private func change(_ id: String, _ changes: JSONObject) -> Decide {
        { state throws(TenantAccount.Refused) in
            try TenantAccount.changeKey(id, .init(changes: changes), stamp, state)
        }
    }

    private func rotate(_ id: String) -> Decide {
        { state throws(TenantAccount.Refused) in
            try TenantAccount.rotateKey(id, newID: "k2", hash: "11", grace: .seconds(3600), stamp, state)
        }
    }

    private func set(_ subject: String, _ permissions: Set<Permission>, _ role: Role? = nil) -> Decide {
        let intent = TenantAccount.SetMember(subject: subject, role: role, permissions: permissions)
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
