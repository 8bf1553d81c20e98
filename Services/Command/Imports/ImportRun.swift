import Crypto
import Documents
import EventSourcing
import EventStore
import Foundation
import Identity
import Logging
import Postgres

/// One import, from where it stands to its end.
struct ImportRun: Sendable {
    let tenant: TenantID
    let id: UUID
    let executor: Executor
    let reader: StateReader
    let pool: PostgresPool
    let vault: ConsignorVault
    let logger: Logger

    /// Lines whose intents are under way together, and lines looked up and reported together.
    private static let concurrency = 32
    private static let batch = 256

    /// What every line needs of the import.
    struct Order: Sendable {
        var record: ImportRecord
        /// Of the request that brought the file.
        var requested: Metadata
        var terms: Listing.Terms
    }

    func run() async throws {
        guard let stored = try await reader.state(tenant, StreamID(Import.self, id)),
            let record = try Import.decode(stored.json), record.status == .queued || record.status == .running,
            let order = try await order(record)
        else { return }
        let started = ContinuousClock.now
        do {
            let isResumed = record.status == .running
            if record.format == ConsignorFile.format {
                try await start(order)
                try await ConsignorImport(run: self, order: order, isResumed: isResumed).importLines()
            } else {
                let survey = try await self.survey()
                try await start(order)
                try await importLines(order, survey, isResumed: isResumed)
            }
            let counts = try await report.counts()
            try await advance(order, key: "complete") { stamp, state throws(Import.Refused) in
                try Import.complete(counts, stamp, state)
            }
        } catch let problem as ImportProblem {
            try await advance(order, key: "fail") { stamp, state throws(Import.Refused) in
                try Import.fail(problem.reason, stamp, state)
            }
        }
        try await files.drop(tenant: tenant, import: id)
        logger.info(
            "import ended",
            metadata: [
                "tenant": "\(tenant)", "import": "\(id.claimed)",
                "correlation_id": "\(order.requested.correlationID.claimed)",
                "duration_ms": "\((ContinuousClock.now - started) / .milliseconds(1))",
            ])
    }

    var files: ImportFiles { ImportFiles(pool: pool, keys: vault.keys) }
    var report: ImportReport { ImportReport(pool: pool, tenant: tenant, id: id) }

    private func order(_ record: ImportRecord) async throws -> Order? {
        let stream = StreamID(Import.self, id)
        let events = try EventReader.decode(
            try await pool.query(EventReader.load(tenant, stream), tenant: tenant.uuid, lane: .slow))
        guard let requested = events.first?.metadata,
            let account = try await reader.state(tenant, StreamID(TenantAccount.self, tenant.uuid)),
            let settings = try TenantAccount.decode(account.json),
            let days = CalendarDays(timeZone: settings.timeZone)
        else { return nil }
        return Order(
            record: record, requested: requested,
            terms: Listing.Terms(currency: settings.currency, days: days))
    }

    // MARK: - The file

    private func survey() async throws -> ShopifySurvey {
        var survey = ShopifySurvey()
        var number = 0
        while let chunk = try await files.chunk(number, tenant: tenant, import: id) {
            try survey.read(chunk)
            number += 1
        }
        try survey.finish()
        return survey
    }

    private func importLines(_ order: Order, _ survey: ShopifySurvey, isResumed: Bool) async throws {
        let known = isResumed ? try await report.rejections() : [:]
        var reader = ShopifyReader(survey, currency: order.record.currency)
        var turns = ImportTurns()
        var batch: [ImportLine] = []
        func flush() async throws {
            try Task.checkCancellation()
            var lines: [ImportLine] = []
            for line in batch {
                switch known[line.number] {
                case nil: lines.append(line)
                case true?: turns.end(line, .rejected)
                case false?: break
                }
            }
            batch.removeAll(keepingCapacity: true)
            for wave in ImportTurns.waves(lines) {
                try await report.add(try await importWave(wave, &turns, order, isResumed: isResumed))
            }
        }
        var number = 0
        while let chunk = try await files.chunk(number, tenant: tenant, import: id) {
            for line in try reader.read(chunk) {
                batch.append(line)
                if batch.count >= Self.batch { try await flush() }
            }
            number += 1
        }
        batch += try reader.finish()
        try await flush()
        try await importWaiting(&turns, order, isResumed: isResumed)
    }

    /// Lines of which none has to wait for another.
    private func importWave(
        _ lines: [ImportLine], _ turns: inout ImportTurns, _ order: Order, isResumed: Bool
    ) async throws -> [ReportedLine] {
        var reported: [ReportedLine] = []
        var now: [ImportLine] = []
        for line in lines {
            let importer = ImportLineRun(run: self, order: order, line: line, isResumed: isResumed)
            switch turns.turn(of: line) {
            case .now: now.append(line)
            case .later where turns.wait(line): break
            case .later: now.append(line)
            case .taken(let holder):
                turns.end(line, .rejected)
                reported.append(importer.rejected(for: holder))
            }
        }
        let results = try await importTogether(now, order, isResumed: isResumed)
        for line in now {
            guard let result = results[line.number] else { continue }
            if result.wantsTakenSKU, turns.wait(line) { continue }
            turns.end(line, result.outcome)
            reported.append(result)
        }
        return reported
    }

