import Foundation
import HTTPTypes
import NIOCore
import NIOHTTP1
import Synchronization

/// Between the parser's words and those of the framework.
enum HTTP1Head {
    /// nil: a method that is none.
    static func request(_ head: HTTPRequestHead, isSecure: Bool) -> HTTPRequest? {
        guard let method = method(head.method) else { return nil }
        var fields = HTTPFields()
        fields.reserveCapacity(head.headers.count)
        var authority: String?
        for (name, value) in head.headers {
            guard let name = FieldNames.name(name) else { continue }
            if name == .host {
                if authority == nil { authority = value }
            } else {
                fields.append(HTTPField(name: name, value: value))
            }
        }
        return HTTPRequest(
            method: method, scheme: isSecure ? "https" : "http", authority: authority, path: head.uri,
            headerFields: fields)
    }

    /// What the hot path needs of it; nil where it is no GET or HEAD.
    ///
    /// - Parameter room: for the bytes of it, from one request to the next.
    static func hot(_ head: HTTPRequestHead, room: inout [UInt8]) -> HotRequest? {
        guard head.method == .GET || head.method == .HEAD else { return nil }
        return HotRequest(isHead: head.method == .HEAD, target: head.uri, head.headers, room: &room)
    }

    /// Writes a response that is laid out.
    static func write(
        _ response: FinishedResponse, _ own: borrowing FieldBlock, _ more: [StaticString], to buffer: inout ByteBuffer
    ) {
        buffer.writeStaticString(response.status == 304 ? "HTTP/1.1 304 Not Modified\r\n" : "HTTP/1.1 200 OK\r\n")
        buffer.writeBytes(response.fields.lines)
        buffer.writeBytes(own.lines)
        for line in more { buffer.writeStaticString(line) }
        writeEnd(to: &buffer)
    }

    private static func writeEnd(to buffer: inout ByteBuffer) {
        buffer.writeStaticString("date: ")
        buffer.writeString(HTTPDate.now)
        buffer.writeStaticString("\r\n\r\n")
    }

    private static func method(_ method: HTTPMethod) -> HTTPRequest.Method? {
        switch method {
        case .GET: .get
        case .HEAD: .head
        case .POST: .post
        case .PUT: .put
        case .PATCH: .patch
        case .DELETE: .delete
        case .OPTIONS: .options
        default: HTTPRequest.Method(method.rawValue)
        }
    }

    /// Writes the status line and the fields, and the line that ends them.
    static func write(_ head: HTTPResponse, _ more: [StaticString], to buffer: inout ByteBuffer) {
        buffer.writeStaticString("HTTP/1.1 ")
        buffer.writeString("\(head.status.code)")
        buffer.writeStaticString(" ")
        buffer.writeString(HTTPResponseStatus(statusCode: head.status.code).reasonPhrase)
        buffer.writeStaticString("\r\n")
        for field in head.headerFields {
            buffer.writeString(field.name.rawName)
            buffer.writeStaticString(": ")
            buffer.writeString(field.value)
            buffer.writeStaticString("\r\n")
        }
        for line in more { buffer.writeStaticString(line) }
        writeEnd(to: &buffer)
    }
}

/// The names of fields, most of which come again and again and need not be examined each time.
enum FieldNames {
    private static let known = Mutex<[String: HTTPField.Name]>([:])
    /// Clients choose names: only so many are remembered.
    private static let most = 256

    static func name(_ text: String) -> HTTPField.Name? {
        if let name = known.withLock({ $0[text] }) { return name }
        guard let name = HTTPField.Name(text) else { return nil }
        known.withLock { known in if known.count < most { known[text] = name } }
        return name
    }
}

extension HTTPField.Name {
    static let host = Self("Host") ?? .accept
}

/// The time as responses carry it (RFC 9110 §5.6.7), written once a second.
enum HTTPDate {
    private static let last = Mutex<(second: Int, text: String)>((0, ""))

    static var now: String {
        let second = time(nil)
        return last.withLock { last in
            if last.second != second { last = (second, text(second)) }
            return last.text
        }
    }

    private static func text(_ second: Int) -> String {
        var second = second, parts = tm()
        gmtime_r(&second, &parts)
        let day = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"][Int(parts.tm_wday)]
        let month = [
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
        ][Int(parts.tm_mon)]
        func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return "\(day), \(two(parts.tm_mday)) \(month) \(1900 + parts.tm_year) "
            + "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec)) GMT"
    }
}
