import EventSourcing
import EventStore
import Foundation
import Logging
import Postgres

/// A process that appends under contention, for tests that need more than one.
///
///     closter-test-writer DATABASE-URL TENANT-UUID WRITERS INTENTS STREAM-UUID…
///
/// Each writer appends to the given streams in turn, at the version that the last conflict told it, until it has
/// appended its number of intents. It prints `appended N conflicts M`.
@main
struct Writer {
    static func main() async throws {
        let arguments = CommandLine.arguments.dropFirst().map { $0 }
        guard arguments.count > 4, let tenant = UUID(uuidString: arguments[1]), let writers = Int(arguments[2]),
            let intents = Int(arguments[3])
        else { throw Usage() }
        let streams = arguments[4...].compactMap(UUID.init(uuidString:)).map { StreamID(category: "item", id: $0) }
        let appender = Appender(
            try PostgresConfiguration(url: arguments[0]), logger: Logger(label: "writer"))
        let running = Task { await appender.run() }
        let tasks = (0..<writers).map { writer in
            Task { try await append(intents, to: streams, from: writer, TenantID(tenant), appender) }
        }
        var conflicts = 0
        for task in tasks { conflicts += try await task.value }
        running.cancel()
        await running.value
        FileHandle.standardOutput.write(Data("appended \(writers * intents) conflicts \(conflicts)\n".utf8))
    }

    struct Usage: Error {}

    private static func append(
        _ count: Int, to streams: [StreamID], from offset: Int, _ tenant: TenantID, _ appender: Appender
    ) async throws -> Int {
        var versions: [StreamID: Int64] = [:]
        var appended = 0
        var conflicts = 0
        while appended < count {
            let stream = streams[(appended + offset) % streams.count]
            let version = versions[stream, default: 0]
            let command = UUID.version7()
            let outcome = try await appender.append(
                Intent(
                    tenant: tenant,
                    metadata: Metadata(
                        actor: "writer", commandID: command, correlationID: command, requestedAt: .now),
                    key: command.uuidString, fingerprint: [], primary: stream, version: version + 1,
                    expectations: [Expectation(stream, at: version)],
                    changes: [
                        StreamChange(
                            stream: stream, from: version,
                            events: [NewEvent(type: "Tested", schema: 1, data: Array("{}".utf8))],
                            state: Array("{}".utf8))
                    ]))
            switch outcome {
            case .appended(let receipt):
                appended += 1
                versions[stream] = receipt.version
            case .conflict(_, let actual):
                conflicts += 1
                versions[stream] = actual
            case .replayed, .claimed:
                throw Usage()
            }
        }
        return conflicts
    }
}
