public import EventSourcing
public import Foundation

/// One decided intent, to be appended whole or not at all.
///
/// An intent may write several streams and depend on more. Everything in it becomes durable in one transaction:
/// its events, the new states, its claims, tasks, due intents, and its outcome under `key`.
public struct Intent: Sendable {
    public var tenant: TenantID
    /// Names this attempt. A retry after an unknown outcome sends the same one.
    public var metadata: Metadata
    /// The idempotency key, unique in the tenant for 90 days. One is made where the client sent none.
    public var key: String
    /// What the key stands for; the same key with another fingerprint is a client's mistake.
    public var fingerprint: [UInt8]
    /// The stream the answer speaks of.
    public var primary: StreamID
    /// The primary stream's version after the intent.
    public var version: Int64
    /// The primary stream's last position before the intent: the answer's position where the intent has no events.
    public var position: Int64
    /// Every stream that was read to decide, or is written, with the version it had. 0: must not exist.
    public var expectations: [Expectation]
    public var changes: [StreamChange]
    public var claims: [ClaimChange]
    public var tasks: [NewTask]
    public var dueIntents: [NewDueIntent]

    public init(
        tenant: TenantID, metadata: Metadata, key: String, fingerprint: [UInt8], primary: StreamID, version: Int64,
        position: Int64 = 0, expectations: [Expectation], changes: [StreamChange], claims: [ClaimChange] = [],
        tasks: [NewTask] = [], dueIntents: [NewDueIntent] = []
    ) {
        self.tenant = tenant
        self.metadata = metadata
        self.key = key
        self.fingerprint = fingerprint
        self.primary = primary
        self.version = version
        self.position = position
        self.expectations = expectations
        self.changes = changes
        self.claims = claims
        self.tasks = tasks
        self.dueIntents = dueIntents
    }
}

public struct Expectation: Sendable, Equatable {
    public var stream: StreamID
    public var version: Int64

    public init(_ stream: StreamID, at version: Int64) {
        self.stream = stream
        self.version = version
    }
}

/// New events of one stream, and the state they lead to.
public struct StreamChange: Sendable {
    public var stream: StreamID
    /// The version of the stream before the first of `events`.
    public var from: Int64
    public var events: [NewEvent]
    /// JSON, stored as it is.
    public var state: [UInt8]

    public init(stream: StreamID, from: Int64, events: [NewEvent], state: [UInt8]) {
        self.stream = stream
        self.from = from
        self.events = events
        self.state = state
    }
}

public struct NewEvent: Sendable, Equatable {
    /// The stored name.
    public var type: String
    /// The version of the payload's shape, from 1.
    public var schema: Int
    /// JSON.
    public var data: [UInt8]

    public init(type: String, schema: Int, data: [UInt8]) {
        self.type = type
        self.schema = schema
        self.data = data
    }
}

/// What an intent does to the values that are unique in its tenant.
public enum ClaimChange: Sendable, Hashable {
    /// `stream` takes the value; refused while another stream holds it.
    case take(kind: String, value: String, stream: StreamID)
    /// `stream` gives it back; nothing happens where it does not hold it.
    case release(kind: String, value: String, stream: StreamID)
    /// Refused while any claim of the kind begins with the prefix.
    case absent(kind: String, prefix: String)

    public var kind: String {
        switch self {
        case .take(let kind, _, _), .release(let kind, _, _), .absent(let kind, _): kind
        }
    }
}

/// An effect on the outside world, performed by the worker after the commit, at least once.
public struct NewTask: Sendable {
    public var id: UUID
    public var kind: String
    /// JSON.
    public var payload: [UInt8]
    /// nil: at once.
    public var runAt: Timestamp?

    public init(id: UUID, kind: String, payload: [UInt8], runAt: Timestamp? = nil) {
        self.id = id
        self.kind = kind
        self.payload = payload
        self.runAt = runAt
    }
}

/// An intent that the platform runs by itself at a time.
public struct NewDueIntent: Sendable {
    public var id: UUID
    public var kind: String
    /// JSON.
    public var payload: [UInt8]
    public var dueAt: Timestamp

    public init(id: UUID, kind: String, payload: [UInt8], dueAt: Timestamp) {
        self.id = id
        self.kind = kind
        self.payload = payload
        self.dueAt = dueAt
    }
}
