import Foundation

/// A program that runs beside the measurement until it is stopped. What a measurement that was killed leaves behind is
/// stopped together with the instance: it is marked as a part of it.
final class Background {
    private let process = Process()
    private let note: String

    init(_ program: String, _ arguments: [String], of instance: Instance, name: String) throws {
        process.executableURL = URL(filePath: program)
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(["CLOSTER_INSTANCE": instance.data]) { $1 }
        let log = "\(instance.data)/logs/bench-\(name).log"
        try Data().write(to: URL(filePath: log))
        let output = try FileHandle(forWritingTo: URL(filePath: log))
        process.standardOutput = output
        process.standardError = output
        process.standardInput = FileHandle.nullDevice
        note = "\(instance.data)/run/bench-\(name).pid"
        try process.run()
        try "\(process.processIdentifier)\n".write(toFile: note, atomically: true, encoding: .utf8)
    }

    var isRunning: Bool { process.isRunning }

    func stop() {
        // Nothing that ends a program more gently gets through: it was born with the signals blocked that we have blocked.
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        try? FileManager.default.removeItem(atPath: note)
    }
}

/// Until it is so. Who waits in vain is told what for.
func until(_ what: String, within limit: Duration = .seconds(60), _ isSo: () async throws -> Bool) async throws {
    let end = ContinuousClock.now + limit
    while try await !isSo() {
        guard .now < end else { throw Failure("in vain waited for \(what)") }
        try await Task.sleep(for: .milliseconds(50))
    }
}
