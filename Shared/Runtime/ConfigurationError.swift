/// Everything that is wrong with a service's environment, found in one reading.
///
/// The description is one text to print and stop with. It names keys and what they must be; it never repeats the
/// value of a secret key.
public struct ConfigurationError: Error, Equatable, Sendable, CustomStringConvertible {
    public struct Problem: Equatable, Sendable {
        public var key: String
        public var message: String

        public init(key: String, message: String) {
            self.key = key
            self.message = message
        }
    }

    public var service: String
    public var problems: [Problem]

    public init(service: String, problems: [Problem]) {
        self.service = service
        self.problems = problems
    }

    public var description: String {
        let lines = problems.map { "  \($0.key): \($0.message)" }
        return "closter-\(service) cannot start, its environment is not usable:\n" + lines.joined(separator: "\n")
    }
}
