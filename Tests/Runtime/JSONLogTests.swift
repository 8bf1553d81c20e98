import Foundation
import Logging
import Synchronization
import Testing

@testable import Runtime

@Suite struct JSONLogTests {
    private let lines = Lines()

    private func logger(level: Logger.Level = .trace) -> Logger {
        Logger(label: "query") { [lines] label in
            JSONLogHandler(service: "query", label: label, level: level, sink: LogSink { lines.append($0) })
        }
    }

    @Test func `a line has time, level, service and message, and its metadata beside them`() throws {
        var logger = logger()
        logger[metadataKey: "tenant"] = "demo"
        logger.notice(
            "hello", metadata: ["correlation_id": "c1", "position": "42", "duration_ms": .stringConvertible(1.5)])

        let line = try #require(try lines.objects().first)
        #expect(line["level"] as? String == "notice")
        #expect(line["service"] as? String == "query")
        #expect(line["message"] as? String == "hello")
        #expect(line["tenant"] as? String == "demo")
        #expect(line["correlation_id"] as? String == "c1")
        #expect(line["position"] as? Int == 42)
        #expect(line["duration_ms"] as? Double == 1.5)
        let time = try #require(line["time"] as? String)
        #expect(time.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z/) != nil)
    }

    @Test func `whatever a message holds, the line stays one line of JSON`() throws {
        let hostile = "a\nb\r\"c\"\\ \u{0} \u{1B}[31m \u{7F} żółć 🧥 \u{2028}"
        logger().error("\(hostile)", metadata: ["\"k\n": "\(hostile)"])

        let line = try #require(try lines.objects().first)
        #expect(lines.all.count == 1)
        #expect(lines.all[0].filter { $0 == 0x0A }.count == 1)
        #expect(line["message"] as? String == hostile)
        #expect(line["\"k\n"] as? String == hostile)
    }

    @Test func `metadata cannot pose as a line's own fields`() throws {
        logger().info("m", metadata: ["level": "x", "message": "y", "service": "z", "time": "t"])

        let line = try #require(try lines.objects().first)
        #expect(line["level"] as? String == "info")
        #expect(line["level_"] as? String == "x")
        #expect(line["message"] as? String == "m")
        #expect(line["service"] as? String == "query")
    }

    @Test func `a position beyond 2^53 keeps every digit`() {
        logger().info("m", metadata: ["position": "9007199254740993"])

        #expect(String(decoding: lines.all[0], as: UTF8.self).contains(#""position":9007199254740993"#))
    }

    @Test func `what is no number stays text`() throws {
        logger().info("m", metadata: ["position": "NaN", "duration_ms": .stringConvertible(Double.infinity)])

        let line = try #require(try lines.objects().first)
        #expect(line["position"] as? String == "NaN")
        #expect(line["duration_ms"] as? String == "inf")
    }

    @Test func `nested metadata and errors are kept`() throws {
        struct Broken: Error, CustomStringConvertible { let description = "it broke" }
        logger().error("m", error: Broken(), metadata: ["list": ["a", "b"], "map": ["k": .stringConvertible(true)]])

        let line = try #require(try lines.objects().first)
        #expect(line["list"] as? [String] == ["a", "b"])
        #expect((line["map"] as? [String: Any])?["k"] as? Bool == true)
        #expect(line["error"] as? String == "it broke")
    }

    @Test func `the level decides what is written`() {
        logger(level: .warning).info("quiet")

        #expect(lines.all.isEmpty)
    }

    @Test func `times before and after the epoch are written right`() {
        var bytes: [UInt8] = []
        WallClock.appendRFC3339(microseconds: 1_769_767_200_123_456, to: &bytes)

        #expect(String(decoding: bytes, as: UTF8.self) == "2026-01-30T10:00:00.123456Z")
    }

    @Test func `lines of many writers never mix, however long they are`() async throws {
        // given a pipe, whose atomic writes end at 4096 bytes
        let pipe = Pipe()
        let sink = LogSink(fileDescriptor: pipe.fileHandleForWriting.fileDescriptor)
        let reading = Task.detached { try pipe.fileHandleForReading.readToEnd() ?? Data() }
        // when 8 writers write lines of 10 KB
        await withTaskGroup(of: Void.self) { group in
            for writer in 0..<8 {
                group.addTask {
                    let handler = JSONLogHandler(service: "s", label: "s", level: .info, sink: sink)
                    let logger = Logger(label: "s") { _ in handler }
                    for _ in 0..<20 { logger.info("\(String(repeating: "\(writer)", count: 10_000))") }
                }
            }
        }
        try pipe.fileHandleForWriting.close()
        // then each line is whole
        let lines = try await reading.value.split(separator: 0x0A)
        #expect(lines.count == 160)
        for line in lines {
            let object = try JSONSerialization.jsonObject(with: line) as? [String: Any]
            #expect(Set((object?["message"] as? String) ?? "").count == 1)
        }
    }
}

/// What a logger wrote.
private final class Lines: Sendable {
    private let storage = Mutex<[[UInt8]]>([])

    func append(_ line: [UInt8]) { storage.withLock { $0.append(line) } }
    var all: [[UInt8]] { storage.withLock { $0 } }

    func objects() throws -> [[String: Any]] {
        try all.map { try #require(try JSONSerialization.jsonObject(with: Data($0)) as? [String: Any]) }
    }
}
