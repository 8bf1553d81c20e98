import Foundation

/// h2load, for both protocols: as fast as it goes, or at a steady rate with the time of each answer.
struct H2Load: Sendable {
    enum Shape: Sendable {
        /// 32 connections, one request at a time on each.
        case http1
        /// 4 connections over TLS, 16 requests at a time on each.
        case http2

        var connections: Int { self == .http1 ? 32 : 4 }

        fileprivate var arguments: [String] {
            self == .http1 ? ["--h1", "-c32", "-m1"] : ["-c4", "-m16"]
        }
    }

    let instance: Instance
    let shape: Shape

    /// Answers a second.
    func rate(_ url: String, _ headers: [String], seconds: Int) async throws -> Double {
        try await run(["--warm-up-time=1s"], url, headers, seconds: seconds)
    }

    /// Milliseconds from each request to the end of its answer, at about `rate` a second.
    ///
    /// h2load keeps its rate in portions of 10 ms: what is due in one goes out together.
    func times(_ url: String, _ headers: [String], rate: Double, seconds: Int) async throws -> [Double] {
        let log = "\(instance.data)/bench-h2load.log"
        defer { try? FileManager.default.removeItem(atPath: log) }
        _ = try await run(
            ["--warm-up-time=1s", "--rps=\(rate / Double(shape.connections))", "--log-file=\(log)"], url, headers,
            seconds: seconds)
        // Start, status, microseconds.
        let text = try Data(contentsOf: URL(filePath: log))
        var times: [Double] = []
        for line in text.split(separator: UInt8(ascii: "\n")) {
            let digits = line.suffix { $0 != UInt8(ascii: "\t") }
            times.append(Double(digits.reduce(0) { $0 * 10 + Int($1 & 0xf) }) / 1000)
        }
        return times
    }

    /// Any answer that is none, or that is no success, is a failure of the measurement.
    private func run(_ options: [String], _ url: String, _ headers: [String], seconds: Int) async throws -> Double {
        let output = try await instance.run(
            "/usr/bin/h2load",
            ["-t1", "-D\(seconds)"] + shape.arguments + options + headers.flatMap { ["-H", $0] } + [url])
        func numbers(_ line: String) -> [Double] {
            let line = output.split(separator: "\n").first { $0.hasPrefix(line) } ?? ""
            return line.split { !"0123456789.".contains($0) }.compactMap { Double($0) }
        }
        // requests: total, started, done, succeeded, failed, errored, timeout
        let requests = numbers("requests:")
        let answered = numbers("status codes:")
        guard requests.count == 7, requests[3] > 0, requests[4...].allSatisfy({ $0 == 0 }),
            // status codes: N 2xx, N 3xx, N 4xx, N 5xx
            answered.count == 8, answered[0] == requests[2]
        else { throw Failure("requests failed: \(output.suffix(1500))") }
        return requests[3] / Double(seconds)
    }
}

extension Data {
    /// The longest end that is so.
    fileprivate func suffix(while isSo: (UInt8) -> Bool) -> Data {
        self[(lastIndex { !isSo($0) }.map { $0 + 1 } ?? startIndex)...]
    }
}
