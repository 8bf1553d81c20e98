import EventSourcing
import Events
import Foundation
import JSON
import Testing

/// A golden payload for each version of each event that was ever stored: kept for ever, never edited.
private struct Fixture: CustomStringConvertible, Sendable {
    let type: String
    let schema: Int
    let json: JSONValue

    var description: String { "\(type).v\(schema)" }

    static let all: [Fixture] = {
        let folder = Bundle.module.resourceURL!.appending(path: "Fixtures")
        let files = try! FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
        return files.sorted { $0.path < $1.path }.map { file in
            let parts = file.lastPathComponent.split(separator: ".")
            let json = try! JSONValue(parsing: Array(try! Data(contentsOf: file)))
            return Fixture(type: String(parts[0]), schema: Int(parts[1].dropFirst())!, json: json)
        }
    }()
}

/// Every context's events.
private let contexts: [any StorableEvent.Type] = [
    ItemEvent.self, ListingEvent.self, TenantEvent.self, ImportEvent.self, LocationEvent.self, IntakeEvent.self,
    StocktakeEvent.self, ConsignorEvent.self, ValuationEvent.self, DecisionEvent.self, ContractEvent.self,
    OfferEvent.self,
]

private func context(of type: String) -> (any StorableEvent.Type)? {
    contexts.first { $0.schemas[type] != nil }
}

private func decode<E: StorableEvent>(_ event: E.Type, _ fixture: Fixture, _ json: JSONValue) throws -> JSONValue {
    let event = try E(type: fixture.type, schema: fixture.schema, data: json)
    #expect(event.type == fixture.type)
    #expect(try E(type: event.type, schema: event.schema, data: event.data) == event)
    #expect(try JSONValue(parsing: event.bytes) == event.data)
    return event.data
}

@Suite struct `Stored events` {
    /// The names that have been stored. Add to it, and never take one away.
    static let names: [String: [String]] = [
        "item": [
            "ItemReceived", "ProductUpdated", "ProductDeleted", "ItemMoved", "ItemCustodyChanged",
            "ItemTitleTransferred", "ItemAllocationChanged", "ItemWithdrawn", "ItemReinstated",
        ],
        "stocktake": ["StocktakeOpened", "StocktakeScanned", "StocktakeClosed", "StocktakeCancelled"],
        "intake": [
            "IntakeOpened", "IntakeItemsAdded", "IntakeItemChanged", "IntakeItemRemoved", "IntakeSubmitted",
            "IntakeItemAccepted", "IntakeItemRejected", "IntakeItemSettled", "IntakeItemSentToAuthenticator",
            "IntakeItemAuthenticated", "IntakeCancelled",
        ],
        "listing": [
            "ListingCreated", "ProductPublished", "ListingPriceChanged", "ListingPaused", "ListingResumed",
            "ListingEnded", "ListingMarkdownPlanned",
        ],
        "contract": [
            "ContractDrafted", "ContractTermsSet", "ContractItemsAdded", "ContractItemChanged", "ContractItemRemoved",
            "ContractSigned", "ContractReadinessEvaluated", "ContractActivated", "ContractAmended", "ContractExtended",
            "ContractExpired", "ContractEnded", "ContractTerminated",
        ],
        "tenant": [
            "TenantCreated", "MemberAdded", "MemberChanged", "MemberRemoved", "KeyCreated", "KeyRevoked",
            "KeyChanged", "KeyRotated", "TenantSettingsChanged",
        ],
        "decision": ["DecisionMade"],
        "valuation": ["ValuationRequested", "ValuationCompleted", "ValuationInconclusive", "ValuationOverridden"],
        "offer": [
            "OfferMade", "OfferCountered", "OfferConsignorAsked", "OfferConsignorAnswered", "OfferAccepted",
            "OfferDeclined", "OfferWithdrawn", "OfferExpired", "OfferHoldLapsed", "OfferSuperseded", "OfferFulfilled",
        ],
        "location": ["LocationOpened", "LocationChanged", "LocationClosed"],
        "import": ["ImportRequested", "ImportStarted", "ImportCompleted", "ImportFailed"],
        "consignor": [
            "ConsignorRegistered", "ConsignorUpdated", "ConsignorPayoutChanged", "ConsignorTaxDeclared",
            "ConsignorBalanceOpened", "ConsignorTermsAgreed", "ConsignorMerged", "ConsignorAbsorbed", "ConsignorErased",
        ],
    ]

    @Test func `no stored name has vanished, and each is written down here`() {
        for context in contexts {
            #expect(Set(context.schemas.keys) == Set(Self.names[context.category] ?? []), "\(context.category)")
        }
        #expect(Set(contexts.map { $0.category }) == Set(Self.names.keys))
        #expect(Set(Self.names.values.joined()).count == Self.names.values.joined().count)
    }

