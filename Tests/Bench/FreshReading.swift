import Foundation
import Synchronization

/// One read, as little of it as can be judged later.
struct Reading {
    /// Before it was sent, in microseconds since 1970.
    var sent: Int64
    var version: Int32
    var listing: Int32

    /// Reads on one connection, sixteen sent ahead.
    ///
    /// - Parameter part: another one reads in another order.
    static func some(_ count: Int, of shop: Shop, _ part: Int) throws -> [Reading] {
        let questions = Question.all(of: shop)
        let connection = try Loopback(port: shop.port)
        var readings: [Reading] = []
        readings.reserveCapacity(count)
        var next = part * 53
        while readings.count < count {
            let batch = (0..<min(16, count - readings.count)).map { (next + $0) * 7_919 % questions.count }
            next += batch.count
            let sent = wallClock()
            try connection.send(batch.flatMap { questions[$0].bytes })
            for listing in batch {
                let version = try connection.receive { try questions[listing].version($0) }
                readings.append(Reading(sent: sent, version: Int32(version), listing: Int32(listing)))
            }
        }
        return readings
    }
}

/// A GET of a listing, and how its version is found in the answer.
struct Question {
    let bytes: [UInt8]
    /// What the document begins with, up to the version.
    private let beginning: [UInt8]

    static func all(of shop: Shop) -> [Question] {
        shop.listings.map { id in
            Question(
                bytes: Shop.request("GET", "/v1/listings/\(id)", ["closter-key: \(shop.publishable)"]),
                beginning: Array("{\"id\":\"\(id)\",\"version\":".utf8))
        }
    }

    func version(_ answer: Loopback.Answer) throws -> Int64 {
        guard answer.status == 200, answer.body.starts(with: beginning) else {
            throw Failure("a listing reads \(answer.status) \(String(decoding: answer.body, as: UTF8.self))")
        }
        return answer.body.dropFirst(beginning.count).prefix { $0 != UInt8(ascii: ",") }
            .reduce(0) { $0 * 10 + Int64($1 & 0xf) }
    }
}

/// Reads each listing that was written, every millisecond until its change is seen.
final class Watch: Sendable {
    struct Sighting: Sendable {
        var listing: Int
        var version: Int64
        /// When the answer was read, in microseconds since 1970.
        var at: Int64
    }

    /// Nothing more will be expected.
    let isDone = Atomic(false)
    private let shop: Shop
    private let expected: Mutex<[[(listing: Int, version: Int64)]]>

    /// - Parameter parts: how many read, each some of the listings.
    init(_ shop: Shop, parts: Int) {
        self.shop = shop
        expected = Mutex(Array(repeating: [], count: parts))
    }

    func expect(_ listing: Int, _ version: Int64) {
        expected.withLock { $0[listing % $0.count].append((listing, version)) }
    }

    /// Until all that was expected of this part was seen.
    func read(_ part: Int) throws -> [Sighting] {
        let questions = Question.all(of: shop)
        let connection = try Loopback(port: shop.port)
        var sightings: [Sighting] = []
        var lastSeen = ContinuousClock.now
        while true {
            // Asked for first: what is expected before the end is not overlooked.
            let isLast = isDone.load(ordering: .acquiring)
            let wanted = expected.withLock { $0[part] }
            if wanted.isEmpty {
                if isLast { return sightings }
                lastSeen = .now
                usleep(1_000)
                continue
            }
            guard .now - lastSeen < .seconds(10) else { throw Failure("changes are not seen: \(wanted)") }
            // Readers that never rest would measure how long a change waits for their cores.
            usleep(1_000)
            try connection.send(wanted.flatMap { questions[$0.listing].bytes })
            var seen: [(listing: Int, version: Int64)] = []
            for (listing, version) in wanted {
                let found = try connection.receive { try questions[listing].version($0) }
                guard found >= version else { continue }
                seen.append((listing, version))
                sightings.append(Sighting(listing: listing, version: version, at: wallClock()))
                lastSeen = .now
            }
            expected.withLock { all in all[part].removeAll { one in seen.contains { $0 == one } } }
        }
    }
}