    /// What each line came to, by its number.
    private func importTogether(
        _ lines: [ImportLine], _ order: Order, isResumed: Bool
    ) async throws -> [Int: ReportedLine] {
        let variants = lines.compactMap { if case .variant(let variant) = $0.content { variant } else { nil } }
        let keys = variants.map(\.key)
        guard !keys.isEmpty else {
            let importers = lines.map { ImportLineRun(run: self, order: order, line: $0, isResumed: isResumed) }
            return Dictionary(importers.map { ($0.line.number, $0.reportOnly()) }) { first, _ in first }
        }
        let items = try await reader.holders(tenant, kind: ClaimKind.importItem, values: keys)
        let listings = try await reader.holders(tenant, kind: ClaimKind.importListing, values: keys)
        let consignors = try await reader.holders(
            tenant, kind: ClaimKind.consignorNumber, values: Set(variants.compactMap(\.consignor)).sorted())
        return try await withThrowingTaskGroup(of: ReportedLine.self) { group in
            var reported: [Int: ReportedLine] = [:]
            var rest = lines[...]
            func addNext() {
                guard let line = rest.popFirst() else { return }
                group.addTask {
                    let importer = ImportLineRun(run: self, order: order, line: line, isResumed: isResumed)
                    guard case .variant(let variant) = line.content else { return importer.reportOnly() }
                    return try await importer.run(
                        variant,
                        .init(number: variant.consignor, of: consignors, otherwise: order.record.consignorID),
                        item: items[variant.key]?.id, listing: listings[variant.key]?.id)
                }
            }
            for _ in 0..<Self.concurrency { addNext() }
            while let line = try await group.next() {
                reported[line.number] = line
                addNext()
            }
            return reported
        }
    }

    /// Lines whose SKU was taken go again, one by one, for as long as that helps any. Backwards and forwards in turn:
    /// SKUs that moved along by one line are free at once in one of the two.
    private func importWaiting(_ turns: inout ImportTurns, _ order: Order, isResumed: Bool) async throws {
        var isBackwards = true
        var hasHelped = true
        while hasHelped, !turns.waiting.isEmpty {
            hasHelped = false
            let lines = turns.next()
            for line in isBackwards ? lines.reversed() : lines {
                let result = try await importLate(line, turns, order, isResumed: isResumed)
                if result.wantsTakenSKU, turns.wait(line) { continue }
                hasHelped = true
                turns.end(line, result.outcome)
                try await report.add([result])
            }
            isBackwards.toggle()
        }
        for line in turns.last() {
            let result = try await importLate(line, turns, order, isResumed: isResumed)
            turns.end(line, result.outcome)
            try await report.add([result])
        }
    }

    private func importLate(
        _ line: ImportLine, _ turns: ImportTurns, _ order: Order, isResumed: Bool
    ) async throws -> ReportedLine {
        try Task.checkCancellation()
        let importer = ImportLineRun(run: self, order: order, line: line, isResumed: isResumed)
        if let holder = turns.holder(of: line) { return importer.rejected(for: holder) }
        return try await importTogether([line], order, isResumed: isResumed)[line.number] ?? importer.reportOnly()
    }

    // MARK: - The import's own stream

    private func start(_ order: Order) async throws {
        try await advance(order, key: "start") { stamp, state throws(Import.Refused) in try Import.start(stamp, state) }
    }

    private func advance(
        _ order: Order, key: String,
        decide: (Stamp, Import.State) throws(Import.Refused) -> [Import.Event]
    ) async throws {
        let stamp = Stamp(id: id, at: .now)
        var metadata = order.requested
        metadata.commandID = Self.identifier(id, "\(key)", at: order.requested.requestedAt)
        metadata.causationID = order.requested.commandID
        metadata.requestedAt = stamp.at
        _ = try await executor.execute(
            IntentContext(tenant: tenant, metadata: metadata, key: nil, fingerprint: [], ifMatch: nil),
            on: StreamID(Import.self, id)
        ) { decision in
            let state = try await decision.load(Import.self, id)
            decision.append(try decide(stamp, state.state), to: state)
        }
    }

    /// An identifier that is the same however often the import is run, ordered by time like any other.
    static func identifier(_ id: UUID, _ name: String, at time: Timestamp) -> UUID {
        let digest = Array(SHA256.hash(data: Array("\(id.claimed)/\(name)".utf8)))
        return .version7(at: time, random: digest.prefix(8).reduce(0) { $0 << 8 | UInt64($1) })
    }
}

