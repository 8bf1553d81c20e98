import EventSourcing
import Events
import Foundation
import JSON

extension Item {
    /// An intent on one of an item's facts, as a request has it.
    enum FactIntent: Sendable, Equatable {
        case move(Move)
        case custody(ChangeCustody)
        case convert(Convert)
        case hold(reason: String?)
        case release(reason: String?)
        case withdraw(reason: String?)
        case reinstate

        /// A location that must be there.
        var locationID: UUID? {
            switch self {
            case .move(let move): move.locationID
            case .custody(let change): change.locationID
            case .convert, .hold, .release, .withdraw, .reinstate: nil
            }
        }

        /// What it does to an item ends the item's open listings.
        var endsOffers: Bool {
            switch self {
            case .custody(let change): !change.custody.isOfferable && change.custody != .withBuyer
            case .withdraw: true
            case .move, .convert, .hold, .release, .reinstate: false
            }
        }

        /// It makes it the store's.
        var transfersTitle: Bool { if case .convert = self { true } else { false } }
    }

    static func decide(
        _ intent: FactIntent, _ terms: Listing.Terms, _ stamp: Stamp, _ state: State
    ) throws(Refused) -> [Event] {
        switch intent {
        case .move(let move): try Self.move(move, stamp, state)
        case .custody(let change): try changeCustody(change, stamp, state)
        case .convert(let convert): try Self.convert(convert, terms, stamp, state)
        case .hold(let reason): try hold(reason: reason, stamp, state)
        case .release(let reason): try release(reason: reason, stamp, state)
        case .withdraw(let reason): try withdraw(reason: reason, stamp, state)
        case .reinstate: try reinstate(stamp, state)
        }
    }
}

/// Readers of the bodies of requests that speak of an item's facts.
enum ItemFactFields {
    typealias Reader = @Sendable (JSONObject) throws(InvalidFields) -> Item.FactIntent

    static let move: Reader = { body throws(InvalidFields) in
        var reader = FieldReader(body, known: ["location_id"])
        let location = reader.required("location_id", Field.location)
        return .move(Item.Move(locationID: try reader.finish(location)))
    }

    /// Into the house, at a location where one is named.
    static func arrival(from: Set<ItemCustody>) -> Reader {
        { body throws(InvalidFields) in
            var reader = FieldReader(body, known: ["location_id"])
            let location = reader.optional("location_id", Field.location)
            return .custody(
                try reader.finish(Item.ChangeCustody(custody: .inHouse, locationID: location, from: from)))
        }
    }

    /// To a third party, which has a name.
    static func sending(_ custody: ItemCustody, isNamed: Bool) -> Reader {
        { body throws(InvalidFields) in
            var reader = FieldReader(body, known: ["custodian", "reason"])
            let custodian =
                isNamed ? reader.required("custodian", Field.custodian) : reader.optional("custodian", Field.custodian)
            let reason = reader.optional("reason", Field.reason)
            return .custody(
                try reader.finish(Item.ChangeCustody(custody: custody, custodian: custodian, reason: reason)))
        }
    }

    static func change(_ custody: ItemCustody, _ disposal: ItemDisposal? = nil) -> Reader {
        { body throws(InvalidFields) in
            .custody(Item.ChangeCustody(custody: custody, reason: try Field.reason(fields: body), disposal: disposal))
        }
    }

    static let donate: Reader = { body throws(InvalidFields) in
        var reader = FieldReader(body, known: ["recipient", "reason"])
        let recipient = reader.optional("recipient", Field.custodian)
        let reason = reader.optional("reason", Field.reason)
        return .custody(
            try reader.finish(
                Item.ChangeCustody(custody: .disposed, custodian: recipient, reason: reason, disposal: .donated)))
    }

    static let convert: Reader = { body throws(InvalidFields) in
        var reader = FieldReader(body, known: ["price"])
        let price = reader.required("price", Field.money)
        return .convert(Item.Convert(price: try reader.finish(price)))
    }

    static let hold: Reader = { body throws(InvalidFields) in .hold(reason: try Field.reason(fields: body)) }
    static let release: Reader = { body throws(InvalidFields) in .release(reason: try Field.reason(fields: body)) }
    static let withdraw: Reader = { body throws(InvalidFields) in .withdraw(reason: try Field.reason(fields: body)) }
    static let reinstate: Reader = { body throws(InvalidFields) in
        try FieldReader(body, known: []).finish(.reinstate)
    }
}

extension Field {
    static func reason(_ value: JSONValue, _ pointer: String) throws(InvalidFields) -> String {
        try text(limit: 500, value, pointer)
    }

    static func custodian(_ value: JSONValue, _ pointer: String) throws(InvalidFields) -> String {
        try text(limit: 200, value, pointer)
    }

    static func location(_ value: JSONValue, _ pointer: String) throws(InvalidFields) -> UUID {
        try id("location", value, pointer)
    }

    static func consignor(_ value: JSONValue, _ pointer: String) throws(InvalidFields) -> UUID {
        try id("consignor", value, pointer)
    }

    /// The identifier of something of this kind.
    static func id(_ prefix: String, _ value: JSONValue, _ pointer: String) throws(InvalidFields) -> UUID {
        guard let id = TypeID.uuid(of: try string(value, pointer), prefix: prefix) else {
            throw .one(pointer, .invalid, "must be an identifier that begins with \(prefix)_")
        }
        return id
    }
}
