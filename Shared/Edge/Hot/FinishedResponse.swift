public import HTTPTypes
public import NIOCore

/// A response that needs nothing but to be sent.
public final class FinishedResponse: Sendable {
    /// 200 or 304.
    public let status: Int
    /// Those that are the same each time; not the date, nor what belongs to a connection or to one request.
    public let fields: FieldBlock
    /// Empty for a 304. A HEAD gets the fields without it.
    public let body: ByteBuffer

    public init(status: Int, fields: consuming FieldBlock, body: ByteBuffer) {
        self.status = status
        self.fields = fields
        self.body = body
    }

    /// What a 200 with these fields says, and a 304 in its place, which has no body to describe.
    public convenience init(status: Int, _ headers: HTTPFields, body: ByteBuffer) {
        var fields = FieldBlock()
        for field in headers where status == 200 || !Self.describing.contains(field.name) {
            fields.append(field.name.canonicalName, field.value)
        }
        fields.append("x-content-type-options", "nosniff")
        if status == 200 { fields.append("content-length", String(body.readableBytes)) }
        self.init(status: status, fields: fields, body: status == 200 ? body : ByteBuffer())
    }

    private static let describing: Set<HTTPField.Name> = [.contentType, .contentEncoding, .contentLength]
}
