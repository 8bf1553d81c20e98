import EventSourcing
import Foundation
import JSON
import Testing

private enum Counter: Aggregate {
    enum Event: Equatable { case added(Int), cleared }

    static let category = "counter"
    static let prefix = "counter"
    static let initial = 0

    static func evolve(_ state: inout Int, _ event: Event) {
        switch event {
        case .added(let amount): state += amount
        case .cleared: state = 0
        }
    }
}

@Suite struct `Envelope` {
    private let metadata = Metadata(
        actor: "operator-demo", onBehalfOf: "x", commandID: UUID.version7(), correlationID: UUID.version7(),
        causationID: UUID.version7(), traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        requestedAt: Timestamp(microseconds: 1_769_767_200_123_456))

    @Test func `metadata survives storage`() throws {
        #expect(Metadata(json: try JSONValue(parsing: metadata.bytes)) == metadata)
        var bare = metadata
        bare.onBehalfOf = nil
        bare.causationID = nil
        bare.traceparent = nil
        let json = try JSONValue(parsing: bare.bytes)
        #expect(json.objectValue?.keys == ["actor", "command_id", "correlation_id", "requested_at"])
        #expect(Metadata(json: json) == bare)
    }

    @Test func `metadata without what every event has is refused, with more is read`() throws {
        let json = try JSONValue(parsing: metadata.bytes)
        for name in ["actor", "command_id", "correlation_id", "requested_at"] {
            var object = json.objectValue!
            object[name] = nil
            #expect(Metadata(json: .object(object)) == nil)
            object[name] = 1
            #expect(Metadata(json: .object(object)) == nil)
        }
        var object = json.objectValue!
        object["later"] = true
        #expect(Metadata(json: .object(object)) == metadata)
    }

    @Test func `a state is the fold of its events`() {
        #expect(Counter.fold([]) == 0)
        #expect(Counter.fold([.added(2), .cleared, .added(5)]) == 5)
        #expect(Counter.fold([.added(1)], from: 41) == 42)
    }

    @Test func `a stream has a public identifier and a text`() {
        let id = UUID(uuidString: "01890a5d-ac96-774b-bcce-b302099a8057")!
        let stream = StreamID(Counter.self, id)
        #expect(stream.typeID.description == "counter_01h455vb4pex5vsknk084sn02q")
        #expect(stream.description == "counter/01890a5d-ac96-774b-bcce-b302099a8057")
        #expect(TenantID(id).description == "01890a5d-ac96-774b-bcce-b302099a8057")
    }
}
