import Documents
import EventSourcing
import Foundation
import JSON
import Logging
import Postgres
import Synchronization
import TestSupport

@testable import Projector

/// Writes and reads that go on until they are told to stop, and the proof that every answer was right: the fold of the
/// log at some position from the answer's `Closter-Position` to the log's head read after it.
final class SteadyLoad: Sendable {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// One answer of `GET /v1/listings/{id}`.
    private struct Answer: Sendable {
        var listing: UUID
        var lower: Int64
        var upper: Int64
        var digest: Int
        var seconds: Double
    }

    private struct State {
        var answers: [Answer] = []
        var failures: [String] = []
        var writes = 0
    }

    private let instance: Instance
    private let listings: [(listing: String, item: String)]
    private let state = Mutex(State())
    private let isOver = Flag()

    var failures: [String] { state.withLock { $0.failures } }
    var writes: Int { state.withLock { $0.writes } }
    var reads: Int { state.withLock { $0.answers.count } }

    private init(_ instance: Instance, _ listings: [(listing: String, item: String)]) {
        self.instance = instance
        self.listings = listings
    }

    /// Keeps the load up while `body` runs, then checks every answer.
    static func during(
        _ instance: Instance, listings count: Int = 40, readers: Int = 4, _ body: (SteadyLoad) async throws -> Void
    ) async throws -> SteadyLoad {
        var listings: [(listing: String, item: String)] = []
        for number in 0..<count {
            let item = try await instance.write(
                "POST", "/v1/items", ["title": .string("Coat \(number)"), "condition": "good"])
            let id = item["id"].stringValue ?? ""
            let listing = try await instance.write(
                "POST", "/v1/listings", ["item_id": .string(id), "price": ["amount": 10_000, "currency": "PLN"]])
            let name = listing["id"].stringValue ?? ""
            _ = try await instance.write("POST", "/v1/listings/\(name)/publish")
            listings.append((name, id))
        }
        let load = SteadyLoad(instance, listings)
        // A reader that begins before the last listing is visible would be told that it is not there.
        let last = listings[count - 1].listing
        try await eventuallyVisible(instance, last)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<2 { group.addTask { await load.write(seed: UInt64(number)) } }
            for number in 0..<readers { group.addTask { try await load.read(seed: UInt64(100 + number)) } }
            do {
                try await body(load)
            } catch {
                load.isOver.set()
                throw error
            }
            load.isOver.set()
            try await group.waitForAll()
        }
        return load
    }

    private static func eventuallyVisible(_ instance: Instance, _ listing: String) async throws {
        for _ in 0..<100 {
            if try await instance.read("/v1/listings/\(listing)")["status"] == "published" { return }
        }
        throw Failure(description: "\(listing) does not become visible")
    }

    private var goesOn: Bool { !isOver.isSet }

    private func write(seed: UInt64) async {
        var random = SplitMix(seed)
        var amount = 10_000
        while goesOn {
            let pair = listings[Int(random.next() % UInt64(listings.count))]
            amount += 1
            do {
                switch random.next() % 4 {
                case 0:
                    _ = try await instance.write("PATCH", "/v1/items/\(pair.item)", ["brand": .string("B\(amount)")])
                case 1, 2:
                    _ = try await instance.write(
                        "POST", "/v1/listings/\(pair.listing)/price",
                        ["price": ["amount": JSONValue(amount), "currency": "PLN"]])
                default:
                    _ = try await instance.write("POST", "/v1/listings/\(pair.listing)/pause")
                    _ = try await instance.write("POST", "/v1/listings/\(pair.listing)/resume")
                }
                state.withLock { $0.writes += 1 }
            } catch {
                state.withLock { $0.failures.append("write: \(error)") }
            }
            // Steady, not as fast as it goes: what is measured is what a rebuild adds.
            try? await Task.sleep(for: .milliseconds(10))
        }
    }

    private func read(seed: UInt64) async throws {
        var random = SplitMix(seed)
        let connection = try await instance.database.connect()
        let clock = ContinuousClock()
        while goesOn {
            let name = listings[Int(random.next() % UInt64(listings.count))].listing
            let started = clock.now
            do {
                let answer = try await instance.read("/v1/listings/\(name)")
                let duration = clock.now - started
                let head = try await connection.query("SELECT coalesce(max(position), 0) FROM main.events")[0]
                    .decode(0, as: Int64.self)
                guard answer.status == 200, let token = PositionToken(answer.headers["closter-position"] ?? ""),
                    let id = TypeID(name)?.uuid
                else {
                    state.withLock { $0.failures.append("read: \(answer.status) \(answer.text)") }
                    continue
                }
                let record = Answer(
                    listing: id, lower: token.position, upper: head, digest: answer.body.hashValue,
                    seconds: duration / .seconds(1))
                state.withLock { $0.answers.append(record) }
            } catch {
                state.withLock { $0.failures.append("read: \(error)") }
            }
            try? await Task.sleep(for: .milliseconds(5))
        }
        await connection.close()
    }

    /// The time below which 99 % of the answers since the `first` stayed, in milliseconds.
    func p99(since first: Int = 0) -> Double {
        let times = state.withLock { $0.answers[first...].map(\.seconds) }.sorted()
        return times.isEmpty ? 0 : times[min(times.count - 1, times.count * 99 / 100)] * 1000
    }

    // MARK: - The proof

    /// What is wrong with the answers: nothing, if all is well.
    func wrongAnswers() async throws -> [String] {
        let histories = try await histories()
        return state.withLock { $0.answers }.compactMap { answer in
            guard let history = histories[answer.listing] else { return "an answer about nothing" }
            let isRight = history.enumerated().contains { index, entry in
                let end = index + 1 < history.count ? history[index + 1].position - 1 : .max
                return entry.position <= answer.upper && end >= answer.lower && entry.digest == answer.digest
            }
            return isRight ? nil : "\(answer.listing) between \(answer.lower) and \(answer.upper)"
        }
    }

    /// Each listing's document as a digest, from each position at which it changed.
    private func histories() async throws -> [UUID: [(position: Int64, digest: Int)]] {
        let configuration = try instance.database.configuration()
        let reader = LogReader(shard: .main) { () async throws(PostgresError) in
            try await PostgresConnection.connect(configuration, logger: .init(label: "test"))
        }
        var groups: [UUID: ListingsProjection.Group] = [:]
        var histories: [UUID: [(position: Int64, digest: Int)]] = [:]
        var position: Int64 = 0
        while true {
            let batch = try await reader.read(after: position, LogReader.Limit(events: 1000, bytes: 8 << 20))
            guard !batch.isEmpty else { break }
            for event in batch.events {
                guard let id = ListingsProjection.group(of: event) else { continue }
                try ListingsProjection.apply(event, to: &groups[id, default: ListingsProjection.empty])
                let key = GroupKey(tenant: event.tenant, id: id)
                let rows = ListingsProjection.outputs(
                    of: groups[id] ?? ListingsProjection.empty, key, changedAfter: event.position - 1)
                for row in rows {
                    histories[row.listing.id, default: []].append((event.position, row.document.bytes.hashValue))
                }
            }
            position = batch.last
        }
        await reader.close()
        return histories
    }
}

/// Numbers by chance, the same for the same seed.
struct SplitMix: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 1 }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// Something that happens once, and that other tasks look at.
final class Flag: Sendable {
    private let state = Mutex(false)

    var isSet: Bool { state.withLock { $0 } }

    func set() { state.withLock { $0 = true } }
}
