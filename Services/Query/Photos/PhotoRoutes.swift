import Edge
import EventSourcing
import HTTPTypes
import Hummingbird
import Identity
import Logging
import NIOCore
import Photos
import Postgres

/// `GET /v1/photos/{name}`: a photo of the tenant's, for its members and keys, as it was taken in or at a smaller width.
///
/// It is streamed from the store as fast as the client takes it.
struct PhotoRoutes: Sendable {
    var pool: PostgresPool
    /// nil: there is no place for photos here.
    var store: (any PhotoStore)?
    var sizes: PhotoSizes?

    static let widths = PhotoKey.widths.map(String.init)
    private static let portion = 64 << 10

    func add(to router: EdgeRouter) { router.get("/v1/photos/:name", use: one) }

    @Sendable private func one(_ request: Request, _ context: EdgeContext) async throws -> Response {
        var parameters = QueryParameters(request)
        let width = parameters.choice("width", Self.widths).flatMap { Int($0) }
        // Of who asks, and read by then.
        _ = parameters.text("key")
        try parameters.finish()
        let tenant = try context.tenant().id
        guard let store else { throw Problem(.notSetUp, "CLOSTER_PHOTOS names no place for photos") }
        let unknown = Problem(.notFound, "there is no such photo")
        guard let name = PhotoName(try context.parameter("name")), let known = try await find(name, of: tenant)
        else { throw unknown }
        let key = PhotoKey(tenant: tenant, name: name, width: width.flatMap { $0 < known.width ? $0 : nil })

        var headers = HTTPFields()
        let tag = key.width.map { "\"\(name.hash)-\($0)\"" } ?? "\"\(name.hash)\""
        headers[.eTag] = tag
        Caching.writeImmutable(to: &headers)
        if let tags = request.headers[.ifNoneMatch], EntityTag.matches(tags, tag) {
            return Response(status: .notModified, headers: headers)
        }
        guard let photo = try await open(key, bytes: known.bytes, in: store, context) else { throw unknown }
        headers[.contentType] = name.type.media
        headers[.contentDisposition] = "inline"
        let body = ResponseBody(contentLength: photo.size) { writer in
            var left = photo.size
            while left > 0 {
                let part = try await photo.read(upTo: min(left, Self.portion))
                guard !part.isEmpty else { throw CutShort() }
                left -= part.count
                try await writer.write(ByteBuffer(bytes: part))
            }
            try await writer.finish(nil)
        }
        return Response(status: .ok, headers: headers, body: body)
    }

    /// nil where the tenant does not have it.
    private func find(_ name: PhotoName, of tenant: TenantID) async throws -> (width: Int, bytes: Int)? {
        let rows = try await pool.query(
            """
            SELECT p.width, p.bytes FROM main.photos p
            WHERE p.tenant_id = \(tenant.uuid) AND p.name = \(name.description)
            """, tenant: tenant.uuid, lane: .fast)
        return try rows.first.map { (try $0.decode(0), try $0.decode(1)) }
    }

    private func open(
        _ key: PhotoKey, bytes: Int, in store: any PhotoStore, _ context: EdgeContext
    ) async throws -> (any StoredPhoto)? {
        do {
            let photo = try await store.open(key)
            if key.width != nil, let sizes {
                if let photo { return photo }
                try await sizes.make(key) { try await find(key.name, of: key.tenant) != nil }
                return try await store.open(key)
            }
            // Nobody may keep for a year what is not the photo.
            if let photo, photo.size == bytes { return photo }
            context.logger.error("a photo is missing from the store", metadata: ["photo": "\(key.name)"])
            return nil
        } catch let error where !(error is Problem || error is PostgresError) {
            context.logger.error("the photos' store fails", metadata: ["error": "\(error)"])
            throw Problem(.unavailable, "the store of photos does not answer now", retryAfter: 5)
        }
    }

    /// There is less than there was.
    private struct CutShort: Error {}
}
