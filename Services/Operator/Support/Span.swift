import ArgumentParser

/// A length of time on the command line: `90s`, `15m`, `1h30m`, `2d`.
struct Span: Equatable, Sendable, ExpressibleByArgument {
    var seconds: Int

    init(seconds: Int) { self.seconds = seconds }

    init?(argument: String) {
        guard !argument.isEmpty else { return nil }
        var total = 0, number: Int?
        for character in argument {
            if let digit = character.wholeNumberValue, character.isASCII {
                guard number ?? 0 < 100_000_000 else { return nil }
                number = (number ?? 0) * 10 + digit
            } else {
                guard let count = number, let unit = Self.units.first(where: { $0.name == character }) else {
                    return nil
                }
                total += count * unit.seconds
                number = nil
            }
        }
        // A number without its unit could be meant as anything; nought needs none.
        guard number == nil || argument == "0", total <= 3_650 * 86_400 else { return nil }
        seconds = total
    }

    private static let units: [(name: Character, seconds: Int)] = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)]

    /// In the largest units: `1h30m`.
    var text: String {
        var rest = seconds, text = ""
        for unit in Self.units where rest >= unit.seconds {
            text += "\(rest / unit.seconds)\(unit.name)"
            rest %= unit.seconds
        }
        return text.isEmpty ? "0s" : text
    }

    var defaultValueDescription: String { text }
}
