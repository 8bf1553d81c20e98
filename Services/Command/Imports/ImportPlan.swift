import Documents
import EventSourcing
import Events
import Foundation
import JSON

/// What to do about a variant of a file: the events of its item and of its listing, one intent together.
///
/// An item that came from an earlier import is changed by a three-way merge of what the file said then (the base),
/// what it says now, and what the item says: a field is set where the file has changed since, and only if nobody here
/// has. The same file again changes nothing; what an operator changed stays.
struct ImportPlan: Equatable {
    var item: [Item.Event] = []
    var listing: [Listing.Event] = []
    var outcome: ImportOutcome
    /// For the report.
    var reason: String?

    /// The streams and the time, and what the tenant's settings say. Existing streams keep their ids.
    struct Context {
        var item: Stamp
        var listing: Stamp
        var terms: Listing.Terms
        /// Whether products that say so are published.
        var publish: Bool
        var consignor = Consignment.unstated
    }

    /// Who brings a variant, as its line says or, where that says nothing, the request.
    enum Consignment: Equatable {
        case unstated
        case by(UUID)
        /// Nobody has the line's number.
        case unknown

        /// - Parameters:
        ///   - number: the line's.
        ///   - holders: of the numbers.
        ///   - otherwise: whom the request names.
        init(number: String?, of holders: [String: StreamID], otherwise: UUID?) {
            if let number {
                self = holders[number].map { .by($0.id) } ?? .unknown
            } else {
                self = otherwise.map { .by($0) } ?? .unstated
            }
        }
    }

    private struct NobodyHasNumber: Refusal {
        var code: String { "consignor_unknown" }
        var detail: String { "there is no consignor with this number" }
        var pointer: String? { nil }
    }

    /// - Parameters:
    ///   - item, listing: the states of the streams that hold the variant's claims; nil where none does.
    static func plan(
        _ variant: ImportVariant, item: Item.State, listing: Listing.State, _ context: Context
    ) -> ImportPlan {
        do {
            var plan =
                try item.map { try change(variant, $0, listing, context) } ?? create(variant, context)
            if !variant.notes.isEmpty {
                plan.reason = ([plan.outcome.rawValue, plan.reason].compactMap(\.self) + variant.notes).joined(
                    separator: "; ")
                plan.outcome = .noted
            }
            return plan
        } catch let refusal as any Refusal {
            return ImportPlan(outcome: .rejected, reason: refusal.detail)
        } catch let invalid as InvalidFields {
            return ImportPlan(
                outcome: .rejected,
                reason: invalid.errors.map { "\($0.pointer.dropFirst()) \($0.detail)" }.joined(separator: "; "))
        } catch {
            return ImportPlan(outcome: .rejected, reason: "the row cannot be imported")
        }
    }

    private static func create(_ variant: ImportVariant, _ context: Context) throws -> ImportPlan {
        var origin = Item.Origin()
        switch context.consignor {
        case .unstated: break
        case .by(let consignor): origin.consignorID = consignor
        case .unknown: throw NobodyHasNumber()
        }
        var values = JSONObject(variant.values.members.filter { $0.value != .null }.map { ($0.key, $0.value) })
        if values[ItemField.condition.rawValue] == nil {
            values[ItemField.condition.rawValue] = .string(ItemCondition.ungraded.rawValue)
        }
        let merged = try ImportMerge(base: [:], current: [:]).merging(attributes: variant.attributes)
        values[ItemField.attributes.rawValue] = .object(merged.current)
        var base = variant.values
        base[ItemField.attributes.rawValue] = .object(merged.base)
        let received = try Item.receive(
            Item.Receive(values: values, imported: ImportedItem(key: variant.key, values: base), origin: origin),
            context.item, nil)

        guard origin.consignorID == nil else {
            return ImportPlan(
                item: received, outcome: .created, reason: "a consignor's: to be listed once it is under contract")
        }
        let isPublished = context.publish && variant.isPublished == true
        let imported = ImportedListing(key: variant.key, price: variant.price, published: isPublished)
        let create = Listing.Create(
            itemID: context.item.id, price: variant.price, channel: Listing.Create.defaultChannel, imported: imported)
        var events = try Listing.create(create, of: Item.fold(received), context.terms, context.listing, nil)
        if isPublished { events += try Listing.publish(context.listing, Listing.fold(events)) }
        return ImportPlan(item: received, listing: events, outcome: .created)
    }

