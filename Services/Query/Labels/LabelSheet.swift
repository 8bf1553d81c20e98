/// Labels as they are printed: one sheet of A4 as SVG, three columns of eight (70 × 37.1 mm), as sheets of labels are sold.
struct LabelSheet {
    enum Symbology: String, CaseIterable, Sendable {
        case code128, qr
    }

    struct Label: Sendable, Equatable {
        var sku: String
        var title: String
        /// Brand, size and the like.
        var details: String
    }

    static let columns = 3
    static let rows = 8
    static let places = columns * rows
    private static let (width, height) = (70.0, 297.0 / Double(rows))
    private static let margin = 4.0
    /// Millimetres: narrower bars are lost on a label printer of 203 dpi, wider ones are not needed.
    private static let (narrowest, widest) = (0.17, 0.33)

    /// - Parameter first: the place of the first label, on a sheet whose first ones are gone.
    static func svg(_ labels: [Label], _ symbology: Symbology, first: Int = 0) -> String {
        var svg = """
            <svg xmlns="http://www.w3.org/2000/svg" width="210mm" height="297mm" viewBox="0 0 210 297" \
            font-family="Helvetica, Arial, sans-serif">
            <rect width="210" height="297" fill="#fff"/>

            """
        for (index, label) in labels.enumerated() {
            let (row, column) = ((first + index) / columns, (first + index) % columns)
            // What is too long for its label ends at its edge.
            svg += """
                <svg x="\(millimetres(Double(column) * width))" y="\(millimetres(Double(row) * height))" \
                width="\(millimetres(width))" height="\(millimetres(height))">\(draw(label, symbology))</svg>

                """
        }
        return svg + "</svg>\n"
    }

    private static func draw(_ label: Label, _ symbology: Symbology) -> String {
        if symbology == .code128, let bars = bars(label.sku) {
            return bars + text(label.sku, x: margin, y: 22, size: 4, isBold: true)
                + text(label.title, x: margin, y: 27.5, size: 3.2) + text(label.details, x: margin, y: 32, size: 2.8)
        }
        // Also for what bars cannot say, or not on so little room.
        let side = 29.0
        let x = 2 * margin + side
        return square(label.sku, side: side) + text(label.sku, x: x, y: 9, size: 4, isBold: true)
            + text(label.title, x: x, y: 15, size: 3.2) + text(label.details, x: x, y: 20, size: 2.8)
    }

    /// nil where they would be too narrow to be read.
    private static func bars(_ sku: String) -> String? {
        guard let code = Code128(sku) else { return nil }
        let module = min(widest, (width - 2) / Double(code.modules + 20))
        guard module >= narrowest else { return nil }
        var path = ""
        var x = max(margin, 1 + 10 * module)
        for (index, modules) in code.widths.enumerated() {
            let width = Double(modules) * module
            if index % 2 == 0 { path += "M\(millimetres(x)) 3h\(millimetres(width))v14h-\(millimetres(width))z" }
            x += width
        }
        return #"<path d="\#(path)"/>"#
    }

    private static func square(_ sku: String, side: Double) -> String {
        guard let code = QRCode(sku) else { return "" }
        let module = side / Double(code.size)
        var path = ""
        for (row, modules) in code.modules.enumerated() {
            for (column, isDark) in modules.enumerated() where isDark { path += "M\(column) \(row)h1v1h-1z" }
        }
        return """
            <path transform="translate(\(millimetres(margin)) \(millimetres(margin))) scale(\(millimetres(module)))" d="\(path)"/>
            """
    }

    private static func text(_ text: String, x: Double, y: Double, size: Double, isBold: Bool = false) -> String {
        guard !text.isEmpty else { return "" }
        let weight = isBold ? #" font-weight="bold""# : ""
        return """
            <text x="\(millimetres(x))" y="\(millimetres(y))" font-size="\(millimetres(size))"\(weight)>\(escaped(text))</text>
            """
    }

    private static func escaped(_ text: String) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            // XML has no place for the others, not even escaped.
            case "\t", "\n", "\r", "\u{20}"..."\u{D7FF}", "\u{E000}"..."\u{FFFD}", "\u{10000}"..."\u{10FFFF}":
                escaped.unicodeScalars.append(scalar)
            default: break
            }
        }
        return escaped
    }

    /// To a thousandth.
    private static func millimetres(_ value: Double) -> String {
        let thousandths = Int((value * 1000).rounded())
        let (whole, part) = thousandths.quotientAndRemainder(dividingBy: 1000)
        guard part != 0 else { return "\(whole)" }
        var digits = "\(1000 + part)".dropFirst()
        while digits.last == "0" { digits.removeLast() }
        return "\(whole).\(digits)"
    }
}
