import EventSourcing
import Events
import JSON

/// The second pass over a Shopify product file: a line for each row that is not blank, in the file's order.
///
/// One item per variant, known by handle and option values. Cells of the product left blank on a row are those of the
/// product's first row; a variant carries the photos of all of the product's rows, its own first.
///
/// Memory: the products between their first and their last row.
struct ShopifyReader: Sendable {
    private let survey: ShopifySurvey
    private let currency: Currency
    private var reader = ShopifyRows()
    private var open: [String: Product] = [:]

    private struct Product: Sendable {
        /// Cells by column.
        var cells: [Int: String]
        var photos: [String]
        /// The variants so far, by key, and the last line of each.
        var variants: [String: Int] = [:]
    }

    /// - Parameters:
    ///   - survey: of the same bytes, finished.
    ///   - currency: of the prices.
    init(_ survey: ShopifySurvey, currency: Currency) {
        self.survey = survey
        self.currency = currency
    }

    mutating func read(_ chunk: some Collection<UInt8>) throws(ImportProblem) -> [ImportLine] {
        try reader.read(chunk).map { line($0) }
    }

    mutating func finish() throws(ImportProblem) -> [ImportLine] {
        try reader.finish().map { line($0) }
    }

    private mutating func line(_ row: ShopifyRows.Row) -> ImportLine {
        switch row {
        case .rejected(let line, let reason): ImportLine(number: line, content: .rejected(reason))
        case .row(let row): ImportLine(number: row.line, content: content(of: row))
        }
    }

    private mutating func content(of row: ShopifyRow) -> ImportLine.Content {
        guard let columns = reader.columns, let known = survey.products[row.handle] else {
            return .rejected("the file has changed while it was read")
        }
        var product = open.removeValue(forKey: row.handle) ?? opened(by: row, known)
        defer { open[row.handle] = row.line < known.lastLine ? product : nil }
        if row.isOnlyImage, known.hasVariant || row[.title] == nil { return image(row, known) }
        do throws(ShopifyVariant.Rejected) {
            var variant = try ShopifyVariant.read(
                row, columns, product: product.cells, photos: product.photos, currency)
            variant.earlier = product.variants.updateValue(row.line, forKey: variant.key)
            return .variant(variant)
        } catch {
            return .rejected(error.reason)
        }
    }

    private func opened(by row: ShopifyRow, _ known: ShopifySurvey.Product) -> Product {
        let images = (row.image.map { [$0] } ?? []) + known.images
        return Product(
            cells: row.cellsOfProduct.merging(known.titled ?? [:]) { own, _ in own },
            photos: ShopifyImage.ordered(images).compactMap { ShopifyImage(url: $0, position: nil).secureURL })
    }

    /// A row that is nothing but a photo.
    private func image(_ row: ShopifyRow, _ known: ShopifySurvey.Product) -> ImportLine.Content {
        guard known.hasVariant else { return .rejected("no row of this handle describes a variant") }
        guard row.image?.secureURL != nil else {
            return .rejected("the photo \((row.image?.url ?? "").quoted) is not an absolute https URL")
        }
        return .noted("a photo for the variants of this handle")
    }
}
