import Documents
import EventSourcing
import Events
import JSON

/// A variant's row, with what its product says, made into the fields of an item and its listing.
struct ShopifyVariant {
    struct Rejected: Error, Equatable { var reason: String }

    private let row: ShopifyRow
    private let columns: ShopifyColumns
    private let product: [Int: String]
    private let photos: [String]
    private let currency: Currency
    private var values: JSONObject = [:]
    private var attributes: JSONObject = [:]
    private var notes: [String] = []

    /// - Parameters:
    ///   - product: the cells that hold for the whole product, by column.
    ///   - photos: of all of the product's rows, in order.
    static func read(
        _ row: ShopifyRow, _ columns: ShopifyColumns, product: [Int: String], photos: [String], _ currency: Currency
    ) throws(Rejected) -> ImportVariant {
        var variant = ShopifyVariant(row: row, columns: columns, product: product, photos: photos, currency: currency)
        return try variant.variant()
    }

    private init(
        row: ShopifyRow, columns: ShopifyColumns, product: [Int: String], photos: [String], currency: Currency
    ) {
        self.row = row
        self.columns = columns
        self.product = product
        self.photos = photos
        self.currency = currency
    }

    private mutating func variant() throws(Rejected) -> ImportVariant {
        let key = try key()
        guard text(.title) != nil else { throw Rejected(reason: "the title is missing") }
        try set(.title, text(.title))
        if columns.has(.body) {
            try set(.description, text(.body).map(ImportPlainText.text(ofHTML:)).flatMap { $0.isEmpty ? nil : $0 })
        }
        if columns.has(.vendor) { try set(.brand, text(.vendor)) }
        if columns.has(.type) { try set(.category, text(.type)) }
        if columns.has(.sku) { try set(.sku, row[.sku]) }
        if let condition { values[ItemField.condition.rawValue] = .string(condition.rawValue) }
        try setOptions()
        if columns.has(.imageURL) || row[.variantImage] != nil { setPhotos() }
        setAttributes()
        let price = try price()
        noteInventory()
        return ImportVariant(
            key: key, values: values, attributes: attributes, price: price, isPublished: isPublished(),
            consignor: try consignor(), notes: notes)
    }

    /// The row's own cell, or the product's.
    private func text(_ role: ShopifyColumns.Role) -> String? {
        row[role] ?? columns[role].flatMap { product[$0] }
    }

    private mutating func set(_ field: ItemField, _ text: String?) throws(Rejected) {
        guard let text else { return values[field.rawValue] = field.cleared }
        do throws(InvalidFields) {
            values[field.rawValue] = try field.read(.string(text), "/\(field.rawValue)")
        } catch {
            throw Rejected(reason: error.errors.map { "the \(field.rawValue) \($0.detail)" }.joined(separator: "; "))
        }
    }

    /// The reason names no cell: some write a name where a number belongs.
    private func consignor() throws(Rejected) -> String? {
        guard let text = text(.consignor) else { return nil }
        do throws(InvalidFields) {
            return try Field.consignorNumber(.string(text), "")
        } catch {
            throw Rejected(reason: error.errors.map { "the consignor \($0.detail)" }.joined(separator: "; "))
        }
    }

    // MARK: - Options

    /// Name and value of each option that is one: `Title`/`Default Title` is how Shopify writes that there is none.
    private var options: [(number: Int, name: String, value: String)] {
        ShopifyColumns.options.compactMap { number in
            guard let value = row[.optionValue(number)] else { return nil }
            let name = text(.optionName(number)) ?? "Option\(number)"
            let isNone = name.lowercased() == "title" && value.lowercased() == "default title"
            return isNone ? nil : (number, name, value)
        }
    }

