public import Foundation
public import JSON

extension JSONWriter {
    /// RFC 3339 as `Timestamp.rfc3339` writes it, null for nil.
    public mutating func timestamp(_ time: Timestamp?) {
        guard let time else { return null() }
        plainString { time.append(to: &$0) }
    }

    /// In lower case, null for nil.
    public mutating func uuid(_ uuid: UUID?) {
        guard let uuid else { return null() }
        plainString { uuid.append(to: &$0) }
    }

    /// A public identifier, null for nil.
    public mutating func typeID(_ prefix: String, _ uuid: UUID?) {
        guard let uuid else { return null() }
        plainString { TypeID(prefix: prefix, uuid: uuid).append(to: &$0) }
    }
}
