import EventSourcing
public import Foundation
public import Hummingbird
import JSON

/// Reads the parameters of a query string and gathers everything that is wrong with them.
///
/// Each read names a parameter that exists; `finish()` then refuses with all errors at once, among them parameters
/// that were never asked for and parameters that came twice. An empty value of a text counts as absent; of anything
/// else it is an error.
public struct QueryParameters {
    private var values: [String: String] = [:]
    private var known: Set<String> = []
    private var order: [String] = []
    private var errors: [FieldError] = []

    public init(_ request: Request) {
        self.init(query: request.uri.query ?? "")
    }

    init(query: String) {
        for pair in query.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = Self.decode(parts[0]), let value = Self.decode(parts.count > 1 ? parts[1] : "") else {
                fail(String(parts[0]), "malformed", "must be percent-encoded UTF-8 without U+0000")
                // Reported once is enough.
                known.insert(String(parts[0]))
                continue
            }
            if values.updateValue(value, forKey: name) != nil {
                fail(name, "repeated", "must not be given more than once")
            } else {
                order.append(name)
            }
        }
    }

    /// Refuses with everything that was wrong. To be called after the last read.
    public mutating func finish() throws(Problem) {
        for name in order where !known.contains(name) {
            fail(name, "unknown_parameter", "there is no parameter of this name here")
        }
        if !errors.isEmpty {
            throw Problem(
                .invalidParameter, errors.map { "\($0.pointer.dropFirst()): \($0.detail)" }.joined(separator: "; "),
                errors: errors)
        }
    }

    /// Adds an error found by the caller's own reading.
    public mutating func fail(_ name: String, _ code: String, _ detail: String) {
        errors.append(FieldError(pointer: "/" + JSONPointer.escape(name), code: code, detail: detail))
    }

    /// The text, nil where it is absent or empty.
    public mutating func text(_ name: String, limit: Int = 500, mayBeEmpty: Bool = true) -> String? {
        guard let value = raw(name) else { return nil }
        if value.isEmpty {
            if !mayBeEmpty { fail(name, "empty", "must not be empty") }
            return nil
        }
        guard value.unicodeScalars.count <= limit else {
            fail(name, "too_long", "must not be longer than \(limit) characters")
            return nil
        }
        return value
    }

    public mutating func integer(_ name: String, in range: ClosedRange<Int64>) -> Int64? {
        guard let text = raw(name) else { return nil }
        // Int64 alone would take a plus sign, which stands for a space in a query anyway.
        guard let value = Int64(text), text.first != "+" else {
            fail(name, "wrong_type", "must be an integer")
            return nil
        }
        guard range.contains(value) else {
            fail(name, "out_of_range", "must be from \(range.lowerBound) to \(range.upperBound)")
            return nil
        }
        return value
    }

    /// The size of a page: 1 to 200, 50 where it is not given.
    public mutating func limit() -> Int {
        integer("limit", in: 1...200).map(Int.init) ?? 50
    }

    public mutating func choice(_ name: String, _ choices: [String]) -> String? {
        guard let text = raw(name) else { return nil }
        guard choices.contains(text) else {
            fail(name, "invalid", "must be one of \(choices.joined(separator: ", "))")
            return nil
        }
        return text
    }

    public mutating func choice<Choice: RawRepresentable<String> & CaseIterable>(
        _ name: String, _ type: Choice.Type = Choice.self
    ) -> Choice? {
        choice(name, Choice.allCases.map(\.rawValue)).flatMap(Choice.init(rawValue:))
    }

    /// `true` or `false`; false where it is not given.
    public mutating func flag(_ name: String) -> Bool {
        choice(name, ["true", "false"]) == "true"
    }

    public mutating func uuid(_ name: String) -> UUID? {
        guard let text = raw(name) else { return nil }
        guard let uuid = UUID(uuidString: text) else {
            fail(name, "invalid", "must be a UUID")
            return nil
        }
        return uuid
    }

    /// An identifier such as `item_01h455vb4pex5vsknk084sn02q`.
    public mutating func id(_ name: String, prefix: String) -> UUID? {
        guard let text = raw(name) else { return nil }
        guard let uuid = TypeID.uuid(of: text, prefix: prefix) else {
            fail(name, "invalid", "must be an identifier that begins with \(prefix)_")
            return nil
        }
        return uuid
    }

    /// Whether the parameter was given at all.
    public func contains(_ name: String) -> Bool { values[name] != nil }

    private mutating func raw(_ name: String) -> String? {
        known.insert(name)
        return values[name]
    }

    /// `application/x-www-form-urlencoded`: a plus is a space. Nil for bad escapes, bad UTF-8 and U+0000.
    private static func decode(_ text: Substring) -> String? {
        guard text.utf8.contains(where: { $0 == UInt8(ascii: "%") || $0 == UInt8(ascii: "+") }) else {
            return String(text)
        }
        guard let decoded = text.replacing("+", with: " ").removingPercentEncoding, !decoded.contains("\0") else {
            return nil
        }
        return decoded
    }
}
