public import JSON

/// A stored event that this program cannot read: a defect, or a program older than the log.
public struct EventDecodingError: Error, Equatable, Sendable, CustomStringConvertible {
    public enum Reason: Equatable, Sendable {
        case unknownType
        /// Below 1, or newer than this program.
        case unknownSchema
        case noUpcaster(from: Int)
        case notJSON(JSONParseError)
        case notAnObject
        /// A required member is absent; nested ones as `price.amount`.
        case missing(String)
        case invalid(String)
    }

    public var type: String
    /// The schema version as stored.
    public var schema: Int
    public var reason: Reason

    public init(type: String, schema: Int, reason: Reason) {
        self.type = type
        self.schema = schema
        self.reason = reason
    }

    /// Names the type, the version and the member; never a value.
    public var description: String {
        let event = "\(type) v\(schema)"
        return switch reason {
        case .unknownType: "\(event): unknown event type"
        case .unknownSchema: "\(event): unknown schema version"
        case .noUpcaster(let from): "\(event): no upcaster from version \(from)"
        case .notJSON(let error): "\(event): \(error.message)"
        case .notAnObject: "\(event): the payload is not an object"
        case .missing(let member): "\(event): \(member) is missing"
        case .invalid(let member): "\(event): \(member) is not what it should be"
        }
    }
}
