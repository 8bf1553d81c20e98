import Crypto
import Edge
import EventSourcing
import HTTPTypes
import Hummingbird
import Identity
import JSON
import Logging
import Photos
import Runtime

/// `POST /v1/photos` and `DELETE /v1/photos/{name}`.
///
/// A photo is named by its bytes, so that the same one twice is one, and needs no key to be sent again.
struct PhotoRoutes: Routes {
    let records: PhotoRecords
    /// nil: there is no place for photos here.
    let store: (any PhotoStore)?
    /// The largest file, in bytes.
    let limit: Int
    /// Of the query service.
    let queryURL: String
    /// Taking a file apart needs it whole in memory.
    private let turns = Turns(4)
    private let locks = KeyedLock<PhotoKey>()

    /// Bytes that are gathered before they are written to disk.
    private static let portion = 256 << 10

    func add(to router: EdgeRouter) {
        router.post("/v1/photos", use: upload)
        router.delete("/v1/photos/:name", use: remove)
    }

    @Sendable private func upload(_ request: Request, _ context: EdgeContext) async throws -> Response {
        let tenant = try context.require(.photosWrite).id
        let actor = try context.principal().actor
        var parameters = QueryParameters(request)
        try parameters.finish()
        _ = try request.idempotencyKey()
        let store = try placed()
        let (spool, rest) = try await Self.receive(try request.parts(limit: limit))
        return try await turns.take {
            let photo = try Self.clean(try await spool.bytes() + rest)
            let key = PhotoKey(
                tenant: tenant, name: PhotoName(sha256: SHA256.hash(data: photo.bytes), type: photo.type))
            let isNew = try await held(key) {
                try await stored(context) { try await store.put(photo.bytes, key) }
                return try await records.add(key.name, photo, by: actor, to: tenant)
            }
            return answer(key.name, photo, isNew: isNew)
        }
    }

    /// What items name it by stays: they show a photo that is not there.
    @Sendable private func remove(_ request: Request, _ context: EdgeContext) async throws -> Response {
        let tenant = try context.require(.photosWrite).id
        let store = try placed()
        let unknown = Problem(.notFound, "there is no such photo")
        guard let name = PhotoName(try context.parameter("name")) else { throw unknown }
        try await held(PhotoKey(tenant: tenant, name: name)) {
            let wasThere = try await records.remove(name, of: tenant)
            // Also where there was no row: what broke off after it was taken away is finished by asking again.
            try await stored(context) {
                for key in PhotoKey.all(of: name, tenant) { try await store.remove(key) }
            }
            guard wasThere else { throw unknown }
        }
        return Response(status: .noContent)
    }

    private func placed() throws(Problem) -> any PhotoStore {
        guard let store else { throw Problem(.notSetUp, "CLOSTER_PHOTOS names no place for photos") }
        return store
    }

    // MARK: - The file

    /// Takes the file in. What it is not is found out by its first bytes, whatever the client calls it.
    ///
    /// - Returns: what was written to disk, and the end, which was not.
    private static func receive(_ parts: LimitedBody) async throws -> (Spool, [UInt8]) {
        let spool = try await Spool()
        var bytes: [UInt8] = []
        var isKnown = false
        for try await part in parts {
            bytes += part.readableBytesView
            if !isKnown, bytes.count >= PhotoType.signature {
                guard PhotoType(beginning: bytes) != nil else { throw Problem(PhotoFault.unknownType) }
                isKnown = true
            }
            if bytes.count >= portion {
                try await spool.append(bytes)
                bytes.removeAll(keepingCapacity: true)
            }
        }
        return (spool, bytes)
    }

    private static func clean(_ file: [UInt8]) throws(Problem) -> CleanPhoto {
        do throws(PhotoFault) {
            return try CleanPhoto.cleaning(file)
        } catch {
            throw Problem(error)
        }
    }

    // MARK: - The store

    /// Between a row and its bytes nobody comes.
    private func held<Value>(_ key: PhotoKey, _ body: () async throws -> Value) async throws -> Value {
        do {
            return try await locks.withLock(key, patience: .seconds(10), body)
        } catch is KeyedLock<PhotoKey>.TimedOut {
            throw Problem(.conflict)
        }
    }

    private func stored(_ context: EdgeContext, _ body: () async throws -> Void) async throws {
        do {
            try await body()
        } catch {
            context.logger.error("the photos' store fails", metadata: ["error": "\(error)"])
            throw Problem(.unavailable, "the store of photos does not take anything now", retryAfter: 5)
        }
    }

    // MARK: - The answer

    private func answer(_ name: PhotoName, _ photo: CleanPhoto, isNew: Bool) -> Response {
        var writer = JSONWriter()
        writer.beginObject()
        writer.member("photo", name.description)
        writer.member("url", name.path)
        writer.member("type", name.type.media)
        writer.member("width", Int64(photo.size.width))
        writer.member("height", Int64(photo.size.height))
        writer.member("bytes", Int64(photo.bytes.count))
        writer.endObject()
        return Response.json(
            writer.bytes, status: isNew ? .created : .ok, headers: [.location: queryURL + name.path])
    }
}

extension Problem {
    init(_ fault: PhotoFault) {
        func unusable(_ code: String, _ detail: String) -> Problem {
            Problem(.unusablePhoto, detail, errors: [.init(pointer: "", code: code, detail: detail)])
        }
        self =
            switch fault {
            case .unknownType: Problem(.unsupportedMediaType, "the file is neither JPEG nor PNG nor WebP")
            case .truncated: unusable("truncated", "the file ends before its end")
            case .damaged(let how): unusable("damaged", "the file is damaged: \(how)")
            case .unsupported(let what): unusable("unsupported", "the file cannot be taken: it is \(what)")
            case .dimensions(let width, let height):
                unusable(
                    "out_of_range",
                    """
                    the picture has \(width) × \(height) pixels: neither may be 0 or more than \(PhotoSize.longestSide), \
                    and all together not more than \(PhotoSize.mostPixels)
                    """)
            }
    }
}
