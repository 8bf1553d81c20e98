extension SQL {
    /// Adds `offset` to every parameter (`$1`) of a statement's text; quoted text, names and comments stay as they are.
    static func renumbered(_ text: String, by offset: Int) -> String {
        var scanner = StatementScanner(Array(text.utf8))
        scanner.renumber(by: offset)
        return String(decoding: scanner.output, as: UTF8.self)
    }
}

/// Walks over SQL by the lexical rules of PostgreSQL (documentation, 4.1 Lexical Structure).
private struct StatementScanner {
    private let input: [UInt8]
    private var index = 0
    private(set) var output: [UInt8] = []

    init(_ input: [UInt8]) { self.input = input }

    mutating func renumber(by offset: Int) {
        var previous: UInt8 = 0
        while index < input.count {
            let byte = input[index]
            switch byte {
            case UInt8(ascii: "'"):
                let isEscape = (previous | 0x20) == UInt8(ascii: "e") && !isPartOfName(at: index - 2)
                copyQuoted(byte, backslashes: isEscape)
            case UInt8(ascii: "\""): copyQuoted(byte, backslashes: false)
            case UInt8(ascii: "-") where next == UInt8(ascii: "-"): copyLine()
            case UInt8(ascii: "/") where next == UInt8(ascii: "*"): copyComment()
            case UInt8(ascii: "$") where !isPartOfName(at: index - 1): copyDollar(adding: offset)
            default: copy(1)
            }
            previous = input[index - 1]
        }
    }

    private var next: UInt8? { index + 1 < input.count ? input[index + 1] : nil }

    private func isDigit(_ byte: UInt8) -> Bool { (48...57).contains(byte) }

    private func isPartOfName(at index: Int) -> Bool {
        guard index >= 0 else { return false }
        let byte = input[index]
        return isDigit(byte) || (97...122).contains(byte | 0x20) || byte == UInt8(ascii: "_") || byte >= 0x80
    }

    private mutating func copy(_ count: Int) {
        let end = min(index + count, input.count)
        output += input[index..<end]
        index = end
    }

    private mutating func copyQuoted(_ quote: UInt8, backslashes: Bool) {
        copy(1)
        while index < input.count {
            if backslashes, input[index] == UInt8(ascii: "\\") {
                copy(2)
            } else if input[index] == quote, next == quote {
                copy(2)
            } else if input[index] == quote {
                return copy(1)
            } else {
                copy(1)
            }
        }
    }

    private mutating func copyLine() {
        while index < input.count, input[index] != UInt8(ascii: "\n") { copy(1) }
    }

    private mutating func copyComment() {
        var depth = 0
        repeat {
            if input[index] == UInt8(ascii: "/"), next == UInt8(ascii: "*") {
                depth += 1
                copy(2)
            } else if input[index] == UInt8(ascii: "*"), next == UInt8(ascii: "/") {
                depth -= 1
                copy(2)
            } else {
                copy(1)
            }
        } while depth > 0 && index < input.count
    }

    /// `$1` is renumbered, `$tag$ … $tag$` copied.
    private mutating func copyDollar(adding offset: Int) {
        var end = index + 1
        if end < input.count, isDigit(input[end]) {
            while end < input.count, isDigit(input[end]) { end += 1 }
            let number = Int(String(decoding: input[(index + 1)..<end], as: UTF8.self)) ?? 0
            output += "$\(number + offset)".utf8
            index = end
            return
        }
        while end < input.count, isPartOfName(at: end) { end += 1 }
        guard end < input.count, input[end] == UInt8(ascii: "$") else { return copy(1) }
        let tag = input[index...end]
        var start = end + 1
        while start + tag.count <= input.count, input[start..<(start + tag.count)] != tag { start += 1 }
        copy(start + tag.count - index)
    }
}
