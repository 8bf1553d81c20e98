public import EventSourcing

/// A tenant as a request sees it.
public struct Tenant: Equatable, Sendable {
    public var id: TenantID
    /// The shard, which is the schema, that holds its rows.
    public var shard: String
    /// Of the tenant's own stream.
    public var version: Int64
    public var record: TenantRecord

    public init(id: TenantID, shard: String, version: Int64, record: TenantRecord) {
        self.id = id
        self.shard = shard
        self.version = version
        self.record = record
    }

    public var slug: String { record.slug }
    public var currency: Currency { record.currency }
}
