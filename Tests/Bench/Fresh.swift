import Foundation
import JSON
import Postgres
import Synchronization

/// How old a kept answer may be: listings are made cheaper and dearer, 200 a second, and each is read meanwhile.
struct Fresh: Sendable {
    let instance: Instance
    let plan: Plan
    let shop: Shop
    /// Checked reads.
    let reads: Int
    /// Whether the services ring for one another; without, only their polls find out.
    var rings = true

    /// Milliseconds: what an answer may lack at most, and what it should.
    private static let bound = 250 + 25
    private static let goal = 20
    private static let rate = 200
    private static let readers = 4
    private static let watchers = 2

    func rows() async throws -> [Row] {
        let mode = rings ? "" : ", NOTIFY off"
        note("  seen by a reader\(mode)")
        let onlooker = try await Onlooker(instance)
        let looking = Task { try await onlooker.look() }
        defer { looking.cancel() }
        let seen = try await seen(onlooker)
        let (hot, session) = (seen.map(\.hot), seen.map(\.session))
        note("  \(reads) checked reads\(mode)")
        let before = try await kept()
        let ages = try await checked(onlooker)
        let after = try await kept()
        let share = (after.given - before.given) / (after.given + after.missed - before.given - before.missed)
        let goal = Double(rings ? Self.goal : Self.bound)
        return [
            Row(
                "projected → seen by a hot GET, \(Self.rate) changes/s of \(shop.listings.count) listings\(mode), p99",
                ours: hot.percentile(99), unit: "ms", theirs: session.percentile(99), peer: "a session that only looks",
                near: goal, reach: goal, isLessBetter: true,
                note:
                    "from committed_at; p50 \(Table.number(hot.percentile(50))), the session's \(Table.number(session.percentile(50))) ms; "
                    + "of \(seen.count)"
            ),
            Row(
                "stale beyond \(Self.bound) ms, of \(ages.count) checked hot GETs beside the writers\(mode)",
                ours: Double(ages.beyond), unit: "reads", near: 0, reach: 0, isLessBetter: true,
                note: "\(Table.number(share * 100)) % from what is kept, \(Table.number(ages.rate)) /s; "
                    + "\(ages.late) later than \(Self.goal) ms, at most \(Table.number(ages.oldest)) ms, "
                    + "\(Table.number(ages.oldestByClock)) ms by committed_at"),
        ]
    }

    private func kept() async throws -> (given: Double, missed: Double) {
        (
            try await instance.metric(Hot.given),
            try await instance.metric("closter_hot_reads_total{outcome=\"missed\"}")
        )
    }

    // MARK: Writers

    /// Each listing once a second.
    private func write(seconds: Int, _ written: @escaping @Sendable (Int, Int64) -> Void = { _, _ in }) async throws {
        _ = try await Pace(rate: Self.rate).run(seconds: seconds) { number, _ in
            let index = number % shop.listings.count
            // Never what it was before: that would change nothing.
            let amount = 10_000 + Int64(number) * 7 % 9_973 + Int64.random(in: 0..<1_000) * 10_000
            let answer = try await instance.write(
                "/v1/listings/\(shop.listings[index])/price",
                ["price": ["amount": .number("\(amount)"), "currency": "PLN"]], tenant: shop.tenant)
            guard let version = Int64(answer["version"]?.text ?? "") else {
                throw Failure("no version: \(answer.text)")
            }
            written(index, version)
            return nil
        }
    }

    // MARK: Seen

    /// Milliseconds from its projection until a change was read, of each, and until a session had seen it.
    private func seen(_ onlooker: Onlooker) async throws -> [(hot: Double, session: Double)] {
        let start = (position: try await instance.head(), at: wallClock())
        let watch = Watch(shop, parts: Self.watchers)
        let readers = Task {
            try await withThrowingTaskGroup(of: [Watch.Sighting].self) { group in
                for part in 0..<Self.watchers { group.addTask { try await onThread { try watch.read(part) } } }
                return try await group.reduce(into: []) { $0 += $1 }
            }
        }
        do {
            defer { watch.isDone.store(true, ordering: .relaxed) }
            try await write(seconds: plan.seconds) { watch.expect($0, $1) }
        }
        let sightings = try await readers.value
        let history = try await History(instance, shop, after: start, onlooker)
        return try sightings.map { sighting in
            guard let moment = history.moment(sighting.listing, sighting.version) else {
                throw Failure("a version was read that no checkpoint has")
            }
            return (
                Double(sighting.at - moment.projected) / 1000, Double(moment.visible - moment.projected) / 1000
            )
        }
    }

    // MARK: Checked

    /// Reads by chance, and judges them when all is known.
    private func checked(_ onlooker: Onlooker) async throws -> Ages {
        let start = (position: try await instance.head(), at: wallClock())
        let isDone = Atomic(false)
        let writers = Task {
            while !isDone.load(ordering: .relaxed) { try await write(seconds: 1) }
        }
        let began = ContinuousClock.now
        let records: [[Reading]]
        do {
            defer { isDone.store(true, ordering: .relaxed) }
            let (shop, count) = (shop, reads / Self.readers)
            records = try await withThrowingTaskGroup(of: [Reading].self) { group in
                for part in 0..<Self.readers {
                    group.addTask { try await onThread { try Reading.some(count, of: shop, part) } }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
        }
        let time = (.now - began) / .seconds(1)
        try await writers.value
        _ = try await instance.settled()
        let history = try await History(instance, shop, after: start, onlooker)
        var ages = Ages()
        for reading in records.joined() {
            ages.count += 1
            guard let next = history.moment(Int(reading.listing), Int64(reading.version) + 1) else { continue }
            // So long before it was asked, PostgreSQL had shown something newer.
            let age = Double(reading.sent - next.visible) / 1000
            if age > Double(Self.goal) { ages.late += 1 }
            if age > Double(Self.bound) { ages.beyond += 1 }
            ages.oldest = max(ages.oldest, age)
            ages.oldestByClock = max(ages.oldestByClock, Double(reading.sent - next.projected) / 1000)
        }
        ages.rate = Double(ages.count) / time
        return ages
    }

    private struct Ages {
        var count = 0
        /// A second.
        var rate = 0.0
        var late = 0
        var beyond = 0
        /// Milliseconds since a session of PostgreSQL had seen something newer.
        var oldest = 0.0
        /// The same since its `committed_at`.
        var oldestByClock = 0.0
    }
}
