public import EventSourcing
public import JSON

/// What the log can store: an event with a stored name, the version of its shape, and a JSON payload.
///
/// Rules of storage: a stored name and a member's name mean the same for ever; members are only ever added, as
/// optional ones; anything else is a new schema version with an upcaster from the one before. Unknown members are
/// ignored, so that a program one version behind still reads.
public protocol StorableEvent: Equatable, Sendable {
    /// The category of the streams these events lie in.
    static var category: String { get }
    /// Each stored name, with the schema version that this program writes. ONLY EVER ADD.
    static var schemas: [String: Int] { get }
    /// From older schema versions to the current ones.
    static var upcasters: Upcasters { get }

    /// The stored name: a key of `schemas`.
    var type: String { get }
    /// The payload in the current schema version, absent values left out.
    var payload: JSONObject { get }

    /// Decodes a payload of the current schema version. `type` is a key of `schemas`.
    init(type: String, current payload: PayloadReader) throws(EventDecodingError)
}

extension StorableEvent {
    public static var upcasters: Upcasters { Upcasters([]) }

    /// The schema version that is written.
    public var schema: Int { Self.schemas[type] ?? 1 }
    public var data: JSONValue { .object(payload) }
    /// The payload as compact JSON.
    public var bytes: [UInt8] { data.bytes }

    /// Decodes an event of any schema version that was ever written.
    public init(type: String, schema: Int, data: JSONValue) throws(EventDecodingError) {
        func failure(_ reason: EventDecodingError.Reason) -> EventDecodingError {
            EventDecodingError(type: type, schema: schema, reason: reason)
        }
        guard let current = Self.schemas[type] else { throw failure(.unknownType) }
        guard (1...current).contains(schema) else { throw failure(.unknownSchema) }
        guard var object = data.objectValue else { throw failure(.notAnObject) }
        for version in schema..<current {
            guard let upcast = Self.upcasters[type, version] else { throw failure(.noUpcaster(from: version)) }
            object = upcast(object)
        }
        try self.init(type: type, current: PayloadReader(type: type, schema: schema, object: object))
    }

    /// Decodes what the log holds.
    public init(_ stored: StoredEvent) throws(EventDecodingError) {
        let data: JSONValue
        do {
            data = try JSONValue(parsing: stored.data)
        } catch {
            throw EventDecodingError(type: stored.type, schema: stored.schema, reason: .notJSON(error))
        }
        try self.init(type: stored.type, schema: stored.schema, data: data)
    }
}

/// Functions that bring a payload from one schema version to the next, by stored name.
///
/// An upcaster is pure and never fails: it was written for payloads that are already in the log.
public struct Upcasters: Sendable {
    public typealias Upcast = @Sendable (JSONObject) -> JSONObject

    public struct Step: Sendable {
        let type: String
        let from: Int
        let upcast: Upcast

        /// From version `from` of `type` to the one after it.
        public init(_ type: String, from: Int, _ upcast: @escaping Upcast) {
            self.type = type
            self.from = from
            self.upcast = upcast
        }
    }

    private let steps: [String: [Int: Upcast]]

    public init(_ steps: [Step]) {
        self.steps = steps.reduce(into: [:]) { $0[$1.type, default: [:]][$1.from] = $1.upcast }
    }

    subscript(type: String, from: Int) -> Upcast? { steps[type]?[from] }
}
