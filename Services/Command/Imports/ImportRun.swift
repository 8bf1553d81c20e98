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
            let survey = try await self.survey()
            try await advance(order, key: "start") { stamp, state throws(Import.Refused) in
                try Import.start(stamp, state)
            }
            let isResumed = record.status == .running
            try await importLines(order, survey, isResumed: isResumed)
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
                "tenant": "\(tenant)", "import": "\(id)", "correlation_id": "\(order.requested.correlationID)",
                "duration_ms": "\((ContinuousClock.now - started) / .milliseconds(1))",
            ])
    }

    private var files: ImportFiles { ImportFiles(pool: pool) }
    private var report: ImportReport { ImportReport(pool: pool, tenant: tenant, id: id) }

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
        let known = isResumed ? try await report.numbers() : []
        var reader = ShopifyReader(survey, currency: order.record.currency)
        var waiting: [ImportLine] = []
        func flush() async throws {
            try Task.checkCancellation()
            let lines = waiting.filter { !known.contains($0.number) }
            waiting.removeAll(keepingCapacity: true)
            try await report.add(try await importBatch(lines, order, isResumed: isResumed))
        }
        var number = 0
        while let chunk = try await files.chunk(number, tenant: tenant, import: id) {
            for line in try reader.read(chunk) {
                waiting.append(line)
                if waiting.count >= Self.batch { try await flush() }
            }
            number += 1
        }
        waiting += try reader.finish()
        try await flush()
    }

    private func importBatch(
        _ lines: [ImportLine], _ order: Order, isResumed: Bool
    ) async throws -> [ReportedLine] {
        let keys = lines.compactMap { if case .variant(let variant) = $0.content { variant.key } else { nil } }
        let items = try await reader.holders(tenant, kind: ClaimKind.importItem, values: keys)
        let listings = try await reader.holders(tenant, kind: ClaimKind.importListing, values: keys)
        return try await withThrowingTaskGroup(of: ReportedLine.self) { group in
            var reported: [ReportedLine] = []
            var rest = lines[...]
            func addNext() {
                guard let line = rest.popFirst() else { return }
                group.addTask {
                    let importer = ImportLineRun(run: self, order: order, line: line, isResumed: isResumed)
                    guard case .variant(let variant) = line.content else { return importer.reportOnly() }
                    return try await importer.run(
                        variant, item: items[variant.key]?.id, listing: listings[variant.key]?.id)
                }
            }
            for _ in 0..<Self.concurrency { addNext() }
            while let line = try await group.next() {
                reported.append(line)
                addNext()
            }
            return reported
        }
    }

    // MARK: - The import's own stream

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

    /// - Parameters:
    ///   - item, listing: the streams that hold the variant, from an earlier import.
    func run(_ variant: ImportVariant, item: UUID?, listing: UUID?) async throws -> ReportedLine {
        let item = item ?? identifier("item"), listing = listing ?? identifier("listing")
        var metadata = order.requested
        metadata.commandID = identifier("command")
        metadata.correlationID = correlationID
        metadata.causationID = order.requested.correlationID
        if isResumed, let done = try await alreadyDone(metadata.commandID, variant, item, listing) { return done }
        let context = ImportPlan.Context(
            item: Stamp(id: item, at: .now), listing: Stamp(id: listing, at: .now), terms: order.terms,
            publish: order.record.publish)
        metadata.requestedAt = context.item.at
        let intent = IntentContext(tenant: run.tenant, metadata: metadata, key: nil, fingerprint: [], ifMatch: nil)
        // The plan of the attempt that counted.
        var plan = ImportPlan(outcome: .unchanged)
        do {
            _ = try await run.executor.execute(intent) { decision in
                let item = try await decision.load(Item.self, context.item.id)
                let listing = try await decision.load(Listing.self, context.listing.id)
                plan = ImportPlan.plan(variant, item: item.state, listing: listing.state, context)
                decision.append(plan.item, to: item)
                decision.append(plan.listing, to: listing)
            }
            let isImported = plan.outcome != .rejected
            return reported(plan.outcome, plan.reason, isImported ? item : nil, isImported ? listing : nil)
        } catch let refusal as any Refusal {
            return reported(.rejected, refusal.detail)
        } catch ExecutionFailure.claimed(let kind, let value, _, let wasGuard) {
            if kind == ClaimKind.importItem || kind == ClaimKind.importListing {
                // Another import of the same variant was faster: it is decided again on what that one made.
                let held = try await holders(of: variant.key)
                if held.item != item || held.listing != listing, let item = held.item, let listing = held.listing {
                    return try await self.run(variant, item: item, listing: listing)
                }
            }
            return reported(.rejected, ClaimRefusal(kind: kind, value: value, wasGuard: wasGuard).detail)
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
