import Documents
import Edge
import EventSourcing
import Foundation
import HTTPTypes
import Hummingbird
import Identity
import NIOCore
import Postgres

/// `GET /v1/imports/{id}`: an import's progress and report.
///
/// The report is streamed in chunks, however long it is; it has no ETag, because its bytes are not known before the
/// last is sent. `lines=none` leaves the lines out, for progress; `lines=rejected` (or another outcome) keeps only
/// those. `counts` speak of all lines in any case.
struct ImportRoutes: Sendable {
    var pool: PostgresPool
    var standpoints: Standpoints

    func add(to router: EdgeRouter) {
        router.get("/v1/imports/:id", use: one)
    }

    static let choices = ["all", "none"] + ImportOutcome.allCases.map(\.rawValue)

    @Sendable func one(_ request: Request, _ context: EdgeContext) async throws -> Response {
        let tenant = try context.operatorsTenant().id
        let id = try context.id("id", prefix: "import")
        var parameters = QueryParameters(request)
        let lines = parameters.choice("lines", Self.choices) ?? "all"
        try parameters.finish()
        let standpoint = try await standpoints.tables(for: try context.tenant(), request)
        let reader = ImportReader(pool: pool)
        guard let record = try await reader.record(id, of: tenant) else {
            throw Problem(.notFound, "there is no such import")
        }
        let counts = record.counts == nil ? try await reader.counts(id, of: tenant) : nil
        let outcome = ImportOutcome(rawValue: lines)
        // The first chunk comes before the status line, so that a failure can still be told by one.
        let first = lines == "none" ? [] : try await reader.lines(id, of: tenant, after: 0, outcome: outcome)
        var headers = HTTPFields()
        headers[.contentType] = "application/json; charset=utf-8"
        Caching.writeNever(to: &headers)
        standpoint.write(to: &headers)
        let body = ResponseBody { writer in
            var document = ImportDocument(record, counts: counts)
            var chunk = first
            while true {
                for line in chunk { document.add(line) }
                guard chunk.count == ImportReader.chunk, let last = chunk.last else { break }
                try await writer.write(ByteBuffer(bytes: document.take()))
                chunk = try await reader.lines(
                    id, of: tenant, after: Int32(clamping: last.line), outcome: outcome)
            }
            try await writer.write(ByteBuffer(bytes: document.end()))
            try await writer.finish(nil)
        }
        return Response(status: .ok, headers: headers, body: body)
    }
}