    private func key() throws(Rejected) -> String {
        let values = Dictionary(options.map { ($0.number, $0.value) }) { first, _ in first }
        let parts = [row.handle] + ShopifyColumns.options.map { values[$0] ?? "" }
        let key = JSONValue.array(parts.map(JSONValue.string)).text
        // A claim's value goes into an index.
        guard key.utf8.count <= 1000 else { throw Rejected(reason: "the handle and the option values are too long") }
        return key
    }

    private mutating func setOptions() throws(Rejected) {
        guard columns.has(.optionValue(1), .optionValue(2), .optionValue(3)) else { return }
        for field in [ItemField.size, .color, .material] { values[field.rawValue] = field.cleared }
        var keys = Set(columns.attributes.map(\.key) + ["internal", "tags"])
        for option in options {
            if let field = Self.fields[option.name.lowercased()], values[field.rawValue] == .null {
                try set(field, option.value)
            } else {
                let name = option.name.snakeCased
                let key = keys.unused(name.isEmpty ? "option\(option.number)" : name)
                keys.insert(key)
                attributes[key] = .string(option.value)
            }
        }
    }

    private static let fields: [String: ItemField] = [
        "size": .size, "rozmiar": .size, "color": .color, "colour": .color, "kolor": .color, "material": .material,
        "materiał": .material, "tworzywo": .material,
    ]

    // MARK: - Condition, photos, attributes

    /// Only what equals one of our own grades; another shop's `used` says nothing about how worn a thing is.
    private var condition: ItemCondition? {
        (row[.condition] ?? text(.googleCondition)).flatMap { ItemCondition(rawValue: $0.snakeCased) }
    }

    private mutating func setPhotos() {
        if let image = row.image, image.secureURL == nil {
            notes.append("the photo \(image.url.quoted) is not an absolute https URL")
        }
        var urls = photos
        if let own = row[.variantImage] {
            if let url = ShopifyImage(url: own, position: nil).secureURL {
                urls = [url] + urls.filter { $0 != url }
            } else {
                notes.append("the photo \(own.quoted) is not an absolute https URL")
            }
        }
        if urls.count > ItemPhotos.limit {
            notes.append("of \(urls.count) photos the first \(ItemPhotos.limit) are kept")
        }
        values[ItemField.photos.rawValue] = .array(urls.prefix(ItemPhotos.limit).map(JSONValue.string))
    }

    private mutating func setAttributes() {
        if columns.has(.tags) {
            var seen: Set<String> = []
            let tags = (text(.tags) ?? "").split(separator: ",").map { String($0).trimmed }
                .filter { !$0.isEmpty && seen.insert($0).inserted }
            attributes["tags"] = tags.isEmpty ? .null : .array(tags.map(JSONValue.string))
        }
        var hidden: JSONObject = [:]
        for column in columns.attributes {
            var text = row[column: column.column] ?? (column.isOfProduct ? product[column.column] : nil)
            // What the condition column says and is none of our grades.
            if column.isCondition, condition != nil { text = nil }
            if column.isInternal {
                hidden[column.key] = JSONValue(text)
            } else {
                attributes[column.key] = JSONValue(text)
            }
        }
        if !hidden.isEmpty { attributes["internal"] = .object(hidden) }
    }

    // MARK: - The listing

    private func price() throws(Rejected) -> Money {
        do throws(ImportPrice.Problem) {
            return try ImportPrice.read(row[.price] ?? "", currency)
        } catch {
            throw Rejected(reason: error.reason)
        }
    }

    private mutating func noteInventory() {
        guard let text = row[.inventory], Int(text) != 1 else { return }
        notes.append("the inventory quantity is \(text.quoted), but a variant is one item here")
    }

    private mutating func isPublished() -> Bool? {
        guard columns.has(.published) else { return nil }
        let isActive = text(.status).map { $0.lowercased() == "active" } ?? true
        switch text(.published)?.lowercased() {
        case "true", "yes", "1": return isActive
        case nil, "false", "no", "0": return false
        case let other?:
            notes.append("whether it is published reads \(other.quoted), which is neither true nor false")
            return false
        }
    }
}
