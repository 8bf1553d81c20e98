import Foundation
import JSON
import Postgres
import Synchronization
import TestSupport
import Testing

/// SKUs that two command services give on one database.
@Suite(.serialized) struct SKUTests {
    private static let clients = 16
    private static let batch = 100
    private static let batches = 100

    private final class Work: Sendable {
        private let begun = Mutex(0)
        private let requests = Mutex<[Instance.Service: Int]>([:])

        /// A batch that nobody has begun; nil: there is none left.
        func next() -> Int? {
            begun.withLock { begun in
                guard begun < batches else { return nil }
                defer { begun += 1 }
                return begun
            }
        }

        /// Requests, by the service that has answered them.
        var answered: [Instance.Service: Int] { requests.withLock { $0 } }

        func answered(by service: Instance.Service) { requests.withLock { $0[service, default: 0] += 1 } }
    }

    @Test func `ten thousand SKUs for sixteen clients of two services are all different, over a kill of one`()
        async throws
    {
        try await Instance.with { instance in
            try await instance.start(.twin)
            let location = try await instance.write(
                "POST", "/v1/locations", ["code": "A-1", "name": "Shelf", "kind": "store"])["id"]
            let work = Work()
            let skus = try await withThrowingTaskGroup(of: [String].self) { group in
                for client in 0..<Self.clients {
                    group.addTask {
                        var skus: [String] = []
                        while let number = work.next() {
                            // Others are in the middle of something with it.
                            if number == Self.batches / 2 { await instance.kill(.twin) }
                            if number == Self.batches * 3 / 4 { try await instance.start(.twin) }
                            skus += try await Self.receive(number, at: location) { path, body in
                                let (service, answer) = try await Self.post(
                                    path, body, key: "\(number)\(path)", client, instance)
                                work.answered(by: service)
                                return answer
                            }
                        }
                        return skus
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(skus.count == Self.batch * Self.batches)
            #expect(Set(skus).count == skus.count)
            // Both have taken part: a quarter of all requests at least, four for a batch.
            let answered = work.answered
            #expect([.command, .twin].allSatisfy { answered[$0, default: 0] >= Self.batches }, "\(answered)")

            let administrator = try await instance.database.connect()
            let held = try await administrator.query("SELECT value FROM main.claims WHERE kind = 'sku'")
                .map { try $0.decode(0, as: String.self) }
            #expect(Set(held) == Set(skus))
            await administrator.close()
        }
    }

    /// Brings a batch in, and gives the SKUs that its items got.
    private static func receive(
        _ number: Int, at location: JSONValue, post: (String, JSONValue) async throws -> Instance.Answer
    ) async throws -> [String] {
        let intake = try await post("/v1/intakes", ["location_id": location])["id"].stringValue ?? ""
        let coats = Array(repeating: ["title": "Coat", "condition": "good"] as JSONValue, count: batch)
        let entered = try await post("/v1/intakes/\(intake)/items", ["items": .array(coats)])
        _ = try await post("/v1/intakes/\(intake)/submit", [:])
        let verdicts = (entered["items"].arrayValue ?? []).map { id in
            ["item_id": id, "outcome": "accepted"] as JSONValue
        }
        let received = try await post("/v1/intakes/\(intake)/receive", ["items": .array(verdicts)])
        return (received["items"].arrayValue ?? []).compactMap { $0["sku"]?.stringValue }
    }

    /// Sends a request, under one key, until one of the services answers it.
    private static func post(
        _ path: String, _ body: JSONValue, key: String, _ client: Int, _ instance: Instance
    ) async throws -> (Instance.Service, Instance.Answer) {
        let services: [Instance.Service] = client.isMultiple(of: 2) ? [.command, .twin] : [.twin, .command]
        let headers = instance.asOperator.merging(["Content-Type": "application/json", "Idempotency-Key": key]) { $1 }
        var turn = 0
        var answered: (Instance.Service, Instance.Answer)?
        try await eventually("POST \(path) is answered") {
            let service = services[turn % 2]
            turn += 1
            let answer = try await instance.send("POST", service, path, headers, body: body.bytes)
            guard (200...299).contains(answer.status) else { throw Instance.Failure(answer.text) }
            answered = (service, answer)
            return true
        }
        return try #require(answered)
    }
}
