import Foundation

/// `KEY=value` lines as a shell reads them with `source`: comments, `export`, single and double quotes; no expansion.
struct EnvironmentFile: Equatable, Sendable {
    var values: [String: String] = [:]

    /// Refuses the first line that is none, by its number. Values are never repeated in the message: they are secrets.
    init(parsing text: String) throws(ToolFailure) {
        for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
            var line = line.drop(while: Self.isBlank)
            while let last = line.last, Self.isBlank(last) { line.removeLast() }
            if line.isEmpty || line.hasPrefix("#") { continue }
            if line.hasPrefix("export ") { line = line.dropFirst(7).drop(while: Self.isBlank) }
            guard let equals = line.firstIndex(of: "="), Self.isName(line[..<equals]) else {
                throw ToolFailure("line \(index + 1) is not KEY=value")
            }
            guard let value = Self.unquote(line[line.index(after: equals)...]) else {
                throw ToolFailure("line \(index + 1) has a quote without its end")
            }
            values[String(line[..<equals])] = value
        }
    }

    private static func isBlank(_ character: Character) -> Bool {
        character == " " || character == "\t"
    }

    private static func isName(_ name: Substring) -> Bool {
        guard let first = name.utf8.first, !(48...57).contains(first) else { return false }
        return name.utf8.allSatisfy {
            (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0) || $0 == 95
        }
    }

    private static func unquote(_ text: Substring) -> String? {
        var value = ""
        var quote: Character?
        var rest = text
        while let character = rest.popFirst() {
            switch (quote, character) {
            case (nil, "'"), (nil, "\""): quote = character
            case (let open?, character) where open == character: quote = nil
            case (nil, "#") where value.last.map(isBlank) ?? false: rest = ""
            case (nil, "\\"), ("\"", "\\"): if let escaped = rest.popFirst() { value.append(escaped) }
            default: value.append(character)
            }
        }
        guard quote == nil else { return nil }
        while quote == nil, let last = value.last, isBlank(last) { value.removeLast() }
        return value
    }
}
