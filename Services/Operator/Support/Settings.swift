import Foundation

/// The tool's configuration: the environment, and a file of the same keys.
///
/// A file that was named wins over the environment. The default file is read only where the environment names no
/// instance at all, so that two instances are never mixed.
struct Settings: Equatable, Sendable {
    static let defaultFile = ".closter/local.env"
    /// Each of these says which instance is meant.
    static let instanceKeys = [
        "CLOSTER_COMMAND_URL", "CLOSTER_QUERY_URL", "CLOSTER_DATABASE_URL", "CLOSTER_OPERATOR_TOKEN",
        "CLOSTER_AUTH_DEV_KEY", "CLOSTER_AUTH_DEV_JWKS", "CLOSTER_STACK_PROJECT",
    ]

    private let values: [String: String]

    init(_ values: [String: String]) { self.values = values }

    static func load(environment: [String: String], file: String?, directory: String) throws(ToolFailure) -> Settings {
        if let file {
            let path = absolute(file, in: directory)
            return Settings(environment.merging(try read(path)) { _, fromFile in fromFile })
        }
        let path = absolute(defaultFile, in: directory)
        let namesAnInstance = instanceKeys.contains { environment[$0]?.isEmpty == false }
        guard !namesAnInstance, FileManager.default.fileExists(atPath: path) else { return Settings(environment) }
        return Settings(try read(path).merging(environment) { _, fromEnvironment in fromEnvironment })
    }

    private static func absolute(_ path: String, in directory: String) -> String {
        path.hasPrefix("/") ? path : directory + "/" + path
    }

    private static func read(_ path: String) throws(ToolFailure) -> [String: String] {
        guard let data = FileManager.default.contents(atPath: path) else { throw ToolFailure("cannot read \(path)") }
        do {
            return try EnvironmentFile(parsing: String(decoding: data, as: UTF8.self)).values
        } catch {
            throw ToolFailure("\(path): \(error.message)")
        }
    }

    /// An empty value counts as absent.
    subscript(key: String) -> String? {
        guard let value = values[key], !value.isEmpty else { return nil }
        return value
    }

    func require(_ key: String, or alternative: String? = nil) throws(ToolFailure) -> String {
        if let value = self[key] { return value }
        let also = alternative.map { " (or \($0))" } ?? ""
        throw ToolFailure(
            "\(key) is not set\(also): export it, name a file with --env-file, or stand where \(Self.defaultFile) is")
    }

    /// A service's base URL, without a slash at its end.
    func url(_ key: String) throws(ToolFailure) -> String {
        var text = try require(key)
        guard let url = URL(string: text), url.scheme == "http" || url.scheme == "https", url.host?.isEmpty == false
        else { throw ToolFailure("\(key) is not an http or https URL") }
        while text.hasSuffix("/") { text.removeLast() }
        return text
    }
}
