/// The Prometheus text format, version 0.0.4.
/// Source: https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
enum Exposition {
    static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    static func header(_ definition: MetricDefinition, to text: inout String) {
        text += "# HELP \(definition.name) \(escapeHelp(definition.help))\n"
        text += "# TYPE \(definition.name) \(definition.kind.rawValue)\n"
    }

    static func sample(_ name: String, _ labels: String, _ value: String, to text: inout String) {
        text += name
        if !labels.isEmpty { text += "{\(labels)}" }
        text += " \(value)\n"
    }

    static func labels(_ dimensions: [(String, String)]) -> String {
        dimensions.map { "\(sanitize($0.0, colons: false))=\"\(escapeLabel($0.1))\"" }.joined(separator: ",")
    }

    /// The shortest text that reads back as the same value; whole numbers without a fraction.
    static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        if value == value.rounded(), abs(value) < 1e15 { return "\(Int64(value))" }
        return "\(value)"
    }

    static func escapeLabel(_ value: String) -> String {
        var escaped = ""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\\": escaped += #"\\"#
            case "\"": escaped += #"\""#
            case "\n": escaped += #"\n"#
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }

    private static func escapeHelp(_ text: String) -> String {
        text.replacing("\\", with: #"\\"#).replacing("\n", with: #"\n"#)
    }

    /// Makes a legal metric or label name: letters, digits and underscores (colons in metric names only).
    static func sanitize(_ name: String, colons: Bool = true) -> String {
        var result = ""
        for (index, byte) in name.utf8.enumerated() {
            switch byte {
            case 65...90, 97...122, 95: result.unicodeScalars.append(UnicodeScalar(byte))
            case 48...57:
                if index == 0 { result += "_" }
                result.unicodeScalars.append(UnicodeScalar(byte))
            case 58 where colons: result += ":"
            default: result += "_"
            }
        }
        return result.isEmpty ? "_" : result
    }
}
