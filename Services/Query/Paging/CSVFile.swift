import Edge
import EventSourcing
import HTTPTypes
import Hummingbird
import JSON
import NIOCore

/// A list as a CSV file (RFC 4180, UTF-8): a line for each document, in the list's order, streamed page by page.
///
/// Texts that a spreadsheet would take for a formula begin with an apostrophe: they come from people outside.
struct CSVFile: Sendable {
    /// The documents' members, by their dotted paths.
    var columns: [String]
    /// Of the file, without its ending.
    var name: String

    static func isWanted(by request: Request) -> Bool {
        let media = request.headers[values: .accept].flatMap { $0.split(separator: ",") }
        return media.contains { $0.prefix { $0 != ";" }.filter { $0 != " " }.lowercased() == "text/csv" }
    }

    /// - Parameter list: the whole of it is in the file, or as many as its limit says.
    func response(
        _ list: ListRequest, from source: any DocumentSource, of tenant: TenantID, _ standpoint: Standpoint
    ) async throws -> Response {
        var list = list
        if !list.isLimited { list.takeMost() }
        return try await response(standpoint, isWhole: !list.isLimited) { [list] (next: String?) in
            var list = list
            if let next { list.goOn(next) }
            let body = try await source.page(list, of: tenant)
            let json = try JSONValue(parsing: body.readableBytesView)
            return (json["data"]?.arrayValue ?? [], json["next"]?.stringValue)
        }
    }

    /// - Parameters:
    ///   - isWhole: whether the page after the first is wanted, and so on.
    ///   - page: the documents from this place on, nil being the beginning, and the place after them.
    func response<Place: Sendable>(
        _ standpoint: Standpoint, isWhole: Bool,
        page: @escaping @Sendable (Place?) async throws -> (documents: [JSONValue], next: Place?)
    ) async throws -> Response {
        // The first page comes before the status line, so that a failure can still be told by one.
        let first = try await page(nil)
        var headers = HTTPFields()
        headers[.contentType] = "text/csv; charset=utf-8; header=present"
        headers[.contentDisposition] = "attachment; filename=\"\(name).csv\""
        Caching.writeNever(to: &headers)
        standpoint.write(to: &headers)
        let body = ResponseBody { writer in
            var (documents, next) = first
            var lines = columns.map { $0.replacing(".", with: "_") }.joined(separator: ",") + "\r\n"
            while true {
                for document in documents { lines += line(document) }
                try await writer.write(ByteBuffer(string: lines))
                guard isWhole, let place = next else { break }
                (documents, next) = try await page(place)
                lines = ""
            }
            try await writer.finish(nil)
        }
        return Response(status: .ok, headers: headers, body: body)
    }

    func line(_ document: JSONValue) -> String {
        columns.map { Self.cell(Self.member($0, of: document)) }.joined(separator: ",") + "\r\n"
    }

    private static func member(_ path: String, of document: JSONValue) -> JSONValue? {
        path.split(separator: ".").reduce(document) { $0?[String($1)] }
    }

    private static func cell(_ value: JSONValue?) -> String {
        switch value {
        case nil, .null?: ""
        case .string(let string)?: text(string)
        case .array(let elements)? where elements.allSatisfy({ $0.stringValue != nil }):
            text(elements.compactMap(\.stringValue).joined(separator: " | "))
        case let value?: quoted(value.text)
        }
    }

    private static func text(_ text: String) -> String { quoted(isFormula(text) ? "'" + text : text) }

    private static func isFormula(_ text: String) -> Bool {
        text.utf8.first.map { "=+-@\t\r".utf8.contains($0) } ?? false
    }

    private static func quoted(_ text: String) -> String {
        guard text.utf8.contains(where: { "\",\r\n".utf8.contains($0) }) else { return text }
        return "\"" + text.replacing("\"", with: "\"\"") + "\""
    }
}
