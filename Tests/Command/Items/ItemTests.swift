import Documents
import EventSourcing
import Events
import JSON
import TestSupport
import Testing

@testable import Command

@Suite struct ItemTests {
    @Test func `an item is received`() {
        let values: JSONObject = ["title": "Coat", "condition": "good", "brand": "Max Mara", "sku": "C-1"]
        Given(Item.self)
            .when { state throws(Item.Refused) in try Item.receive(.init(values: values), stamp, state) }
            .then(fact(.received(coat)))
            .thenState { $0?.title == "Coat" && $0?.version == 1 && $0?.createdAt == noon && $0?.sku == "C-1" }
    }

    @Test func `only what changes is in the event`() {
        Given(Item.self, [fact(.received(coat))])
            .when { state throws(Item.Refused) in
                try Item.update(.init(changes: ["title": "Coat", "brand": "Marella", "size": "M"]), stamp, state)
            }
            .then(fact(.updated(ProductUpdated(changes: ["brand": "Marella", "size": "M"]))))
            .thenState { $0?.version == 2 && $0?.brand == "Marella" && $0?.condition == "good" }
    }

    @Test func `what is so already is no event`() {
        Given(Item.self, [fact(.received(coat))])
            .when { state throws(Item.Refused) in
                try Item.update(
                    .init(changes: ["title": "Coat", "size": .null, "photos": [], "attributes": [:]]), stamp, state)
            }
            .thenNothing()
    }

    @Test func `an optional field is cleared by null`() {
        Given(Item.self, [fact(.received(coat))])
            .when { state throws(Item.Refused) in try Item.update(.init(changes: ["brand": .null]), stamp, state) }
            .then(fact(.updated(ProductUpdated(changes: ["brand": .null]))))
            .thenState { $0?.brand == nil }
    }

    @Test func `attributes are replaced whole, and their order is no change`() {
        let received = ItemReceived(title: "Coat", condition: "good", attributes: ["a": 1, "b": ["c": 2, "d": 3]])
        Given(Item.self, [fact(.received(received))])
            .when { state throws(Item.Refused) in
                try Item.update(.init(changes: ["attributes": ["b": ["d": 3, "c": 2], "a": 1]]), stamp, state)
            }
            .thenNothing()
        Given(Item.self, [fact(.received(received))])
            .when { state throws(Item.Refused) in
                try Item.update(.init(changes: ["attributes": ["a": 1]]), stamp, state)
            }
            .then(fact(.updated(ProductUpdated(changes: ["attributes": ["a": 1]]))))
            .thenState { $0?.attributes == ["a": 1] }
    }

    @Test func `a deleted item stays deleted, and nothing else happens to it`() {
        let deleted = fact(.deleted(ProductDeleted(reason: "torn")))
        Given(Item.self, [fact(.received(coat))])
            .when { state throws(Item.Refused) in try Item.delete(.init(reason: "torn"), stamp, state) }
            .then(deleted)
            .thenState { $0?.isDeleted == true && $0?.version == 2 }
        Given(Item.self, [fact(.received(coat)), deleted])
            .when { state throws(Item.Refused) in try Item.delete(.init(reason: "again"), stamp, state) }
            .thenNothing()
        Given(Item.self, [fact(.received(coat)), deleted])
            .when { state throws(Item.Refused) in try Item.update(.init(changes: ["title": "x"]), stamp, state) }
            .refuses(.deleted)
    }

    @Test func `what was never received is unknown`() {
        Given(Item.self)
            .when { state throws(Item.Refused) in try Item.update(.init(changes: [:]), stamp, state) }
            .refuses(.unknown)
        Given(Item.self)
            .when { state throws(Item.Refused) in try Item.delete(.init(reason: "x"), stamp, state) }
            .refuses(.unknown)
    }

    // MARK: - Claims

    @Test func `a SKU is taken, exchanged, and given back with the item`() {
        let received = Item.fold([fact(.received(coat))])
        #expect(Item.claims(before: nil, after: received) == [.take(kind: "sku", value: "C-1")])
        let changed = Item.fold([fact(.updated(.init(changes: ["sku": "C-2"])))], from: received)
        #expect(
            Item.claims(before: received, after: changed) == [
                .release(kind: "sku", value: "C-1"), .take(kind: "sku", value: "C-2"),
            ])
        let cleared = Item.fold([fact(.updated(.init(changes: ["sku": .null])))], from: changed)
        #expect(Item.claims(before: changed, after: cleared) == [.release(kind: "sku", value: "C-2")])
        #expect(Item.claims(before: received, after: received) == [])
    }

    @Test func `an item is deleted only without an open listing`() {
        let received = Item.fold([fact(.received(coat))])
        let deleted = Item.fold([fact(.deleted(.init(reason: "torn")))], from: received)
        #expect(
            Item.claims(before: received, after: deleted) == [
                .release(kind: "sku", value: "C-1"),
                .absent(kind: "open_listing", prefix: "01890a5d-ac96-774b-bcce-b302099a8057/"),
            ])
        #expect(ClaimRefusal(kind: "open_listing", value: "", wasGuard: true) == .itemHasOpenListing)
    }

    @Test func `the row of an import is taken for ever`() {
        var imported = coat
        imported.imported = ImportedItem(key: #"["coat","","",""]"#, values: [:])
        let received = Item.fold([fact(.received(imported))])
        #expect(
            Item.claims(before: nil, after: received).contains(
                .take(kind: "import_item", value: #"["coat","","",""]"#)))
        let deleted = Item.fold([fact(.deleted(.init(reason: "torn")))], from: received)
        #expect(
            !Item.claims(before: received, after: deleted).contains(
                .release(kind: "import_item", value: #"["coat","","",""]"#)))
    }

    @Test func `the stored state is read back`() throws {
        let state = Item.fold([fact(.received(coat)), fact(.updated(.init(changes: ["size": "M"])))])
        #expect(try Item.decode(Item.encode(state)) == state)
    }
}
