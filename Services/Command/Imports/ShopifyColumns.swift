/// What each column of a Shopify product file means, in either dialect and any order.
///
/// Names are compared without regard to case and to space around them. Columns with no meaning of their own become
/// attributes named after them, by the classic dialect's name where the other has one of its own: the same catalogue
/// in the other dialect is no change.
struct ShopifyColumns: Sendable {
    enum Role: Hashable, Sendable {
        case handle, title, body, vendor, type, tags, published, status, condition, googleCondition
        case sku, price, imageURL, imagePosition, variantImage
        case optionName(Int), optionValue(Int)
        case inventory
        /// Ours, not Shopify's.
        case consignor
    }

    /// A column that becomes an attribute.
    struct Attribute: Sendable, Equatable {
        var column: Int
        var key: String
        /// Left blank on a later row of a product it is what the product's first row says.
        var isOfProduct: Bool
        /// Nothing for the public: goes into `attributes.internal`.
        var isInternal = false
        /// Says a condition, and is left out where that is one of our grades.
        var isCondition = false
    }

    /// Why a file cannot be imported at all.
    enum Problem: Error, Equatable, Sendable {
        case missing([String])
        case twice(String, String)
    }

    let count: Int
    let attributes: [Attribute]
    private let roles: [Role: Int]

    init(header: [String]) throws(Problem) {
        var roles: [Role: Int] = [:]
        var attributes: [Attribute] = []
        var keys: Set<String> = ["internal", "tags"]
        for (column, name) in header.enumerated() {
            let folded = Self.folded(name)
            let role = Self.roles[folded]
            if let role, let other = roles.updateValue(column, forKey: role) { throw .twice(header[other], name) }
            if let role, !Self.keptRoles.contains(role) { continue }
            let named = (Self.classicNames[folded] ?? name).snakeCased
            let key = keys.unused(named.isEmpty ? "column_\(column + 1)" : named)
            keys.insert(key)
            attributes.append(
                Attribute(
                    column: column, key: key, isOfProduct: Self.isOfProduct(folded),
                    isInternal: Self.isInternal(folded, role),
                    isCondition: role == .condition || role == .googleCondition))
        }
        let missing = Self.required.filter { roles[$0.role] == nil }.map(\.names)
        guard missing.isEmpty else { throw .missing(missing) }
        self.roles = roles
        self.attributes = attributes
        count = header.count
    }

    subscript(role: Role) -> Int? { roles[role] }

    func has(_ roles: Role...) -> Bool { roles.contains { self.roles[$0] != nil } }

    static let options = 1...3

    /// The columns whose blank cells on later rows take what the product's first row says.
    static let rolesOfProduct: [Role] =
        [.title, .body, .vendor, .type, .tags, .published, .status, .googleCondition, .consignor]
        + options.map(Role.optionName)

    /// Columns that mean something and become attributes nevertheless.
    private static let keptRoles: Set<Role> = [.inventory, .condition, .googleCondition]

    private static let required: [(role: Role, names: String)] = [
        (.handle, "Handle (or URL handle)"), (.title, "Title"), (.price, "Variant Price (or Price)"),
    ]

    /// Names of both dialects, and of older exports.
    private static let roles: [String: Role] = {
        var roles: [String: Role] = [
            "handle": .handle, "url handle": .handle,
            "title": .title,
            "body (html)": .body, "body html": .body, "body": .body, "description": .body,
            "vendor": .vendor,
            "type": .type, "custom product type": .type,
            "tags": .tags,
            "published": .published, "published on online store": .published,
            "status": .status,
            "condition": .condition, "variant condition": .condition,
            "google shopping / condition": .googleCondition,
            "variant sku": .sku, "sku": .sku,
            "variant price": .price, "price": .price,
            "variant inventory qty": .inventory, "variant inventory quantity": .inventory,
            "inventory quantity": .inventory,
            "consignor": .consignor, "consignor number": .consignor,
            "image src": .imageURL, "product image url": .imageURL,
            "image position": .imagePosition,
            "variant image": .variantImage, "variant image url": .variantImage,
        ]
        for option in options {
            roles["option\(option) name"] = .optionName(option)
            roles["option\(option) value"] = .optionValue(option)
        }
        return roles
    }()

    // STORED NAMES (keys of attributes): only ever add.
    /// The classic dialect's name of a column that becomes an attribute, by its other names.
    private static let classicNames = [
        "variant condition": "condition",
        "inventory quantity": "variant inventory qty", "variant inventory quantity": "variant inventory qty",
        "barcode": "variant barcode",
        "compare-at price": "variant compare at price", "compare at price": "variant compare at price",
        "variant compare-at price": "variant compare at price",
        "charge tax": "variant taxable", "tax code": "variant tax code",
        "inventory tracker": "variant inventory tracker",
        "continue selling when out of stock": "variant inventory policy",
        "weight value (grams)": "variant grams", "weight unit for display": "variant weight unit",
        "requires shipping": "variant requires shipping", "fulfillment service": "variant fulfillment service",
        "google shopping / manufacturer part number (mpn)": "google shopping / mpn",
        "google shopping / ad group name": "google shopping / adwords grouping",
        "google shopping / ads labels": "google shopping / adwords labels",
    ]

    private static func isOfProduct(_ name: String) -> Bool {
        ["gift card", "seo title", "seo description", "product category", "collection"].contains(name)
            || name.hasPrefix("google shopping /") || name.hasPrefix("included /")
            || name.contains("(product.metafields")
    }

    private static func isInternal(_ name: String, _ role: Role?) -> Bool {
        role == .inventory || name.hasPrefix("cost per item")
    }

    private static func folded(_ name: String) -> String {
        name.lowercased().split(whereSeparator: \.isWhitespace).joined(separator: " ")
    }
}

extension ShopifyColumns.Problem {
    /// For the report.
    var reason: String {
        switch self {
        case .missing(let names):
            "the file has no column \(names.joined(separator: ", no column "))"
        case .twice(let first, let second):
            first == second
                ? "the column \(first.quoted) stands twice in the file"
                : "the columns \(first.quoted) and \(second.quoted) mean the same"
        }
    }
}

extension String {
    /// `Google Shopping / MPN` → `google_shopping_mpn`. Letters of any script are kept.
    var snakeCased: String {
        lowercased().split { !$0.isLetter && !$0.isNumber }.joined(separator: "_")
    }
}

extension Set<String> {
    /// `name`, or `name_2`, `name_3`, … where it is taken.
    func unused(_ name: String) -> String {
        guard contains(name) else { return name }
        var number = 2
        while contains("\(name)_\(number)") { number += 1 }
        return "\(name)_\(number)"
    }
}
