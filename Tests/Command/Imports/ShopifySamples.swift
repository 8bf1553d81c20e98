import JSON

@testable import Command

/// Files in both dialects, written out from cells.
struct ShopifyFile {
    /// The classic header, as far as samples need it.
    static let classic = [
        "Handle", "Title", "Body (HTML)", "Vendor", "Type", "Tags", "Published", "Option1 Name", "Option1 Value",
        "Option2 Name", "Option2 Value", "Option3 Name", "Option3 Value", "Variant SKU", "Variant Grams",
        "Variant Inventory Tracker", "Variant Inventory Qty", "Variant Price", "Variant Compare At Price", "Image Src",
        "Image Position", "Image Alt Text", "Gift Card", "SEO Title", "Google Shopping / Condition", "Variant Image",
        "Variant Weight Unit", "Cost per item",
    ]
    /// The current one.
    static let current = [
        "Title", "URL handle", "Description", "Vendor", "Product category", "Type", "Tags", "Published on online store",
        "Status", "SKU", "Barcode", "Option1 name", "Option1 value", "Option1 Linked To", "Option2 name",
        "Option2 value", "Option2 Linked To", "Option3 name", "Option3 value", "Option3 Linked To", "Price",
        "Compare-at price", "Cost per item", "Charge tax", "Tax code", "Inventory tracker", "Inventory quantity",
        "Continue selling when out of stock", "Weight value (grams)", "Weight unit for display", "Requires shipping",
        "Fulfillment service", "Product image URL", "Image position", "Image alt text", "Variant image URL",
        "Gift card", "SEO title", "SEO description", "Google Shopping / Condition",
    ]

    var header: [String]
    var rows: [[String: String]] = []

    init(_ header: [String] = Self.classic, _ rows: [String: String]...) {
        self.header = header
        self.rows = rows
    }

    var text: String {
        ([header] + rows.map { row in header.map { row[$0] ?? "" } })
            .map { $0.map(Self.quoted).joined(separator: ",") }.joined(separator: "\r\n") + "\r\n"
    }

    private static func quoted(_ cell: String) -> String {
        cell.contains { ",\"\r\n".contains($0) } ? "\"\(cell.replacing("\"", with: "\"\""))\"" : cell
    }
}

extension ShopifyFile {
    /// One row of a shirt without options.
    static let shirt = [
        "Handle": "ocean-blue-shirt", "Title": "Ocean Blue Shirt", "Body (HTML)": "Ocean blue <b>cotton</b> shirt. ",
        "Vendor": "partners-demo", "Type": "Shirt", "Tags": "men, summer,men", "Published": "true",
        "Option1 Name": "Title", "Option1 Value": "Default Title", "Variant Grams": "0", "Variant Inventory Qty": "1",
        "Variant Price": "50", "Image Src": "https://cdn.example/shirt.jpg", "Image Position": "1",
        "Gift Card": "false", "Variant Weight Unit": "kg",
    ]
    /// Three sizes of a top.
    static let top = [
        [
            "Handle": "top", "Title": "Varsity Top", "Vendor": "partners-demo", "Tags": "women", "Published": "true",
            "Option1 Name": "Size", "Option1 Value": "Small", "Variant Inventory Qty": "1", "Variant Price": "60",
            "Image Src": "https://cdn.example/top.jpg", "Gift Card": "false", "Variant Weight Unit": "kg",
        ],
        [
            "Handle": "top", "Option1 Value": "Medium", "Variant Inventory Qty": "1", "Variant Price": "61.5",
            "Variant Weight Unit": "kg",
        ],
        [
            "Handle": "top", "Option1 Value": "Large", "Variant Inventory Qty": "1", "Variant Price": "62",
            "Variant Weight Unit": "kg",
        ],
    ]
}

/// The lines of a file.
func lines(_ text: String, chunk: Int = .max) throws -> [ImportLine] { try lines(Array(text.utf8), chunk: chunk) }

func lines(_ bytes: [UInt8], chunk: Int = .max) throws -> [ImportLine] {
    let chunks = stride(from: 0, to: bytes.count, by: min(chunk, max(1, bytes.count))).map {
        bytes[$0..<min($0 + min(chunk, bytes.count), bytes.count)]
    }
    var survey = ShopifySurvey()
    for chunk in chunks { try survey.read(chunk) }
    try survey.finish()
    var reader = ShopifyReader(survey, currency: zloty)
    var lines: [ImportLine] = []
    for chunk in chunks { lines += try reader.read(chunk) }
    lines += try reader.finish()
    return lines
}

extension ImportLine {
    var variant: ImportVariant? {
        if case .variant(let variant) = content { variant } else { nil }
    }

    var rejection: String? {
        if case .rejected(let reason) = content { reason } else { nil }
    }

    var note: String? {
        if case .noted(let reason) = content { reason } else { nil }
    }
}
