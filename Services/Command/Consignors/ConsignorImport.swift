import Documents
import EventSourcing
import EventStore
import Foundation
import JSON
import PersonalData

/// The lines of a file of consignors: each is an intent of its own on the consignor that has its number.
struct ConsignorImport: Sendable {
    let run: ImportRun
    let order: ImportRun.Order
    let isResumed: Bool

    /// Lines whose intents are under way together.
    private static let concurrency = 16
    private static let batch = 256

    func importLines() async throws {
        guard let key = try await run.files.key(tenant: run.tenant, import: run.id) else {
            throw ImportProblem.unreadable
        }
        let known = isResumed ? try await run.report.rejections() : [:]
        var file = ConsignorFile(currency: order.record.currency)
        // The line that each number stands on first.
        var first: [String: Int] = [:]
        var batch: [ConsignorFile.Line] = []
        func flush() async throws {
            try Task.checkCancellation()
            var lines: [ConsignorFile.Line] = []
            for var line in batch {
                if case .consignor(let said) = line.content {
                    let holder = first[said.number] ?? line.number
                    first[said.number] = holder
                    if holder != line.number {
                        line.content = .rejected("number: it stands on line \(holder) already")
                    }
                }
                if known[line.number] == nil { lines.append(line) }
            }
            batch.removeAll(keepingCapacity: true)
            try await run.report.add(try await importTogether(lines))
        }
        var number = 0
        while let chunk = try await run.files.chunk(number, tenant: run.tenant, import: run.id, key: key) {
            for line in try file.read(chunk) {
                batch.append(line)
                if batch.count >= Self.batch { try await flush() }
            }
            number += 1
        }
        batch += try file.finish()
        try await flush()
    }

