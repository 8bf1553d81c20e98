public import EventSourcing
public import Postgres

/// What became of an intent. Only `appended` has changed anything.
public enum AppendOutcome: Sendable, Equatable {
    /// Durable, now.
    case appended(Receipt)
    /// The key had been used before: durable, then. `fingerprint` is the first request's.
    case replayed(Receipt, fingerprint: [UInt8])
    /// A stream it was decided on has moved to `actual`.
    case conflict(StreamID, actual: Int64)
    /// A value it wanted is held, or one it wanted absent is there.
    case claimed(kind: String, value: String, holder: StreamID)
}

/// The proof of an intent that took effect.
public struct Receipt: Sendable, Equatable {
    public var stream: StreamID
    public var version: Int64
    /// Of the intent's last event; its stream's last where it had none.
    public var position: Int64
    /// Of the intent's first event; its events follow without gaps. nil: the intent was already true.
    public var firstPosition: Int64?
    public var recordedAt: Timestamp

    public init(
        stream: StreamID, version: Int64, position: Int64, firstPosition: Int64?, recordedAt: Timestamp
    ) {
        self.stream = stream
        self.version = version
        self.position = position
        self.firstPosition = firstPosition
        self.recordedAt = recordedAt
    }
}

/// Why an intent has no outcome that can be told.
public enum AppendFailure: Error, Sendable {
    /// It was not appended and will not be: it was never sent, or Postgres rolled it back. Worth another try later.
    case unavailable(PostgresError)
    /// It was sent, and what became of it cannot be told; the same key finds out.
    case outcomeUnknown(PostgresError)
    /// Postgres refuses this intent itself, by a constraint or a type: a fault of the program.
    case refused(PostgresError)
    /// More intents wait than the appender takes.
    case overloaded
    /// The appender is shutting down and takes nothing more.
    case closed
}
