import JSON

/// One row of a Shopify product file, read through the meaning of its columns.
struct ShopifyRow: Sendable {
    let line: Int
    let handle: String
    private let cells: [String]
    private let columns: ShopifyColumns

    enum Problem: Error, Equatable, Sendable {
        case ragged(cells: Int, columns: Int)
        case noHandle
    }

    /// nil for a row of blank cells.
    init?(line: Int, cells: [String], _ columns: ShopifyColumns) throws(Problem) {
        guard cells.contains(where: { !$0.allSatisfy(\.isWhitespace) }) else { return nil }
        guard cells.count == columns.count else { throw .ragged(cells: cells.count, columns: columns.count) }
        guard let column = columns[.handle] else { throw .noHandle }
        handle = cells[column].trimmed
        guard !handle.isEmpty else { throw .noHandle }
        self.line = line
        self.cells = cells
        self.columns = columns
    }

    /// The cell, trimmed; nil where it is blank or the file has no such column.
    subscript(role: ShopifyColumns.Role) -> String? { columns[role].flatMap { self[column: $0] } }

    subscript(column column: Int) -> String? {
        let text = cells[column].trimmed
        return text.isEmpty ? nil : text
    }

    /// A row without option values, SKU and price says nothing of a variant; with an image it adds a photo.
    var isOnlyImage: Bool {
        self[.imageURL] != nil && self[.price] == nil && self[.sku] == nil
            && ShopifyColumns.options.allSatisfy { self[.optionValue($0)] == nil }
    }

    var image: ShopifyImage? {
        self[.imageURL].map { ShopifyImage(url: $0, position: self[.imagePosition].flatMap { Int($0) }) }
    }

    /// The cells that speak for the whole product, by column.
    var cellsOfProduct: [Int: String] {
        let columns =
            ShopifyColumns.rolesOfProduct.compactMap { self.columns[$0] }
            + self.columns.attributes.filter(\.isOfProduct).map(\.column)
        return Dictionary(columns.compactMap { column in self[column: column].map { (column, $0) } }) { first, _ in
            first
        }
    }
}

struct ShopifyImage: Sendable, Equatable {
    var url: String
    var position: Int?

    /// The URL, if it is one an item may carry.
    var secureURL: String? {
        do throws(InvalidFields) {
            return try Field.secureURL(.string(url), "")
        } catch {
            return nil
        }
    }

    /// By position, where the file gives one, else in the order of the file; each once.
    static func ordered(_ images: [ShopifyImage]) -> [String] {
        let places = images.enumerated().map { (place: $1.position ?? $0 + 1, order: $0, url: $1.url) }
        var seen: Set<String> = []
        return places.sorted { ($0.place, $0.order) < ($1.place, $1.order) }.map(\.url).filter {
            seen.insert($0).inserted
        }
    }
}

extension ShopifyRow.Problem {
    /// For the report.
    var reason: String {
        switch self {
        case .ragged(let cells, let columns): "the row has \(cells) cells, the header has \(columns)"
        case .noHandle: "the handle is missing"
        }
    }
}

extension CSVReader.Problem {
    /// For the report.
    var reason: String {
        switch self {
        case .unterminatedQuote: "a quotation mark is opened and never closed"
        case .textAfterQuote(let column): "there is text after the closing quotation mark of cell \(column)"
        case .cellTooLong(let column): "cell \(column) is longer than 1 MiB"
        case .recordTooLong: "the row is longer than 4 MiB"
        case .tooManyColumns: "the row has more than 500 cells"
        case .notUTF8(let column): "cell \(column) is not UTF-8"
        case .nullCharacter(let column): "cell \(column) contains U+0000"
        }
    }
}
