import Foundation
import JSON
import Postgres

/// A tenant with listings of its own, and who reads them.
struct Shop: Sendable {
    let instance: Instance
    let tenant = Instance.slug(0)
    /// Published; each about a kilobyte.
    let listings: [String]
    let items: [String]
    let publishable: String
    let secret: String

    /// Receives, offers and publishes, through the command service.
    init(_ instance: Instance, listings count: Int) async throws {
        self.instance = instance
        func made(_ path: String, _ body: JSONValue) async throws -> JSONValue {
            try await instance.write(path, body, tenant: Instance.slug(0))
        }
        func key(_ kind: String) async throws -> String {
            try await made("/v1/keys", ["kind": .string(kind), "name": "bench"])["key"]?.stringValue ?? ""
        }
        publishable = try await key("publishable")
        secret = try await key("secret")
        var (listings, items): ([String], [String]) = ([], [])
        for number in 0..<count {
            let item = try await made("/v1/items", Self.item(number))["id"] ?? .null
            let listing = try await made(
                "/v1/listings", ["item_id": item, "price": ["amount": 20_000, "currency": "PLN"]])["id"]?.stringValue
            _ = try await made("/v1/listings/\(listing ?? "")/publish", [:])
            listings.append(listing ?? "")
            items.append(item.stringValue ?? "")
        }
        self.listings = listings
        self.items = items
        _ = try await instance.settled()
    }

    private static func item(_ number: Int) -> JSONValue {
        [
            "title": .string("Nordhem coat \(number)"), "condition": "good", "brand": "Nordhem", "category": "Coats",
            "size": "38", "color": "black", "material": "wool",
            "description": """
            Worn a few times, cleaned and checked. The seams are firm, the lining is whole, all buttons are there.
            """,
            "photos": ["https://cdn.example.com/1.jpg", "https://cdn.example.com/2.jpg"],
            "attributes": ["tags": ["second-hand", "coats"]],
        ]
    }

    var port: Int { URL(string: instance.query)?.port ?? 0 }

    /// As HTTP/1.1 sends it.
    static func request(_ method: String = "GET", _ target: String, _ fields: [String]) -> [UInt8] {
        Array("\(method) \(target) HTTP/1.1\r\nhost: localhost\r\n\(fields.map { $0 + "\r\n" }.joined())\r\n".utf8)
    }

    /// What the answer is now, by whoever asks; kept or not as it comes.
    func body(_ listing: String, _ fields: [String] = []) async throws -> [UInt8] {
        let (port, key) = (port, publishable)
        return try await onThread {
            let connection = try Loopback(port: port)
            try connection.send(Self.request("GET", "/v1/listings/\(listing)", ["closter-key: \(key)"] + fields))
            return try connection.receive { answer in
                guard answer.status == 200 else { throw Failure("\(listing): \(answer.status)") }
                return Array(answer.body)
            }
        }
    }
}
