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

    func response(
        _ list: ListRequest, from source: any DocumentSource, of tenant: TenantID, _ standpoint: Standpoint
    ) async throws -> Response {
        var list = list
        if !list.isLimited { list.takeMost() }
        // The first page comes before the status line, so that a failure can still be told by one.
        let first = try await page(list, source, tenant)
        var headers = HTTPFields()
        headers[.contentType] = "text/csv; charset=utf-8; header=present"
        headers[.contentDisposition] = "attachment; filename=\"\(name).csv\""
        Caching.writeNever(to: &headers)
        standpoint.write(to: &headers)
        let body = ResponseBody { [list] writer in
            var (list, page) = (list, first)
            var lines = columns.map { $0.replacing(".", with: "_") }.joined(separator: ",") + "\r\n"
            while true {
                for document in page.documents { lines += line(document) }
                try await writer.write(ByteBuffer(string: lines))
                guard !list.isLimited, let next = page.next else { break }
                list.goOn(next)
                page = try await self.page(list, source, tenant)
                lines = ""
            }
            try await writer.finish(nil)
        }
        return Response(status: .ok, headers: headers, body: body)
    }

    private func page(
        _ list: ListRequest, _ source: any DocumentSource, _ tenant: TenantID
    ) async throws -> (documents: [JSONValue], next: String?) {
        let body = try await source.page(list, of: tenant)
        let json = try JSONValue(parsing: body.readableBytesView)
        return (json["data"]?.arrayValue ?? [], json["next"]?.stringValue)
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
        case .string(let text)?: quoted(isFormula(text) ? "'" + text : text)
        case .array(let elements)? where elements.allSatisfy({ $0.stringValue != nil }):
            quoted(elements.compactMap(\.stringValue).joined(separator: " | "))
        case let value?: quoted(value.text)
        }
    }

    private static func isFormula(_ text: String) -> Bool {
        text.utf8.first.map { "=+-@\t\r".utf8.contains($0) } ?? false
    }

    private static func quoted(_ text: String) -> String {
        guard text.utf8.contains(where: { "\",\r\n".utf8.contains($0) }) else { return text }
        return "\"" + text.replacing("\"", with: "\"\"") + "\""
    }
}
