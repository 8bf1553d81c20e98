public import Logging

/// Writes each log event as one JSON object on one line.
///
/// `time` (RFC 3339, UTC, microseconds), `level`, `service` and `message` come first; metadata follows at the top
/// level under its own keys (`tenant`, `correlation_id`, `causation_id`, `command_id`, `position`, `duration_ms`, …).
/// A metadata key that would repeat one of the first four gets a trailing underscore. Numbers and booleans stay what
/// they are, and `position` and `duration_ms` are numbers even when they came as text. Whatever a message or a value
/// holds, the line stays one line and valid JSON.
public struct JSONLogHandler: LogHandler {
    public var logLevel: Logger.Level
    public var metadata: Logger.Metadata = [:]
    public var metadataProvider: Logger.MetadataProvider?

    private let service: String
    private let label: String
    private let sink: LogSink

    public init(
        service: String, label: String, level: Logger.Level, sink: LogSink,
        metadataProvider: Logger.MetadataProvider? = nil
    ) {
        self.service = service
        self.label = label
        self.logLevel = level
        self.sink = sink
        self.metadataProvider = metadataProvider
    }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    public func log(event: LogEvent) {
        sink.emit(line(for: event, at: WallClock.microseconds))
    }

    func line(for event: LogEvent, at microseconds: Int64) -> [UInt8] {
        var line: [UInt8] = []
        line.reserveCapacity(256)
        line.append(UInt8(ascii: "{"))
        JSONText.appendKey("time", to: &line)
        line.append(UInt8(ascii: "\""))
        WallClock.appendRFC3339(microseconds: microseconds, to: &line)
        line.append(UInt8(ascii: "\""))
        JSONText.appendKey("level", to: &line)
        JSONText.appendString(event.level.rawValue, to: &line)
        JSONText.appendKey("service", to: &line)
        JSONText.appendString(service, to: &line)
        JSONText.appendKey("message", to: &line)
        JSONText.appendString(event.message.description, to: &line)

        var all = metadataProvider?.get() ?? [:]
        all.merge(metadata) { $1 }
        if let own = event.metadata { all.merge(own) { $1 } }
        if let error = event.error, all["error"] == nil { all["error"] = "\(error)" }
        if label != service { all["logger"] = all["logger"] ?? .string(label) }
        for (key, value) in all.sorted(by: { $0.key < $1.key }) {
            JSONText.appendKey(Self.reserved.contains(key) ? key + "_" : key, to: &line)
            Self.append(value, asNumber: Self.numeric.contains(key), to: &line)
        }
        line.append(UInt8(ascii: "}"))
        line.append(0x0A)
        return line
    }

    private static let reserved: Set<String> = ["time", "level", "service", "message"]
    private static let numeric: Set<String> = ["position", "duration_ms"]

    private static func append(_ value: Logger.MetadataValue, asNumber: Bool, to line: inout [UInt8]) {
        switch value {
        case .string(let text):
            appendScalar(text, asNumber: asNumber, to: &line)
        case .stringConvertible(let value):
            switch value {
            case let value as Bool: line.append(contentsOf: (value ? "true" : "false").utf8)
            case let value as any BinaryInteger: line.append(contentsOf: "\(value)".utf8)
            case let value as Double: appendScalar("\(value)", asNumber: value.isFinite, to: &line)
            default: appendScalar(value.description, asNumber: asNumber, to: &line)
            }
        case .array(let values):
            line.append(UInt8(ascii: "["))
            for (index, value) in values.enumerated() {
                if index > 0 { line.append(UInt8(ascii: ",")) }
                append(value, asNumber: false, to: &line)
            }
            line.append(UInt8(ascii: "]"))
        case .dictionary(let values):
            line.append(UInt8(ascii: "{"))
            for (key, value) in values.sorted(by: { $0.key < $1.key }) {
                JSONText.appendKey(key, to: &line)
                append(value, asNumber: false, to: &line)
            }
            line.append(UInt8(ascii: "}"))
        }
    }

    private static func appendScalar(_ text: String, asNumber: Bool, to line: inout [UInt8]) {
        if asNumber, let number = Double(text), number.isFinite {
            // Int64 first: a position beyond 2^53 must not pass through a Double.
            line.append(contentsOf: (Int64(text).map { "\($0)" } ?? "\(number)").utf8)
        } else {
            JSONText.appendString(text, to: &line)
        }
    }
}
