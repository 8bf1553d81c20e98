/// An event as it lies in the log.
public struct StoredEvent: Sendable, Equatable {
    public var tenant: TenantID
    public var stream: StreamID
    /// Its place in its stream, from 1, without gaps.
    public var version: Int64
    /// Its place in the shard's log, from 1, without gaps.
    public var position: Int64
    /// The stored name: `ItemReceived`.
    public var type: String
    /// The version of the payload's shape, from 1.
    public var schema: Int
    /// The payload, JSON.
    public var data: [UInt8]
    public var metadata: Metadata
    public var recordedAt: Timestamp

    public init(
        tenant: TenantID, stream: StreamID, version: Int64, position: Int64, type: String, schema: Int, data: [UInt8],
        metadata: Metadata, recordedAt: Timestamp
    ) {
        self.tenant = tenant
        self.stream = stream
        self.version = version
        self.position = position
        self.type = type
        self.schema = schema
        self.data = data
        self.metadata = metadata
        self.recordedAt = recordedAt
    }
}
