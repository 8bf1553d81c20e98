import Documents
import EventSourcing
import Events
import Foundation
import JSON

/// How an item follows from its own events, for every projection that shows items.
enum ItemFold {
    static func apply(_ change: ItemEvent, _ event: LogEvent, to item: inout ItemRecord?) throws(FoldFailure) {
        if case .received(let received) = change {
            var record = ItemRecord(id: event.stream.id, values: received.values, at: event.requestedAt)
            record.setImported(received.imported?.json)
            record.version = event.version
            item = record
            return
        }
        guard item != nil else { throw FoldFailure(event, "\(event.type) of an item that is not there") }
        switch change {
        case .received: break
        case .updated(let updated):
            item?.apply(updated.changes)
            if let imported = updated.imported { item?.setImported(imported.json) }
        case .deleted: item?.isDeleted = true
        }
        item?.advance(to: event.version, at: event.requestedAt)
    }
}

extension LogEvent {
    /// The item that it is about; nil for what is about none.
    var item: UUID? {
        guard stream.category == ItemEvent.category || stream.category == ListingEvent.category else { return nil }
        return payload.group(of: stream)
    }

    /// The first event of every item: nothing of the item can be anywhere before it.
    var isItemReceived: Bool {
        if case .item(.received) = payload { true } else { false }
    }
}

extension ListingEndReason {
    init(_ reason: ListingEnded.Reason) {
        switch reason {
        case .withdrawn: self = .withdrawn
        case .sold: self = .sold
        case .expired: self = .expired
        case .error: self = .error
        }
    }
}
