import Logging
import Synchronization

@testable import Runtime

/// What is logged, a JSON object a line.
final class LogLines: Sendable {
    private let lines = Mutex<[String]>([])

    var logger: Logger {
        Logger(label: "test") { [self] label in
            JSONLogHandler(
                service: "query", label: label, level: .info,
                sink: LogSink { line in self.lines.withLock { $0.append(String(decoding: line, as: UTF8.self)) } })
        }
    }

    func all(_ text: String) -> [String] { lines.withLock { $0.filter { $0.contains(text) } } }

    func count(of text: String) -> Int { all(text).count }
}