    private static func change(
        _ variant: ImportVariant, _ item: ItemRecord, _ listing: Listing.State, _ context: Context
    ) throws -> ImportPlan {
        guard !item.isDeleted else { return ImportPlan(outcome: .unchanged, reason: "the item was deleted here") }
        let merge = try ImportMerge(item).merging(variant)
        var listed = try change(listing, of: item, base: item.listingBase ?? listing?.importBase, variant, context)
        listed.kept = merge.kept + listed.kept
        var values = merge.base
        values[ImportPlan.listingBase] = listed.base.map(\.json)
        let imported = ImportedItem(key: item.importKey ?? variant.key, values: values)
        let itemEvents = try Item.update(
            Item.Update(changes: merge.changes, imported: imported), context.item, item)
        var reasons = listed.kept.isEmpty ? [] : ["kept as it was changed here: \(listed.kept.joined(separator: ", "))"]
        reasons += listed.remarks
        // Who brought it is said once, when it comes in.
        if context.consignor != .unstated, context.consignor != item.consignorID.map(Consignment.by) {
            reasons.append("who brought it stays as it was said first")
        }
        return ImportPlan(
            item: itemEvents, listing: listed.events,
            outcome: merge.changes.isEmpty && listed.events.isEmpty ? .unchanged : .changed,
            reason: reasons.isEmpty ? nil : reasons.joined(separator: "; "))
    }

    // STORED NAME (in ImportedItem.values): a listing's base that no event of the listing carries, as nothing happened
    // to the listing when the base moved. It goes before the listing's own.
    fileprivate static let listingBase = "listing"

    private struct Listed {
        var events: [Listing.Event] = []
        var kept: [String] = []
        var remarks: [String] = []
        /// The base of the next import, where it is not what the listing itself carries.
        var base: ImportedListing?
    }

    /// The file publishes a draft and pauses what it no longer publishes. It never resumes: who paused is not for the
    /// file to know. What has ended stays so.
    private static func change(
        _ current: Listing.State, of item: ItemRecord, base: ImportedListing?, _ variant: ImportVariant,
        _ context: Context
    ) throws -> Listed {
        var listed = Listed()
        guard let listing = current, var base, let carried = listing.importBase else { return listed }
        let isPublished = context.publish ? variant.isPublished ?? base.published : base.published
        let hasNewPrice = base.price != variant.price
        func finished() -> Listed {
            var listed = listed
            let carried = Listing.fold(listed.events, from: listing)?.importBase ?? carried
            listed.base = base == carried ? nil : base
            return listed
        }
        guard listing.status.isOpen else {
            if hasNewPrice || base.published != isPublished { listed.remarks = ["the listing has ended"] }
            return finished()
        }
        func state() -> Listing.State { Listing.fold(listed.events, from: listing) }

        if hasNewPrice, listing.price == variant.price {
            base.price = variant.price
        } else if hasNewPrice, listing.price == base.price {
            base.price = variant.price
            let intent = Listing.SetPrice(price: variant.price, imported: base)
            listed.events += try Listing.setPrice(intent, context.terms, context.listing, state())
        } else if hasNewPrice {
            listed.kept = ["price"]
        }
        if isPublished != base.published {
            switch (isPublished, listing.status) {
            case (true, .draft) where item.isWithdrawn || !item.custody.isOfferable:
                listed.remarks = ["the item cannot be offered, and the listing stays a draft"]
            case (true, .draft) where item.titleHolder == .consignor:
                listed.remarks = ["a consignor's item is published by whoever knows its contract"]
            case (true, .draft):
                base.published = true
                listed.events += try Listing.publish(context.listing, state(), imported: base)
            case (true, .paused):
                listed.remarks = ["the listing is paused and stays so"]
            case (false, .published):
                base.published = false
                listed.events += try Listing.pause(context.listing, state(), imported: base)
            case (true, .published), (false, .draft), (false, .paused):
                base.published = isPublished
            case (_, .ended):
                break
            }
        }
        return finished()
    }
}

extension ItemRecord {
    /// What the import's file last said of the listing, where no event of the listing could carry it.
    fileprivate var listingBase: ImportedListing? {
        guard let base = imported?["values"]?[ImportPlan.listingBase] else { return nil }
        return ImportedListing(base, key: importKey)
    }
}

extension ListingRecord {
    /// What the import's file last said, as far as the listing's own events carry it.
    fileprivate var importBase: ImportedListing? {
        imported.map { ImportedListing($0, key: importKey) }
    }
}

extension ImportedListing {
    fileprivate init(_ json: JSONValue, key: String?) {
        self.init(
            key: key, price: json["price"].flatMap(Money.init(json:)), published: json["published"]?.boolValue ?? false)
    }
}
