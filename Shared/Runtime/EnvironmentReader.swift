import Configuration
import Foundation
import Logging

/// Reads typed values by their environment names and gathers what is wrong with them instead of stopping at the first.
struct EnvironmentReader {
    private let reader: ConfigReader
    private(set) var problems: [ConfigurationError.Problem] = []

    init(environment: [String: String]) {
        reader = ConfigReader(
            provider: EnvironmentVariablesProvider(environmentVariables: environment, secretsSpecifier: .none))
    }

    mutating func report(_ key: String, _ message: String) {
        problems.append(.init(key: key, message: message))
    }

    /// Reports a missing key, unless its value was already reported as unusable.
    mutating func require(_ key: String) {
        if !problems.contains(where: { $0.key == key }) { report(key, "is required") }
    }

    /// The value, or nil where it is absent or blank.
    func text(_ key: String, secret: Bool = false) -> String? {
        // The provider maps `closter.http.port` to CLOSTER_HTTP_PORT.
        let path = key.lowercased().split(separator: "_").joined(separator: ".")
        let value = reader.string(forKey: ConfigKey(path), isSecret: secret)
        guard let trimmed = value?.trimmingCharacters(in: .whitespacesAndNewlines), !trimmed.isEmpty else { return nil }
        return trimmed
    }

    mutating func integer(_ key: String, in range: ClosedRange<Int>) -> Int? {
        guard let text = text(key) else { return nil }
        guard let value = Int(text), range.contains(value) else {
            report(key, "must be an integer from \(range.lowerBound) to \(range.upperBound)")
            return nil
        }
        return value
    }

    mutating func onOff(_ key: String) -> Bool? {
        switch text(key)?.lowercased() {
        case nil: return nil
        case "on": return true
        case "off": return false
        default:
            report(key, "must be on or off")
            return nil
        }
    }

    mutating func flag(_ key: String) -> Bool? {
        guard let text = text(key) else { return nil }
        guard let value = Bool(text.lowercased()) else {
            report(key, "must be true or false")
            return nil
        }
        return value
    }

    /// A decimal number; `inf` and `nan` are none.
    mutating func number(_ key: String, in range: ClosedRange<Double>) -> Double? {
        guard let text = text(key) else { return nil }
        guard let value = Double(text), range.contains(value) else {
            report(key, "must be a number from \(range.lowerBound) to \(range.upperBound)")
            return nil
        }
        return value
    }

    mutating func url(_ key: String) -> String? {
        guard let text = text(key) else { return nil }
        guard let url = URL(string: text), url.scheme == "http" || url.scheme == "https", url.host?.isEmpty == false,
            url.query == nil, url.fragment == nil
        else {
            report(key, "must be an http or https URL without query or fragment")
            return nil
        }
        return text.hasSuffix("/") ? String(text.dropLast()) : text
    }

    mutating func path(_ key: String) -> String? {
        guard let text = text(key) else { return nil }
        guard text.hasPrefix("/") else {
            report(key, "must be an absolute path")
            return nil
        }
        return text
    }

    mutating func hex(_ key: String, minimumBytes: Int) -> [UInt8]? {
        guard let text = text(key, secret: true) else { return nil }
        let digits = text.utf8.compactMap { Character(UnicodeScalar($0)).hexDigitValue }
        guard digits.count == text.utf8.count, digits.count.isMultiple(of: 2), digits.count >= minimumBytes * 2 else {
            report(key, "must be hexadecimal, at least \(minimumBytes) bytes (\(minimumBytes * 2) digits)")
            return nil
        }
        return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }

    mutating func logLevel(_ key: String) -> Logger.Level? {
        guard let text = text(key) else { return nil }
        guard let level = Logger.Level(rawValue: text.lowercased()) else {
            report(key, "must be one of \(Logger.Level.allCases.map(\.rawValue).joined(separator: ", "))")
            return nil
        }
        return level
    }

    mutating func identifier(_ key: String) -> String? {
        guard let text = text(key) else { return nil }
        let allowed = text.utf8.allSatisfy { (97...122).contains($0) || (48...57).contains($0) || $0 == 95 }
        guard allowed, text.utf8.count <= 40, !(48...57).contains(text.utf8.first ?? 48) else {
            report(key, "must be a lower-case identifier of at most 40 characters")
            return nil
        }
        return text
    }

    mutating func issuer(required: Bool) -> ServiceConfiguration.Issuer? {
        let development = text("CLOSTER_AUTH_DEV_JWKS")
        let project = text("CLOSTER_STACK_PROJECT")
        let jwksURL = url("CLOSTER_STACK_JWKS_URL")
        switch (development, project) {
        case (.some, .some):
            report(
                "CLOSTER_AUTH_DEV_JWKS",
                "must not be set together with CLOSTER_STACK_PROJECT: a development issuer beside a real project")
            return nil
        case (.some(let path), nil):
            if jwksURL != nil { report("CLOSTER_STACK_JWKS_URL", "needs CLOSTER_STACK_PROJECT") }
            return .development(jwksPath: path)
        case (nil, .some(let project)):
            return .stack(project: project, jwksURL: jwksURL)
        case (nil, nil):
            if jwksURL != nil {
                report("CLOSTER_STACK_JWKS_URL", "needs CLOSTER_STACK_PROJECT")
            } else if required {
                report("CLOSTER_STACK_PROJECT", "is required (or CLOSTER_AUTH_DEV_JWKS on a developer's machine)")
            }
            return nil
        }
    }
}
