public import EventSourcing
import Foundation
public import Postgres

/// The call of `main.append` for a batch, and its answer. Source: `deploy/migrations/0003_append.sql`.
enum AppendStatement {
    static func make(_ intents: [Intent]) -> SQL {
        var columns = Columns(intents.count)
        for (offset, intent) in intents.enumerated() {
            columns.add(intent, number: Int32(offset + 1))
        }
        return columns.statement
    }

    /// One outcome per intent, in the order of the batch.
    static func outcomes(_ rows: Rows, of intents: [Intent]) throws(PostgresError) -> [AppendOutcome] {
        var outcomes: [AppendOutcome] = []
        outcomes.reserveCapacity(intents.count)
        for (row, intent) in zip(rows, intents) {
            outcomes.append(try outcome(row, of: intent))
        }
        return outcomes
    }

    private static func outcome(_ row: Row, of intent: Intent) throws(PostgresError) -> AppendOutcome {
        let kind = try row.decode("outcome", as: String.self)
        let stream = StreamID(
            category: try row.decode("category", as: String.self), id: try row.decode("stream_id", as: UUID.self))
        switch kind {
        case "conflict":
            return .conflict(stream, actual: try row.decode("version", as: Int64.self))
        case "claimed":
            return .claimed(
                kind: try row.decode("claim_kind", as: String.self),
                value: try row.decode("claim_value", as: String.self), holder: stream)
        default:
            let receipt = Receipt(
                stream: stream, version: try row.decode("version", as: Int64.self),
                position: try row.decode("position", as: Int64.self),
                firstPosition: try row.decode("first_position", as: Int64?.self),
                recordedAt: Timestamp(try row.decode("recorded_at", as: PostgresTimestamp.self)))
            // A batch that is sent again after its connection died meets its own outcome: that is no replay.
            let commandID = try row.decode("command_id", as: UUID.self)
            if kind == "appended" || commandID == intent.metadata.commandID { return .appended(receipt) }
            return .replayed(receipt, fingerprint: try row.decode("fingerprint", as: PostgresBytes.self).bytes)
        }
    }

    /// The arguments of `main.append`, column by column; the names are those of the function.
    private struct Columns {
        var tenant: [UUID] = [], key: [String] = [], fingerprint: [PostgresBytes] = [], command: [UUID] = []
        var correlation: [UUID] = [], metadata: [JSONText] = []
        var category: [String] = [], stream: [UUID] = [], version: [Int64] = [], position: [Int64] = []
        var xIntent: [Int32] = [], xCategory: [String] = [], xStream: [UUID] = [], xVersion: [Int64] = []
        var eIntent: [Int32] = [], eCategory: [String] = [], eStream: [UUID] = [], eVersion: [Int64] = []
        var eType: [String] = [], eSchema: [Int32] = [], eData: [JSONText] = []
        var sIntent: [Int32] = [], sCategory: [String] = [], sStream: [UUID] = [], sVersion: [Int64] = []
        var sState: [JSONText] = []
        var cIntent: [Int32] = [], cAction: [String] = [], cKind: [String] = [], cValue: [String] = []
        var cCategory: [String?] = [], cStream: [UUID?] = []
        var oIntent: [Int32] = [], oTask: [UUID] = [], oKind: [String] = [], oPayload: [JSONText] = []
        var oRunAt: [PostgresTimestamp?] = []
        var dIntent: [Int32] = [], dID: [UUID] = [], dKind: [String] = [], dPayload: [JSONText] = []
        var dDueAt: [PostgresTimestamp] = []

        init(_ count: Int) {
            tenant.reserveCapacity(count)
            metadata.reserveCapacity(count)
            eData.reserveCapacity(count * 2)
            sState.reserveCapacity(count * 2)
        }

        mutating func add(_ intent: Intent, number: Int32) {
            tenant.append(intent.tenant.uuid)
            key.append(intent.key)
            fingerprint.append(PostgresBytes(intent.fingerprint))
            command.append(intent.metadata.commandID)
            correlation.append(intent.metadata.correlationID)
            metadata.append(JSONText(bytes: intent.metadata.bytes))
            category.append(intent.primary.category)
            stream.append(intent.primary.id)
            version.append(intent.version)
            position.append(intent.position)
            for expectation in intent.expectations {
                xIntent.append(number)
                xCategory.append(expectation.stream.category)
                xStream.append(expectation.stream.id)
                xVersion.append(expectation.version)
            }
            for change in intent.changes { add(change, number: number) }
            for claim in intent.claims { add(claim, number: number) }
            for task in intent.tasks {
                oIntent.append(number)
                oTask.append(task.id)
                oKind.append(task.kind)
                oPayload.append(JSONText(bytes: task.payload))
                oRunAt.append(task.runAt.map(PostgresTimestamp.init))
            }
            for due in intent.dueIntents {
                dIntent.append(number)
                dID.append(due.id)
                dKind.append(due.kind)
                dPayload.append(JSONText(bytes: due.payload))
                dDueAt.append(PostgresTimestamp(due.dueAt))
            }
        }

        private mutating func add(_ change: StreamChange, number: Int32) {
            for (offset, event) in change.events.enumerated() {
                eIntent.append(number)
                eCategory.append(change.stream.category)
                eStream.append(change.stream.id)
                eVersion.append(change.from + Int64(offset) + 1)
                eType.append(event.type)
                eSchema.append(Int32(event.schema))
                eData.append(JSONText(bytes: event.data))
            }
            sIntent.append(number)
            sCategory.append(change.stream.category)
            sStream.append(change.stream.id)
            sVersion.append(change.from + Int64(change.events.count))
            sState.append(JSONText(bytes: change.state))
        }

        private mutating func add(_ claim: ClaimChange, number: Int32) {
            cIntent.append(number)
            cKind.append(claim.kind)
            switch claim {
            case .take(_, let value, let stream):
                cAction.append("take")
                cValue.append(value)
                cCategory.append(stream.category)
                cStream.append(stream.id)
            case .release(_, let value, let stream):
                cAction.append("release")
                cValue.append(value)
                cCategory.append(stream.category)
                cStream.append(stream.id)
            case .absent(_, let prefix):
                cAction.append("absent")
                cValue.append(prefix)
                cCategory.append(nil)
                cStream.append(nil)
            }
        }

        var statement: SQL {
            """
            SELECT outcome, category, stream_id, version, "position", first_position, recorded_at, fingerprint,
                   command_id, claim_kind, claim_value
            FROM main.append(
                \(tenant), \(key), \(fingerprint), \(command), \(correlation), \(metadata),
                \(category), \(stream), \(version), \(position),
                \(xIntent), \(xCategory), \(xStream), \(xVersion),
                \(eIntent), \(eCategory), \(eStream), \(eVersion), \(eType), \(eSchema), \(eData),
                \(sIntent), \(sCategory), \(sStream), \(sVersion), \(sState),
                \(cIntent), \(cAction), \(cKind), \(cValue), \(cCategory), \(cStream),
                \(oIntent), \(oTask), \(oKind), \(oPayload), \(oRunAt),
                \(dIntent), \(dID), \(dKind), \(dPayload), \(dDueAt))
            ORDER BY intent
            """
        }
    }
}

extension PostgresTimestamp {
    public init(_ time: Timestamp) {
        self.init(microseconds: time.microseconds)
    }
}

extension Timestamp {
    public init(_ time: PostgresTimestamp) {
        self.init(microseconds: time.microseconds)
    }
}
