import Foundation
import Glibc

/// The same GET again and again over HTTP/1.1, sent by the clock: 32 connections, whose moments lie evenly between each
/// other's. What an answer took is counted from when its request was due, whether the answer before it had come by then or
/// not.
struct PacedReads: Sendable {
    let port: Int
    let request: [UInt8]

    private static let connections = 32

    /// Milliseconds, of each request.
    ///
    /// - Parameter rate: a second, of all connections together.
    func times(rate: Double, seconds: Int) async throws -> [Double] {
        let start = ContinuousClock.now + .milliseconds(50)
        let count = Int(rate * Double(seconds)) / Self.connections
        return try await withThrowingTaskGroup(of: [Double].self) { group in
            for number in 0..<Self.connections {
                let first = start + .seconds(Double(number) / rate)
                group.addTask {
                    try await onThread {
                        try times(count, from: first, each: .seconds(Double(Self.connections) / rate))
                    }
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
    }

    private func times(_ count: Int, from first: ContinuousClock.Instant, each period: Duration) throws -> [Double] {
        let connection = try Loopback(port: port)
        var times: [Double] = []
        times.reserveCapacity(count)
        for number in 0..<count {
            let due = first + period * number
            let wait = (due - .now) / .microseconds(1)
            if wait > 0 { usleep(UInt32(wait)) }
            try connection.send(request)
            try connection.receive { answer in
                guard answer.status == 200 else { throw Failure("a kept answer reads \(answer.status)") }
            }
            times.append((.now - due) / .milliseconds(1))
        }
        return times
    }
}
