/// Numbers for people.
enum Figures {
    /// `1,234,567`
    static func grouped(_ number: Int64) -> String {
        let digits = String(number.magnitude)
        var text = ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index).isMultiple(of: 3) { text.append(",") }
            text.append(digit)
        }
        return (number < 0 ? "-" : "") + text
    }

    /// `1.5 MiB`
    static func bytes(_ count: Int64) -> String {
        var value = Double(count), unit = "bytes"
        for next in ["KiB", "MiB", "GiB", "TiB"] where value >= 1024 {
            value /= 1024
            unit = next
        }
        return unit == "bytes" ? "\(count) bytes" : "\(decimal(value)) \(unit)"
    }

    /// With one decimal.
    static func decimal(_ value: Double) -> String {
        let tenths = Int64((value * 10).rounded())
        return "\(grouped(tenths / 10)).\(tenths.magnitude % 10)"
    }

    /// `1 row`, `2 rows`
    static func count(_ number: Int64, _ singular: String, _ plural: String? = nil) -> String {
        "\(grouped(number)) \(number == 1 ? singular : plural ?? singular + "s")"
    }
}
