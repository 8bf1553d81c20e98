/// The text of a description written in HTML: tags and comments go, scripts and styles go with what they hold, block
/// elements and `<br>` become line breaks, entities become their characters.
///
/// What has no tags at all is plain text already and keeps its line breaks. Takes any text; the result never holds
/// U+0000, and what reads like a tag in it was text (`&lt;b&gt;`): whoever shows it must escape it.
enum ImportPlainText {
    static func text(ofHTML html: String) -> String {
        guard html.contains(where: { $0 == "<" || $0 == "&" }) else { return tidy(html) }
        var converter = Converter(source: Array(html.unicodeScalars))
        return tidy(converter.convert())
    }

    /// No space at the ends, none at the ends of lines, and at most one empty line at a time.
    private static func tidy(_ text: String) -> String {
        var lines: [Substring] = []
        for line in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline) {
            let end = line.lastIndex { !$0.isWhitespace }.map(line.index(after:)) ?? line.startIndex
            let kept = line[..<end]
            if kept.isEmpty, lines.last?.isEmpty ?? true { continue }
            lines.append(kept)
        }
        return lines.joined(separator: "\n").trimmed
    }

    private struct Converter {
        let source: [Unicode.Scalar]
        var at = 0
        var output = String.UnicodeScalarView()
        /// Inside HTML white space is one space, and none at the beginning of a line.
        var sawTag = false
        var pendingSpace = false

        /// Behind the last `>` and the last `-->` nothing can be a tag or a comment: said once, not searched for again
        /// and again, or a cell full of `<a ` would take hours.
        let lastTagEnd: Int
        let lastCommentEnd: Int

        init(source: [Unicode.Scalar]) {
            self.source = source
            lastTagEnd = source.lastIndex(of: ">") ?? -1
            lastCommentEnd =
                source.indices.last { $0 >= 2 && source[$0] == ">" && source[$0 - 1] == "-" && source[$0 - 2] == "-" }
                ?? -1
        }

        mutating func convert() -> String {
            sawTag = hasTag()
            while at < source.count {
                let scalar = source[at]
                if scalar == "<", let tag = readTag() {
                    apply(tag)
                } else if scalar == "&", let character = readEntity() {
                    append(character)
                } else {
                    at += 1
                    if sawTag, scalar.properties.isWhitespace {
                        pendingSpace = true
                    } else {
                        append(String.UnicodeScalarView([scalar]))
                    }
                }
            }
            return String(output)
        }

        private mutating func append(_ text: String.UnicodeScalarView) {
            if pendingSpace, let last = output.last, last != "\n" { output.append(" ") }
            pendingSpace = false
            output.append(contentsOf: text)
        }

        private func hasTag() -> Bool {
            var probe = self
            while let index = probe.source[probe.at...].firstIndex(of: "<") {
                probe.at = index
                if probe.readTag() != nil { return true }
                probe.at = index + 1
            }
            return false
        }

        private mutating func apply(_ tag: (name: String, isEnd: Bool)) {
            if ["script", "style"].contains(tag.name), !tag.isEnd { skip(to: tag.name) }
            if Self.blocks.contains(tag.name) {
                pendingSpace = false
                output.append("\n")
                if Self.paragraphs.contains(tag.name), !tag.isEnd { output.append("\n") }
            } else if ["td", "th"].contains(tag.name) {
                pendingSpace = true
            }
        }

        /// A tag or a comment at `at`, which moves behind it; nil where `<` is a character.
        private mutating func readTag() -> (name: String, isEnd: Bool)? {
            var index = at + 1
            guard index < lastTagEnd + 1 else { return nil }
            if source[index] == "!" || source[index] == "?" {
                let isComment = source[index...].starts(with: ["!", "-", "-"])
                guard let end = isComment ? endOfComment(from: index + 1) : end(of: ">", from: index) else {
                    return nil
                }
                at = end
                return ("!", false)
            }
            let isEnd = source[index] == "/"
            if isEnd { index += 1 }
            let start = index
            while index < source.count, source[index].isASCIILetterOrDigit { index += 1 }
            guard index > start, source[start].properties.isAlphabetic, index < source.count,
                source[index] == ">" || source[index] == "/" || source[index].properties.isWhitespace,
                let end = endOfAttributes(from: index)
            else { return nil }
            at = end
            return (String(String.UnicodeScalarView(source[start..<index])).lowercased(), isEnd)
        }

        private func end(of scalar: Unicode.Scalar, from index: Int) -> Int? {
            source[index...].firstIndex(of: scalar).map { $0 + 1 }
        }

        private func endOfComment(from start: Int) -> Int? {
            guard start + 2 <= lastCommentEnd else { return nil }
            var index = start
            while index + 2 < source.count {
                if source[index] == "-", source[index + 1] == "-", source[index + 2] == ">" { return index + 3 }
                index += 1
            }
            return nil
        }

        /// Behind the `>`; quoted attribute values may hold one.
        private func endOfAttributes(from start: Int) -> Int? {
            var quote: Unicode.Scalar?
            for index in start..<source.count {
                let scalar = source[index]
                if let open = quote {
                    if scalar == open { quote = nil }
                } else if (scalar == "\"" || scalar == "'"), index > start, source[index - 1] == "=" {
                    quote = scalar
                } else if scalar == ">" {
                    return index + 1
                }
            }
            return end(of: ">", from: start)
        }

        private mutating func skip(to name: String) {
            while let index = source[at...].firstIndex(of: "<") {
                at = index
                if let tag = readTag() {
                    if tag.isEnd, tag.name == name { return }
                } else {
                    at += 1
                }
            }
            at = source.count
        }

        /// An entity at `at`, which moves behind it; nil where `&` is a character.
        private mutating func readEntity() -> String.UnicodeScalarView? {
            let rest = source[(at + 1)...].prefix(32)
            guard let end = rest.firstIndex(of: ";"), end > at + 1 else { return nil }
            let name = String(String.UnicodeScalarView(source[(at + 1)..<end]))
            let decoded: Unicode.Scalar?
            if name.hasPrefix("#x") || name.hasPrefix("#X") {
                decoded = UInt32(name.dropFirst(2), radix: 16).map(Self.character)
            } else if name.hasPrefix("#") {
                decoded = UInt32(name.dropFirst()).map(Self.character)
            } else {
                decoded = HTMLEntities.characters[name]
            }
            guard let decoded else { return nil }
            at = end + 1
            // A no-break space is a matter of layout.
            return String.UnicodeScalarView([decoded == "\u{A0}" ? " " : decoded])
        }

        /// As HTML says: what is no character, or U+0000, becomes the replacement character.
        private static func character(_ code: UInt32) -> Unicode.Scalar {
            code == 0 ? "\u{FFFD}" : Unicode.Scalar(code) ?? "\u{FFFD}"
        }

        static let paragraphs: Set<String> = [
            "p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "table", "blockquote",
        ]
        static let blocks: Set<String> = paragraphs.union([
            "br", "div", "li", "tr", "hr", "dl", "dt", "dd", "section", "article", "header", "footer", "pre", "figure",
            "figcaption", "address", "main", "aside", "nav", "form", "fieldset", "tbody", "thead", "caption",
        ])
    }
}

extension Unicode.Scalar {
    fileprivate var isASCIILetterOrDigit: Bool {
        ("a"..."z").contains(self) || ("A"..."Z").contains(self) || ("0"..."9").contains(self)
    }
}
