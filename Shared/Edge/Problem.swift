public import Foundation
public import HTTPTypes
import Hummingbird
import JSON

/// One field, parameter or rule at fault.
public struct FieldError: Equatable, Sendable {
    /// A JSON pointer (RFC 6901) into the body, `/photos/3`; for a query parameter `/name`.
    public var pointer: String
    /// Stable, for programs.
    public var code: String
    /// For people.
    public var detail: String

    public init(pointer: String, code: String, detail: String) {
        self.pointer = pointer
        self.code = code
        self.detail = detail
    }
}

/// A refusal as the contract's clients see it (RFC 9457). Thrown anywhere below a route, it becomes the answer.
public struct Problem: Error, Sendable {
    public static let contentType = "application/problem+json"

    public var code: Code
    /// What is wrong this time, for people: shown to the client, so without internals.
    public var detail: String
    public var errors: [FieldError]
    /// Fields to send along, such as Allow.
    public var headers: HTTPFields

    /// - Parameters:
    ///   - detail: the code's explanation where nothing more is known.
    ///   - retryAfter: seconds, for Retry-After; codes with status 429 and 503 always send one, 1 unless given.
    public init(_ code: Code, _ detail: String? = nil, errors: [FieldError] = [], retryAfter: Int? = nil) {
        self.code = code
        self.detail = detail ?? code.explanation
        self.errors = errors
        self.headers = [:]
        if let seconds = retryAfter ?? (code.status == 503 || code.status == 429 ? 1 : nil) {
            headers[.retryAfter] = "\(seconds)"
        }
        if code == .unauthenticated { headers[.wwwAuthenticate] = "Bearer realm=\"closter\"" }
    }

    public var status: HTTPResponse.Status { HTTPResponse.Status(code: code.status) }

    /// The body of the answer.
    public func bytes(correlationID: UUID) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        writer.member("type", code.type)
        writer.member("title", code.title)
        writer.member("status", Int64(code.status))
        writer.member("detail", detail)
        writer.member("code", code.code)
        writer.member("correlation_id", correlationID.uuidString.lowercased())
        if !errors.isEmpty {
            writer.key("errors")
            writer.array { writer in
                for error in errors {
                    writer.object { writer in
                        writer.member("pointer", error.pointer)
                        writer.member("code", error.code)
                        writer.member("detail", error.detail)
                    }
                }
            }
        }
        writer.endObject()
        return writer.bytes
    }

    func response(correlationID: UUID) -> Response {
        var headers = headers
        headers[.contentType] = Self.contentType
        headers[.cacheControl] = "no-store"
        return Response(
            status: status, headers: headers,
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes(correlationID: correlationID))))
    }
}
