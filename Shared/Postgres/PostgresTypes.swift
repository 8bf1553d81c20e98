/// A moment as PostgreSQL's `timestamptz` holds it.
public struct PostgresTimestamp: Hashable, Comparable, Sendable {
    /// Microseconds since 1970-01-01T00:00:00Z.
    public var microseconds: Int64

    public init(microseconds: Int64) { self.microseconds = microseconds }

    /// Later than every other moment; PostgreSQL's `infinity`.
    public static let infinity = PostgresTimestamp(microseconds: .max)
    /// Earlier than every other moment; PostgreSQL's `-infinity`.
    public static let negativeInfinity = PostgresTimestamp(microseconds: .min)

    public static func < (left: Self, right: Self) -> Bool { left.microseconds < right.microseconds }
}

/// A `numeric` as its decimal text (`-12.340`, `NaN`, `Infinity`): exact, whatever its size. The server checks it.
public struct PostgresNumeric: Hashable, Sendable {
    public var text: String
    public init(_ text: String) { self.text = text }
}

/// The text of a JSON value. It binds with a type that the statement gives it: a json or jsonb column, or a cast
/// (`\(document)::jsonb`). An array of it binds as `text[]`, to be cast in the statement.
public struct JSONText: Hashable, Sendable {
    public var bytes: [UInt8]
    public init(bytes: [UInt8]) { self.bytes = bytes }
    public init(_ text: String) { bytes = Array(text.utf8) }
    public var text: String { String(decoding: bytes, as: UTF8.self) }
}

/// A `bytea`.
public struct PostgresBytes: Hashable, Sendable {
    public var bytes: [UInt8]
    public init(_ bytes: [UInt8]) { self.bytes = bytes }
}

extension PostgresTimestamp {
    /// 2000-01-01, from which PostgreSQL counts, in microseconds since 1970.
    static let serverEpoch: Int64 = 946_684_800_000_000

    /// Microseconds since 2000 as the wire has them. What the server cannot hold becomes a value it refuses.
    var serverMicroseconds: Int64 {
        if self == .infinity || self == .negativeInfinity { return microseconds }
        let (value, overflow) = microseconds.subtractingReportingOverflow(Self.serverEpoch)
        return overflow ? .min + 1 : value
    }

    /// Reads what the server writes with DateStyle ISO: `2026-01-30 10:00:00.123456+00`, also dates and timestamps
    /// without zone (taken as UTC), years beyond 9999, and `BC`.
    init?(iso text: UnsafeRawBufferPointer) {
        if text.elementsEqual("infinity".utf8) { self = .infinity; return }
        if text.elementsEqual("-infinity".utf8) { self = .negativeInfinity; return }
        var reader = DigitReader(text)
        guard var year = reader.number(), reader.take("-"), let month = reader.number(), reader.take("-"),
            let day = reader.number()
        else { return nil }
        var seconds: Int64 = 0
        var fraction: Int64 = 0
        if reader.take(" ") || reader.take("T") {
            guard let hour = reader.number(), reader.take(":"), let minute = reader.number(), reader.take(":"),
                let second = reader.number()
            else {
                return nil
            }
            seconds = hour * 3600 + minute * 60 + second
            if reader.take(".") {
                guard let value = reader.fraction() else { return nil }
                fraction = value
            }
            if let sign: Int64 = reader.take("+") ? -1 : reader.take("-") ? 1 : nil {
                guard let offset = reader.zoneOffset() else { return nil }
                seconds += sign * offset
            }
        }
        if reader.take(" ") {
            guard reader.take("B"), reader.take("C") else { return nil }
            year = 1 - year
        }
        guard reader.isAtEnd, (1...12).contains(month), (1...31).contains(day) else { return nil }
        self.init(
            microseconds: (Self.days(year: year, month: month, day: day) * 86_400 + seconds) * 1_000_000 + fraction)
    }

    /// Days since 1970-01-01 of a date of the proleptic Gregorian calendar
    /// (Howard Hinnant, "chrono-compatible low-level date algorithms", days_from_civil).
    private static func days(year: Int64, month: Int64, day: Int64) -> Int64 {
        let year = month <= 2 ? year - 1 : year
        let era = (year >= 0 ? year : year - 399) / 400
        let yearOfEra = year - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }
}

private struct DigitReader {
    private let text: UnsafeRawBufferPointer
    private var index = 0

    init(_ text: UnsafeRawBufferPointer) { self.text = text }

    var isAtEnd: Bool { index == text.count }

    mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard index < text.count, text[index] == UInt8(ascii: character) else { return false }
        index += 1
        return true
    }

    mutating func number() -> Int64? {
        let start = index
        var value: Int64 = 0
        while index < text.count, case let digit = text[index] &- 48, digit < 10, index - start < 9 {
            value = value * 10 + Int64(digit)
            index += 1
        }
        return index > start ? value : nil
    }

    /// Up to six digits after the point, as microseconds.
    mutating func fraction() -> Int64? {
        let start = index
        guard var value = number(), index - start <= 6 else { return nil }
        for _ in (index - start)..<6 { value *= 10 }
        return value
    }

    /// `HH`, `HH:MM` or `HH:MM:SS`, as seconds.
    mutating func zoneOffset() -> Int64? {
        guard var seconds = number().map({ $0 * 3600 }) else { return nil }
        for unit: Int64 in [60, 1] where take(":") {
            guard let value = number() else { return nil }
            seconds += value * unit
        }
        return seconds
    }
}
