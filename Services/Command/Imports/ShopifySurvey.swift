/// The rows of a Shopify product file, from its bytes.
struct ShopifyRows: Sendable {
    enum Row: Sendable {
        case row(ShopifyRow)
        case rejected(line: Int, reason: String)
    }

    private var csv = CSVReader()
    private(set) var columns: ShopifyColumns?

    /// The rows that are complete, blank ones left out.
    mutating func read(_ chunk: some Collection<UInt8>) throws(ImportProblem) -> [Row] {
        try rows(csv.read(chunk))
    }

    mutating func finish() throws(ImportProblem) -> [Row] {
        let rest = try rows(csv.finish())
        guard columns != nil else { throw .empty }
        return rest
    }

    private mutating func rows(_ records: [CSVReader.Row]) throws(ImportProblem) -> [Row] {
        var rows: [Row] = []
        for record in records {
            switch record {
            case .rejected(_, let problem) where columns == nil:
                throw .header(problem)
            case .rejected(let line, let problem):
                rows.append(.rejected(line: line, reason: problem.reason))
            case .record(let line, let cells):
                guard let columns else {
                    try readHeader(cells)
                    continue
                }
                do throws(ShopifyRow.Problem) {
                    if let row = try ShopifyRow(line: line, cells: cells, columns) { rows.append(.row(row)) }
                } catch {
                    rows.append(.rejected(line: line, reason: error.reason))
                }
            }
        }
        return rows
    }

    private mutating func readHeader(_ cells: [String]) throws(ImportProblem) {
        do throws(ShopifyColumns.Problem) {
            columns = try ShopifyColumns(header: cells)
        } catch {
            throw .columns(error)
        }
    }
}

/// The first pass over a Shopify product file: whether it can be imported, and what a row needs of rows that come
/// later. The rows of a product may stand anywhere in the file.
///
/// Memory: a few words per product, and the photos of its rows after the first.
struct ShopifySurvey: Sendable {
    struct Product: Sendable {
        var lastLine: Int
        var hasVariant: Bool
        /// Of its rows after the first.
        var images: [ShopifyImage] = []
        /// Where its first row has no title, the product's cells of the row that has one.
        var titled: [Int: String]?
        var needsTitle: Bool
    }

    /// Rows that will be reported.
    private(set) var rows = 0
    private(set) var products: [String: Product] = [:]
    private var reader = ShopifyRows()

    static let limit = 1_000_000

    mutating func read(_ chunk: some Collection<UInt8>) throws(ImportProblem) {
        try add(reader.read(chunk))
    }

    mutating func finish() throws(ImportProblem) {
        try add(reader.finish())
    }

    private mutating func add(_ rows: [ShopifyRows.Row]) throws(ImportProblem) {
        self.rows += rows.count
        guard self.rows <= Self.limit else { throw .tooManyRows(Self.limit) }
        for case .row(let row) in rows { add(row) }
    }

    private mutating func add(_ row: ShopifyRow) {
        let hasTitle = row[.title] != nil
        guard var product = products.removeValue(forKey: row.handle) else {
            products[row.handle] = Product(lastLine: row.line, hasVariant: !row.isOnlyImage, needsTitle: !hasTitle)
            return
        }
        product.lastLine = row.line
        product.hasVariant = product.hasVariant || !row.isOnlyImage
        if let image = row.image { product.images.append(image) }
        if product.needsTitle, hasTitle {
            product.titled = row.cellsOfProduct
            product.needsTitle = false
        }
        products[row.handle] = product
    }
}