    private func importTogether(_ lines: [ConsignorFile.Line]) async throws -> [ReportedLine] {
        let numbers = lines.compactMap { if case .consignor(let said) = $0.content { said.number } else { nil } }
        let holders = try await run.reader.holders(run.tenant, kind: ClaimKind.consignorNumber, values: numbers)
        return try await withThrowingTaskGroup(of: ReportedLine.self) { group in
            var reported: [ReportedLine] = []
            var rest = lines[...]
            func addNext() {
                guard let line = rest.popFirst() else { return }
                group.addTask {
                    switch line.content {
                    case .rejected(let reason): self.reported(line.number, .rejected, reason)
                    case .consignor(let said):
                        try await self.importLine(line.number, said, holders[said.number]?.id)
                    }
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

    private func importLine(_ line: Int, _ said: ConsignorFile.Said, _ holder: UUID?) async throws -> ReportedLine {
        let id = holder ?? identifier(line, "consignor")
        var metadata = order.requested
        metadata.commandID = identifier(line, "command")
        metadata.correlationID = identifier(line, "correlation")
        metadata.causationID = order.requested.correlationID
        if isResumed, let known = try await run.reader.outcome(run.tenant, key: metadata.commandID.claimed) {
            // Done before the import was interrupted, and not reported yet.
            let types = try await run.reader.events(run.tenant, of: known.receipt).map(\.type)
            return reported(line, types.contains("ConsignorRegistered") ? .created : .changed, nil)
        }
        let stamp = Stamp(id: id, at: .now)
        metadata.requestedAt = stamp.at
        // Of the attempt that counted.
        var outcome = ImportOutcome.unchanged
        var kept: [String] = []
        do {
            _ = try await run.executor.execute(
                IntentContext(tenant: run.tenant, metadata: metadata, key: nil, fingerprint: [], ifMatch: nil)
            ) { decision in
                let consignor = try await decision.load(Consignor.self, id)
                guard let record = consignor.state else {
                    decision.append(try await register(said, stamp), to: consignor)
                    outcome = .created
                    return
                }
                let change = try await change(record, said, stamp)
                decision.append(change.events, to: consignor)
                outcome = change.isChanged ? .changed : .unchanged
                kept = change.kept
            }
        } catch let refusal as any Refusal {
            return reported(line, .rejected, refusal.detail)
        } catch let invalid as InvalidFields {
            return reported(
                line, .rejected,
                invalid.errors.map { "\($0.pointer.dropFirst()): \($0.detail)" }.joined(separator: "; "))
        } catch ExecutionFailure.claimed(let kind, let value, _, let wasGuard) {
            return reported(line, .rejected, ClaimRefusal(kind: kind, value: value, wasGuard: wasGuard).detail)
        }
        let reason = kept.isEmpty ? nil : "kept as it was changed here: \(kept.sorted().joined(separator: ", "))"
        return reported(line, outcome, reason)
    }

    private func register(_ said: ConsignorFile.Said, _ stamp: Stamp) async throws -> [Consignor.Event] {
        let fields = said.fields.reveal()
        guard fields["name"] != nil else { throw InvalidFields.one("/name", .required, "is required") }
        let merge = ConsignorMerge(file: fields, base: [:], current: [:])
        let (contact, tax) = Self.byScope(merge.changes)
        let intent = Consignor.Register(
            number: said.number, storeCredit: merge.changes["store_credit"]?.boolValue ?? false,
            contact: try await run.vault.seal(contact, .contact, of: stamp.id, run.tenant),
            tax: try await run.vault.seal(tax, .tax, of: stamp.id, run.tenant),
            imported: try await run.vault.sealBase(Personal(merge.base), of: stamp.id, run.tenant),
            openingBalance: said.openingBalance.flatMap { $0.amount == 0 ? nil : $0 })
        return try Consignor.register(intent, in: order.terms.currency, stamp, nil)
    }

    private func change(
        _ record: ConsignorRecord, _ said: ConsignorFile.Said, _ stamp: Stamp
    ) async throws -> (events: [Consignor.Event], isChanged: Bool, kept: [String]) {
        _ = try Consignor.active(record)
        let known = try await run.vault.known(of: record, run.tenant)
        let base = try await run.vault.base(of: record, run.tenant).reveal()
        var current = known.contact.reveal().joined(with: known.tax.reveal())
        current["store_credit"] = .bool(record.storeCredit)
        let merge = ConsignorMerge(file: said.fields.reveal(), base: base, current: current)
        let (contact, tax) = Self.byScope(merge.changes)
        var balance = said.openingBalance
        if balance?.amount == 0, record.openingBalance == nil { balance = nil }
        var intent = Consignor.Update(
            contact: try await run.vault.seal(contact, .contact, of: record.id, run.tenant),
            tax: try await run.vault.seal(tax, .tax, of: record.id, run.tenant), openingBalance: balance)
        if let storeCredit = merge.changes["store_credit"] { intent.changes["store_credit"] = storeCredit }
        if merge.base.canonical != base.canonical {
            intent.imported = try await run.vault.sealBase(Personal(merge.base), of: record.id, run.tenant)
        }
        let events = try Consignor.update(intent, known, in: order.terms.currency, stamp, record)
        let isChanged = !merge.changes.isEmpty || balance != nil && balance != record.openingBalance
        return (events, isChanged, merge.kept)
    }

    private static func byScope(_ fields: JSONObject) -> (contact: Personal<JSONObject>, tax: Personal<JSONObject>) {
        func of(_ scope: [ConsignorField]) -> Personal<JSONObject> {
            Personal(JSONObject(scope.compactMap { field in fields[field.rawValue].map { (field.rawValue, $0) } }))
        }
        return (of(ConsignorField.contact), of(ConsignorField.tax))
    }

    private func identifier(_ line: Int, _ name: String) -> UUID {
        ImportRun.identifier(run.id, "\(line)/\(name)", at: order.requested.requestedAt)
    }

    private func reported(_ line: Int, _ outcome: ImportOutcome, _ reason: String?) -> ReportedLine {
        ReportedLine(
            number: line, outcome: outcome, reason: reason, correlationID: identifier(line, "correlation"))
    }
}