    @Test func `every version of every event has a fixture`() {
        let present = Set(Fixture.all.map(\.description))
        for context in contexts {
            for (type, schema) in context.schemas {
                for version in 1...schema { #expect(present.contains("\(type).v\(version)")) }
            }
        }
        for fixture in Fixture.all { #expect(context(of: fixture.type) != nil, "\(fixture)") }
    }

    @Test(arguments: Fixture.all)
    private func `a fixture is read, and today's version is written back the same`(fixture: Fixture) throws {
        let event = try #require(context(of: fixture.type))
        let data = try decode(event, fixture, fixture.json)
        if event.schemas[fixture.type] == fixture.schema { #expect(data == fixture.json) }
    }

    @Test(arguments: Fixture.all)
    private func `members that a later program added are ignored, at every level`(fixture: Fixture) throws {
        let event = try #require(context(of: fixture.type))
        let more = extended(
            fixture.json,
            except: ["changes", "attributes", "values", "contact", "tax", "import_base", "suggestions", "inputs"])
        #expect(try decode(event, fixture, more) == decode(event, fixture, fixture.json))
    }

    @Test(arguments: Fixture.all)
    private func `a member of the wrong type is a typed error that names it, and none is ever a crash`(
        fixture: Fixture
    ) throws {
        let event = try #require(context(of: fixture.type))
        for (name, value) in fixture.json.objectValue ?? [:] {
            for wrong in [true, 1, "?", [1], ["?": 1], .number("1.5")] as [JSONValue] where wrong.kind != value.kind {
                var object = fixture.json.objectValue!
                object[name] = wrong
                #expect {
                    _ = try decode(event, fixture, .object(object))
                } throws: { error in
                    guard let error = error as? EventDecodingError else { return false }
                    return error.type == fixture.type && error.schema == fixture.schema
                        && error.description.contains(name)
                }
            }
        }
    }

    @Test func `a required member that is missing is named with its event`() {
        #expect(throws: EventDecodingError(type: "ItemReceived", schema: 1, reason: .missing("title"))) {
            try ItemEvent(type: "ItemReceived", schema: 1, data: ["condition": "good"])
        }
        let item = "item_01h455vb4pex5vsknk084sn02q"
        #expect(throws: EventDecodingError(type: "ListingCreated", schema: 1, reason: .missing("price.currency"))) {
            try ListingEvent(
                type: "ListingCreated", schema: 1,
                data: ["item_id": .string(item), "channel": "storefront", "price": ["amount": 1]])
        }
        #expect(throws: EventDecodingError(type: "ListingPaused", schema: 1, reason: .invalid("item_id"))) {
            try ListingEvent(
                type: "ListingPaused", schema: 1, data: ["item_id": "listing_01h455vb4pex5vsknk084sn02q"])
        }
        #expect(throws: EventDecodingError(type: "ProductUpdated", schema: 1, reason: .missing("changes.title"))) {
            try ItemEvent(type: "ProductUpdated", schema: 1, data: ["changes": ["title": nil]])
        }
    }

    @Test func `optional members may be left out`() throws {
        let bare = try ItemEvent(type: "ItemReceived", schema: 1, data: ["title": "Coat", "condition": "good"])
        #expect(bare == .received(ItemReceived(title: "Coat", condition: "good")))
        #expect(bare.data == ["title": "Coat", "condition": "good", "photos": [], "attributes": [:]])
    }

    @Test func `an unknown name or version, or what is no object, is refused`() {
        func reason(_ type: String, _ schema: Int, _ data: JSONValue) -> EventDecodingError.Reason? {
            do throws(EventDecodingError) {
                _ = try ItemEvent(type: type, schema: schema, data: data)
                return nil
            } catch {
                return error.reason
            }
        }
        #expect(reason("ItemSold", 1, [:]) == .unknownType)
        #expect(reason("ItemReceived", 2, [:]) == .unknownSchema)
        #expect(reason("ItemReceived", 0, [:]) == .unknownSchema)
        #expect(reason("ItemReceived", 1, []) == .notAnObject)
    }

    @Test func `an event is read from the log as it lies there`() throws {
        let item = UUID.version7()
        let event = ListingEvent.created(
            ListingCreated(itemID: item, price: Money(amount: 100, currency: Currency(code: "PLN")!)!, channel: "shop"))
        let metadata = Metadata(
            actor: "a", commandID: item, correlationID: item, requestedAt: Timestamp(microseconds: 0))
        var stored = StoredEvent(
            tenant: TenantID(item), stream: StreamID(category: "listing", id: item), version: 1, position: 1,
            type: event.type, schema: event.schema, data: event.bytes, metadata: metadata,
            recordedAt: Timestamp(microseconds: 0))
        #expect(try ListingEvent(stored) == event)
        #expect(event.itemID == item)
        stored.data = Array("{".utf8)
        #expect(throws: EventDecodingError.self) { try ListingEvent(stored) }
    }
}

/// The value with a member more in each object whose members are fixed.
private func extended(_ json: JSONValue, except open: Set<String>) -> JSONValue {
    switch json {
    case .array(let elements): return .array(elements.map { extended($0, except: open) })
    case .object(let object):
        var more = JSONObject()
        more["from_the_future"] = ["x": [1]]
        for (name, value) in object { more[name] = open.contains(name) ? value : extended(value, except: open) }
        return .object(more)
    default: return json
    }
}
