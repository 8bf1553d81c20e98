import Documents
import Events
import Foundation
import JSON

/// What two items have to be alike in for the price of one to say something of the other: texts are the same or they are
/// not.
struct Likeness: Hashable, Sendable {
    var category: String
    var brand: String
    /// Never `ungraded`.
    var condition: ItemCondition

    /// nil: what was asked for is not known of it.
    init?(_ item: ItemRecord) {
        guard let category = item.category, let brand = item.brand,
            let condition = ItemCondition(rawValue: item.condition), condition != .ungraded
        else { return nil }
        self.category = category
        self.brand = brand
        self.condition = condition
    }

    /// Of the claims that sold items like it hold. STORED; the migration that brought them spells it too.
    var prefix: String {
        JSONValue.array([.string(category), .string(brand), .string(condition.rawValue)]).text + "/"
    }

    /// The same in any other condition, the best first.
    var others: [Likeness] {
        ItemCondition.allCases.filter { $0 != .ungraded && $0 != condition }.map { other in
            var likeness = self
            likeness.condition = other
            return likeness
        }
    }
}

extension ItemRecord {
    /// `["<category>","<brand>","<condition>"]/<item uuid>` of a sold item.
    var comparableClaim: String? {
        guard allocation == .sold, !isDeleted, let likeness = Likeness(self) else { return nil }
        return likeness.prefix + id.claimed
    }
}
