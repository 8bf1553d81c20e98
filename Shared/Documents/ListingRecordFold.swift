public import EventSourcing
public import Events
public import Foundation
import JSON

/// How the events of a listing's stream make its record, for everyone who folds them.
extension ListingRecord {
    /// From a stream's first event, at version 1; nil where it is none.
    public init?(begins event: ListingEvent, id: UUID, at time: Timestamp) {
        guard case .created(let created) = event else { return nil }
        self.init(id: id, itemID: created.itemID, channel: created.channel, price: created.price, at: time)
        setContract(created.contractID, floor: created.floor)
        setImported(created.imported?.json)
    }

    /// Any later event; the caller advances the version.
    public mutating func apply(_ event: ListingEvent, at time: Timestamp) {
        switch event {
        case .created: break
        case .published(let event): publish(price: event.price, at: time)
        case .priceChanged(let event):
            changePrice(
                to: event.price, lowestPrice30d: event.lowestPrice30d, markdown: event.markdown, at: time)
        case .paused: pause()
        case .resumed: resume()
        case .ended(let event): end(ListingEndReason(event.reason), soldFor: event.price, at: time)
        case .markdownPlanned(let event): setPlan(event)
        }
        if let imported = event.imported { setImported(imported.json) }
    }
}

extension ListingEndReason {
    public init(_ reason: ListingEnded.Reason) {
        self =
            switch reason {
            case .withdrawn: .withdrawn
            case .sold: .sold
            case .expired: .expired
            case .error: .error
            }
    }
}

extension ListingEvent {
    fileprivate var imported: ImportedListing? {
        switch self {
        case .created(let event): event.imported
        case .published(let event): event.imported
        case .priceChanged(let event): event.imported
        case .paused(let event): event.imported
        case .resumed(let event): event.imported
        case .ended, .markdownPlanned: nil
        }
    }
}