/// One line of an import.
struct ImportLineRun: Sendable {
    let run: ImportRun
    let order: ImportRun.Order
    let line: ImportLine
    let isResumed: Bool

    private var correlationID: UUID { identifier("correlation") }

    private func identifier(_ name: String) -> UUID {
        ImportRun.identifier(run.id, "\(line.number)/\(name)", at: order.requested.requestedAt)
    }

    /// A line that is no variant.
    func reportOnly() -> ReportedLine {
        switch line.content {
        case .rejected(let reason): reported(.rejected, reason)
        case .noted(let reason): reported(.noted, reason)
        case .variant: reported(.unchanged, nil)
        }
    }

    /// A variant that an earlier line has.
    func rejected(for holder: Int) -> ReportedLine {
        reported(.rejected, "the same handle and option values stand on line \(holder) already")
    }

    /// - Parameters:
    ///   - item, listing: the streams that hold the variant, from an earlier import.
    func run(
        _ variant: ImportVariant, _ consignor: ImportPlan.Consignment, item: UUID?, listing: UUID?
    ) async throws -> ReportedLine {
        let item = item ?? identifier("item"), listing = listing ?? identifier("listing")
        var metadata = order.requested
        metadata.commandID = identifier("command")
        metadata.correlationID = correlationID
        metadata.causationID = order.requested.correlationID
        if isResumed, let done = try await alreadyDone(metadata.commandID, variant, item, listing) { return done }
        // One time for both: it is the events', and so what every fold of them shows.
        let now = Timestamp.now
        let context = ImportPlan.Context(
            item: Stamp(id: item, at: now), listing: Stamp(id: listing, at: now), terms: order.terms,
            publish: order.record.publish, consignor: consignor)
        metadata.requestedAt = context.item.at
        let intent = IntentContext(tenant: run.tenant, metadata: metadata, key: nil, fingerprint: [], ifMatch: nil)
        // The plan of the attempt that counted.
        var plan = ImportPlan(outcome: .unchanged)
        var hasListing = false
        do {
            _ = try await run.executor.execute(intent) { decision in
                let item = try await decision.load(Item.self, context.item.id)
                let listing = try await decision.load(Listing.self, context.listing.id)
                plan = ImportPlan.plan(variant, item: item.state, listing: listing.state, context)
                if plan.outcome != .rejected, item.state == nil, case .by(let id) = consignor {
                    try await decision.requireConsignor(id, "/consignor_id")
                }
                decision.append(plan.item, to: item)
                decision.append(plan.listing, to: listing)
                hasListing = listing.state != nil || !plan.listing.isEmpty
            }
            let isImported = plan.outcome != .rejected
            return reported(
                plan.outcome, plan.reason, isImported ? item : nil, isImported && hasListing ? listing : nil)
        } catch let refusal as any Refusal {
            return reported(.rejected, refusal.detail)
        } catch ExecutionFailure.claimed(let kind, let value, _, let wasGuard) {
            if kind == ClaimKind.importItem || kind == ClaimKind.importListing {
                // Another import of the same variant was faster: it is decided again on what that one made.
                let held = try await holders(of: variant.key)
                if held.item != item || held.listing != listing, let item = held.item, let listing = held.listing {
                    return try await self.run(variant, consignor, item: item, listing: listing)
                }
            }
            var line = reported(.rejected, ClaimRefusal(kind: kind, value: value, wasGuard: wasGuard).detail)
            line.wantsTakenSKU = kind == ClaimKind.sku
            return line
        }
    }

    private func holders(of key: String) async throws -> (item: UUID?, listing: UUID?) {
        let item = try await run.reader.holders(run.tenant, kind: ClaimKind.importItem, values: [key])
        let listing = try await run.reader.holders(run.tenant, kind: ClaimKind.importListing, values: [key])
        return (item[key]?.id, listing[key]?.id)
    }

    /// What the line did before the import was interrupted between its commit and its report.
    private func alreadyDone(
        _ commandID: UUID, _ variant: ImportVariant, _ item: UUID, _ listing: UUID
    ) async throws -> ReportedLine? {
        guard let known = try await run.reader.outcome(run.tenant, key: commandID.claimed) else { return nil }
        let types = try await run.reader.events(run.tenant, of: known.receipt).map(\.type)
        let outcome: ImportOutcome = types.contains("ItemReceived") ? .created : .changed
        return variant.notes.isEmpty
            ? reported(outcome, nil, item, listing)
            : reported(.noted, ([outcome.rawValue] + variant.notes).joined(separator: "; "), item, listing)
    }

    private func reported(
        _ outcome: ImportOutcome, _ reason: String?, _ item: UUID? = nil, _ listing: UUID? = nil
    ) -> ReportedLine {
        ReportedLine(
            number: line.number, outcome: outcome, reason: reason, item: item, listing: listing,
            correlationID: correlationID)
    }
}
