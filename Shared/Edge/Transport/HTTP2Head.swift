import HTTPTypes
import NIOCore

/// The head of a request while it comes: its fields as they were sent, in bytes that are used again for the next one.
/// Nothing else is made of them until somebody asks.
///
/// The blocks of a connection's heads follow each other and are never interleaved (RFC 9113 §4.3), so that a connection
/// has one.
struct HTTP2Head: ~Copyable {
    private struct Span {
        var start: Int
        var nameLength: Int
        var valueLength: Int

        var name: Range<Int> { start..<start + nameLength }
        var value: Range<Int> { start + nameLength..<start + nameLength + valueLength }
    }

    private var bytes: [UInt8] = []
    private var fields: [Span] = []
    private var method: Span?
    private var path: Span?
    private var authority: Span?
    private var size = 0
    /// It is larger than the limits allow; what came beyond them is not here.
    private(set) var isTooLarge = false

    mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        fields.removeAll(keepingCapacity: true)
        method = nil
        path = nil
        authority = nil
        size = 0
        isTooLarge = false
    }

    /// Takes up a field, whose name nghttp2 has found to be lower-case and legal. It counts as RFC 9113 §6.5.2 says.
    mutating func append(
        _ name: UnsafeBufferPointer<UInt8>, _ value: UnsafeBufferPointer<UInt8>, limits: TransportLimits
    ) {
        size += name.count + value.count + 32
        guard size <= limits.headBytes, fields.count < limits.fields else { return isTooLarge = true }
        let span = Span(start: bytes.count, nameLength: name.count, valueLength: value.count)
        bytes.append(contentsOf: name)
        bytes.append(contentsOf: value)
        guard name.first == UInt8(ascii: ":") else { return fields.append(span) }
        // nghttp2 lets each come once, and none that is unknown.
        switch (name.count, name[1]) {
        case (7, UInt8(ascii: "m")): method = span
        case (5, UInt8(ascii: "p")): path = span
        case (10, UInt8(ascii: "a")): authority = span
        default: break
        }
    }

    private func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }

    var isGet: Bool { isMethod("GET") }
    var isHead: Bool { isMethod("HEAD") }

    private func isMethod(_ name: StaticString) -> Bool {
        guard let method, method.valueLength == name.utf8CodeUnitCount else { return false }
        return name.withUTF8Buffer { bytes[method.value].elementsEqual($0) }
    }

    /// The value of the first field of this name.
    func value(_ name: StaticString) -> String? {
        let span = fields.first { span in
            span.nameLength == name.utf8CodeUnitCount
                && name.withUTF8Buffer { bytes[span.name].elementsEqual($0) }
        }
        return span.map { text($0.value) }
    }

    /// What the hot path needs of it; nil where it is no GET or HEAD.
    func hot() -> HotRequest? {
        let isHead = isHead
        guard isHead || isGet, let path else { return nil }
        var known = HotFields()
        bytes.withUnsafeBufferPointer { all in
            for span in fields { known.take(UnsafeBufferPointer(rebasing: all[span.name]), span.value, in: bytes) }
        }
        return HotRequest(isHead: isHead, target: path.value, known, in: bytes)
    }

    /// nil: a method that is none, or no path.
    func request(isSecure: Bool) -> HTTPRequest? {
        guard let method, let method = HTTPRequest.Method(text(method.value)), let path else { return nil }
        var headers = HTTPFields()
        headers.reserveCapacity(fields.count)
        var host = authority.map { text($0.value) }
        var cookie: String?
        for span in fields {
            guard let name = FieldNames.name(text(span.name)) else { continue }
            let value = text(span.value)
            if name == .host {
                if host == nil { host = value }
            } else if name == .cookie {
                // Clients cut it into crumbs, so that those that stay the same need not be sent (RFC 9113 §8.2.3).
                cookie = cookie.map { "\($0); \(value)" } ?? value
            } else {
                headers.append(HTTPField(name: name, value: value))
            }
        }
        if let cookie { headers[.cookie] = cookie }
        return HTTPRequest(
            method: method, scheme: isSecure ? "https" : "http", authority: host, path: text(path.value),
            headerFields: headers)
    }

    /// Those that nghttp2 does not know by itself to be another each time.
    private static let unique: Set<HTTPField.Name> = [.correlationID, .traceparent, .closterPosition]

    /// Lays out a response's fields but those that are about a connection, which HTTP/2 forbids (RFC 9113 §8.2.2).
    static func write(_ head: HTTPResponse, to block: inout FieldBlock) {
        for field in head.headerFields {
            switch field.name.canonicalName {
            case "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade": break
            case let name: block.append(name, field.value, isUnique: Self.unique.contains(field.name))
            }
        }
    }
}
