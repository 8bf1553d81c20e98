public import HTTPTypes
public import Hummingbird
public import JSON
public import NIOCore

extension Edge {
    /// The largest JSON body: 1 MiB.
    public static let bodyLimit = 1 << 20
}

extension Request {
    /// A header field that may be there once.
    public func header(_ name: HTTPField.Name) throws(Problem) -> String? {
        let values = headers[values: name]
        guard values.count <= 1 else { throw Problem(.invalidHeader, "\(name.canonicalName) is sent more than once.") }
        return values.first
    }

    /// Refuses a body of another media type, of another charset than UTF-8, or compressed: 415.
    public func requireContentType(_ types: [String]) throws(Problem) {
        let refusal = Problem(.unsupportedMediaType, "Content-Type must be \(types.joined(separator: " or ")).")
        guard let field = try header(.contentType) else { throw refusal }
        let parts = field.split(separator: ";").map { $0.trimmed.lowercased() }
        guard let type = parts.first, types.contains(type) else { throw refusal }
        for parameter in parts.dropFirst() where parameter.hasPrefix("charset=") {
            let charset = parameter.dropFirst("charset=".count).filter { $0 != "\"" }
            guard charset == "utf-8" || charset == "utf8" else {
                throw Problem(.unsupportedMediaType, "The charset must be UTF-8.")
            }
        }
        if let encoding = try header(.contentEncoding), encoding.lowercased() != "identity" {
            throw Problem(.unsupportedMediaType, "The body must not be compressed.")
        }
    }

    /// The whole body, 413 where it is larger than `limit` bytes.
    public func bytes(limit: Int) async throws -> [UInt8] {
        try refuseAnnouncedSize(above: limit)
        var bytes: [UInt8] = []
        for try await part in body {
            guard bytes.count + part.readableBytes <= limit else { throw Problem.tooLarge(limit) }
            bytes.append(contentsOf: part.readableBytesView)
        }
        return bytes
    }

    /// The body in parts as they arrive, for what does not fit into memory. Fails with 413 past `limit` bytes.
    public func parts(limit: Int) throws(Problem) -> LimitedBody {
        try refuseAnnouncedSize(above: limit)
        return LimitedBody(body: body, limit: limit)
    }

    /// The body as a JSON object: 415 for another media type, 413 for a large one, 400 for what is not JSON or names a
    /// key twice, 422 for a body that is no object or holds U+0000.
    /// - Parameter allowEmpty: an empty body is an empty object then, and needs no Content-Type.
    public func jsonObject(limit: Int = Edge.bodyLimit, allowEmpty: Bool = false) async throws -> JSONObject {
        try refuseAnnouncedSize(above: limit)
        // Before the body is read: a wrong type need not be sent to the end.
        if !allowEmpty { try requireContentType(["application/json"]) }
        let bytes = try await bytes(limit: limit)
        if allowEmpty {
            if bytes.isEmpty { return [:] }
            try requireContentType(["application/json"])
        }
        let value: JSONValue
        do {
            value = try JSONValue(parsing: bytes)
        } catch {
            throw Problem(json: error)
        }
        guard let object = value.objectValue else {
            throw Problem(
                .invalidFields,
                errors: [FieldError(pointer: "", code: "wrong_type", detail: "must be an object, not \(value.kind)")])
        }
        return object
    }

    private func refuseAnnouncedSize(above limit: Int) throws(Problem) {
        if let announced = headers[.contentLength].flatMap({ Int($0) }), announced > limit {
            throw Problem.tooLarge(limit)
        }
    }
}

/// A request's body that ends with a 413 problem when it grows too large.
public struct LimitedBody: AsyncSequence, Sendable {
    let body: RequestBody
    let limit: Int

    public func makeAsyncIterator() -> Iterator {
        Iterator(base: body.makeAsyncIterator(), limit: limit)
    }

    public struct Iterator: AsyncIteratorProtocol {
        var base: RequestBody.AsyncIterator
        let limit: Int
        var count = 0

        public mutating func next() async throws -> ByteBuffer? {
            guard let part = try await base.next() else { return nil }
            count += part.readableBytes
            guard count <= limit else { throw Problem.tooLarge(limit) }
            return part
        }
    }
}

extension Problem {
    static func tooLarge(_ limit: Int) -> Problem {
        Problem(.tooLarge, "The body is larger than \(limit) bytes.")
    }

    /// A body that the parser refused.
    public init(json error: JSONParseError) {
        if case .nullCharacter = error.code {
            self.init(
                .invalidFields,
                errors: [
                    FieldError(pointer: error.pointer, code: "null_character", detail: "must not contain U+0000")
                ])
        } else {
            self.init(.malformedJSON, error.message)
        }
    }
}

extension StringProtocol {
    /// Without the white space that HTTP allows round a field's value (RFC 9110 §5.6.3). Over bytes: a token has
    /// hundreds of characters, and every request has one.
    var trimmed: String {
        func isInk(_ byte: UInt8) -> Bool { byte != UInt8(ascii: " ") && byte != UInt8(ascii: "\t") }
        let text = Substring(self)
        guard let first = text.utf8.firstIndex(where: isInk), let last = text.utf8.lastIndex(where: isInk) else {
            return ""
        }
        return String(text[first..<text.utf8.index(after: last)])
    }
}
