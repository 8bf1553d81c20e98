import Documents
import EventSourcing
import Events
import JSON
import TestSupport
import Testing

@testable import Command

@Suite struct LocationTests {
    private static let values: JSONObject = ["code": "WAW-1", "name": "Warsaw", "kind": "store"]
    private let opened = locationFact(.opened(LocationOpened(values: values)))
    private let closed = locationFact(.closed(LocationClosed(reason: "moved")))

    @Test func `a location is opened, changed and closed`() {
        Given(Location.self)
            .when { state throws(Location.Refused) in try Location.open(.init(values: Self.values), stamp, state) }
            .then(opened)
            .thenState { $0?.isOpen == true && $0?.code == "WAW-1" && $0?.version == 1 }
        Given(Location.self, [opened]).when(change(["name": "Old town", "code": "WAW-1"]))
            .then(locationFact(.changed(LocationChanged(changes: ["name": "Old town"]))))
            .thenState { $0?.name == "Old town" && $0?.version == 2 }
        Given(Location.self, [opened]).when(change(["name": "Warsaw"])).thenNothing()
        Given(Location.self, [opened]).when(close).then(closed).thenState { $0?.status == "closed" }
        Given(Location.self, [opened, closed]).when(close).thenNothing()
    }

    @Test func `what is closed, or was never opened, is not changed`() {
        Given(Location.self, [opened, closed]).when(change(["name": "x"])).refuses(.closed)
        Given(Location.self).when(change(["name": "x"])).refuses(.unknown)
        Given(Location.self).when(close).refuses(.unknown)
    }

    @Test func `an open location holds its code`() {
        let open = Location.fold([opened])
        let renamed = Location.fold([opened, locationFact(.changed(LocationChanged(changes: ["code": "WAW-2"])))])
        #expect(Location.claims(before: nil, after: open) == [.take(kind: "location_code", value: "WAW-1")])
        #expect(
            Location.claims(before: open, after: renamed) == [
                .release(kind: "location_code", value: "WAW-1"), .take(kind: "location_code", value: "WAW-2"),
            ])
        #expect(
            Location.claims(before: open, after: Location.fold([opened, closed])) == [
                .release(kind: "location_code", value: "WAW-1")
            ])
    }

    @Test func `fields`() throws {
        let address = #"{"lines": [" ul. Prosta 1 "], "city": "Warszawa", "country": "PL"}"#
        let intent = try Location.Open(
            fields: body(#"{"code": "WAW-1", "name": " Warsaw ", "kind": "store", "address": \#(address)}"#))
        #expect(intent.values["name"] == "Warsaw")
        #expect(intent.values["address"] == ["city": "Warszawa", "country": "PL", "lines": ["ul. Prosta 1"]])
        #expect(
            try codes {
                try Location.Open(fields: body(#"{"code": "WAW 1", "kind": "moon", "address": {"lines": []}, "x": 1}"#))
            } == [
                "/x unknown_field", "/code invalid", "/name required", "/kind invalid", "/address/lines empty",
                "/address/city required", "/address/country required",
            ])
        #expect(try codes { try Location.Change(fields: body(#"{"name": null}"#)) } == ["/name required"])
        #expect(try Location.Change(fields: body(#"{"address": null}"#)).changes == ["address": .null])
    }

    @Test func `the stored state is read back`() throws {
        let address: JSONValue = ["city": "Warszawa", "country": "PL", "lines": ["ul. Prosta 1"]]
        let state = Location.fold([opened, locationFact(.changed(LocationChanged(changes: ["address": address])))])
        #expect(try Location.decode(Location.encode(state)) == state)
        #expect(state?.value(of: .address) == address)
    }

    private typealias Decide = (Location.State) throws(Location.Refused) -> [Location.Event]

    private func change(_ changes: JSONObject) -> Decide {
        { state throws(Location.Refused) in try Location.change(.init(changes: changes), stamp, state) }
    }

    private var close: Decide {
        { state throws(Location.Refused) in try Location.close(.init(reason: "moved"), stamp, state) }
    }
}

private func locationFact(_ event: LocationEvent) -> Location.Event { Fact(id: itemID, at: noon, event: event) }
