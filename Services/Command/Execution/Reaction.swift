import Crypto
import EventSourcing
import EventStore
import Foundation
import JSON

/// What an event leads to beside itself, stored in the transaction that appends it.
///
/// Which events lead to what is told by `StoredAggregate.reactions`, by the event and the state after it alone: the same
/// events always lead to the same.
enum Reaction: Equatable, Sendable {
    /// An effect on the outside world, which the worker performs.
    case task(kind: String, payload: JSONObject)
    /// An intent that the platform runs by itself, at a time.
    case intent(DueKind, on: TypeID, payload: JSONObject = [:], at: Timestamp)
}

/// The intents that fall due by themselves. STORED NAMES: only ever add.
enum DueKind: String, CaseIterable, Sendable {
    /// A step of a listing's markdown plan: `step`, from 0.
    case markdown = "listing.markdown"
    /// A contract's term is over; later its grace is.
    case expire = "contract.expire"
    /// A contract's other terms come into force.
    case amend = "contract.amend"
    /// An offer that nobody has answered.
    case expireOffer = "offer.expire"
    /// A hold that no sale has followed.
    case lapseHold = "offer.lapse_hold"
}

extension Reaction {
    /// Names what one event leads to, so that it is one thing however often it is decided.
    private static func id(_ tenant: TenantID, _ stream: StreamID, _ version: Int64, _ ordinal: Int) -> UUID {
        let name = "\(tenant)/\(stream.category)/\(stream.id.text)/\(version)/\(ordinal)"
        let digest = Array(SHA256.hash(data: Array(name.utf8)))
        let bits = digest.prefix(16).reduce(UInt128(0)) { $0 << 8 | UInt128($1) }
        // Version 8 (RFC 9562): what the bits mean is ours.
        let versioned = bits & ~(0xF << 76) | 0x8 << 76
        return UUID(bits: versioned & ~(0x3 << 62) | 0x2 << 62)
    }

    /// - Parameters:
    ///   - version: of the event that leads to it.
    ///   - ordinal: among those of the event.
    func store(
        _ tenant: TenantID, _ stream: StreamID, _ version: Int64, _ ordinal: Int, _ tasks: inout [NewTask],
        _ intents: inout [NewDueIntent]
    ) {
        let id = Self.id(tenant, stream, version, ordinal)
        switch self {
        case .task(let kind, let payload):
            tasks.append(NewTask(id: id, kind: kind, payload: JSONValue.object(payload).bytes))
        case .intent(let kind, let subject, var payload, let time):
            payload["subject"] = .string(subject.description)
            intents.append(
                NewDueIntent(id: id, kind: kind.rawValue, payload: JSONValue.object(payload).bytes, dueAt: time))
        }
    }
}
