import Edge
import JSON
import Photos

/// What `PhotoRoutes` offers.
enum PhotoDescription: APIWords {
    static let paths: JSONObject = [
        "/v1/photos": [
            "post": APIOperation(
                """
                Upload a photo, to be named in `photos` of items; places, times and everything else that is no picture are \
                taken out of it
                """, for: .members,
                body: .init(
                    ["type": "string", "format": "binary", "description": "JPEG, PNG or WebP, told by its content"],
                    media: PhotoType.allCases.map(\.media) + ["application/octet-stream"]),
                answers: [
                    .init(201, "Taken", taken, headers: [.location]),
                    .init(200, "The tenant has it already", taken, headers: [.location]),
                ], problems: [.invalidParameter, .unusablePhoto, .conflict, .notSetUp]
            ).json
        ],
        "/v1/photos/{name}": [
            "delete": APIOperation(
                "Take a photo away, whoever still names it", for: .members, parameters: [path("name", name)],
                answers: [.init(204, "It is gone", nil)], problems: [.notFound, .conflict, .notSetUp]
            ).json
        ],
    ]

    private static let name = text(
        like: #"^[0-9a-f]{64}\.(jpg|png|webp)$"#, String(repeating: "5a", count: 32) + ".jpg")

    private static let taken = object([
        "photo": string("its name: the SHA-256 of its bytes, and its type"),
        "url": string("what an item names it by; relative to the address of the query service"),
        "type": choice(PhotoType.allCases.map(\.media)),
        "width": ["type": "integer", "description": "pixels, as it is seen"], "height": ["type": "integer"],
        "bytes": ["type": "integer", "description": "without what was taken out"],
    ])
}
