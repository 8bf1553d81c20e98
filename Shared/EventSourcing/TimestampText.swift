extension Timestamp: CustomStringConvertible {
    public var description: String { rfc3339 }

    /// `2026-01-30T10:00:00.123456Z`: always UTC, always six decimals, so texts sort as times do. Years outside
    /// 0…9999 do not occur in RFC 3339; they are written with as many digits as they need.
    public var rfc3339: String {
        var text: [UInt8] = []
        append(to: &text)
        return String(decoding: text, as: UTF8.self)
    }

    /// Appends the bytes of `rfc3339`.
    public func append(to text: inout [UInt8]) {
        let day: Int64 = 86_400_000_000
        let days = microseconds.floorDivided(by: day)
        // Wrapping: at the very start of the range the day itself begins below Int64.min.
        var rest = Int(microseconds &- days &* day)
        let (year, month, dayOfMonth) = CivilDate.from(days: Int(days))
        text.reserveCapacity(text.count + 27)
        if year < 0 { text.append(UInt8(ascii: "-")) }
        let digits = abs(year)
        if digits > 9999 { text.append(contentsOf: String(digits / 10_000).utf8) }
        text.appendPair(digits / 100 % 100)
        text.appendPair(digits % 100)
        text.append(UInt8(ascii: "-"))
        text.appendPair(month)
        text.append(UInt8(ascii: "-"))
        text.appendPair(dayOfMonth)
        text.append(UInt8(ascii: "T"))
        text.appendPair(rest / 3_600_000_000)
        text.append(UInt8(ascii: ":"))
        rest %= 3_600_000_000
        text.appendPair(rest / 60_000_000)
        text.append(UInt8(ascii: ":"))
        rest %= 60_000_000
        text.appendPair(rest / 1_000_000)
        text.append(UInt8(ascii: "."))
        rest %= 1_000_000
        text.appendPair(rest / 10_000)
        text.appendPair(rest / 100 % 100)
        text.appendPair(rest % 100)
        text.append(UInt8(ascii: "Z"))
    }

    /// Any RFC 3339 date-time, with any offset; what is finer than a microsecond is cut off. A leap second
    /// (`23:59:60Z`) counts as the first moment of the next minute. nil for anything else.
    public init?(rfc3339 text: String) {
        var text = text
        guard let time = text.withUTF8(Timestamp.init(reading:)) else { return nil }
        self = time
    }

    /// The seconds of the years 0 to 9999.
    private static let writable =
        CivilDate.days(year: 0, month: 1, day: 1) * 86_400..<CivilDate.days(year: 10_000, month: 1, day: 1) * 86_400

    private init?(reading bytes: UnsafeBufferPointer<UInt8>) {
        var reader = DigitReader(bytes: bytes)
        guard let year = reader.digits(4), reader.take("-"), let month = reader.digits(2), reader.take("-"),
            let day = reader.digits(2), reader.take("T") || reader.take("t"),
            let hour = reader.digits(2), reader.take(":"), let minute = reader.digits(2), reader.take(":"),
            let second = reader.digits(2),
            (1...12).contains(month), (1...CivilDate.daysIn(month: month, of: year)).contains(day),
            hour < 24, minute < 60, second <= 60
        else { return nil }
        var fraction = 0
        if reader.take(".") {
            guard let value = reader.fraction() else { return nil }
            fraction = value
        }
        var offset = 0
        if !(reader.take("Z") || reader.take("z")) {
            let isWest = reader.take("-")
            guard isWest || reader.take("+"), let hours = reader.digits(2), reader.take(":"),
                let minutes = reader.digits(2), hours < 24, minutes < 60
            else { return nil }
            offset = (hours * 60 + minutes) * (isWest ? -60 : 60)
        }
        guard reader.isAtEnd else { return nil }
        let seconds =
            CivilDate.days(year: year, month: month, day: day) * 86_400 + hour * 3600 + minute * 60 + second - offset
        if second == 60 {
            guard seconds.isMultiple(of: 86_400) else { return nil }
            fraction = 0
        }
        // An offset may lead out of the years that can be written.
        guard Self.writable.contains(seconds) else { return nil }
        self.init(seconds: Int64(seconds), microseconds: Int64(fraction))
    }
}

/// Days of the proleptic Gregorian calendar, after Howard Hinnant, "chrono-compatible low-level date algorithms".
enum CivilDate {
    static func days(year: Int, month: Int, day: Int) -> Int {
        let year = month <= 2 ? year - 1 : year
        let era = (year >= 0 ? year : year - 399) / 400
        let yearOfEra = year - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }

    static func from(days: Int) -> (year: Int, month: Int, day: Int) {
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
    }

    static func daysIn(month: Int, of year: Int) -> Int {
        switch month {
        case 2: year.isMultiple(of: 4) && (!year.isMultiple(of: 100) || year.isMultiple(of: 400)) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }
}

private struct DigitReader {
    let bytes: UnsafeBufferPointer<UInt8>
    private var at = 0

    init(bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

    var isAtEnd: Bool { at == bytes.count }

    mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard at < bytes.count, bytes[at] == UInt8(ascii: character) else { return false }
        at += 1
        return true
    }

    private mutating func digit() -> Int? {
        guard at < bytes.count, bytes[at] &- UInt8(ascii: "0") < 10 else { return nil }
        at += 1
        return Int(bytes[at - 1] - UInt8(ascii: "0"))
    }

    mutating func digits(_ count: Int) -> Int? {
        var value = 0
        for _ in 0..<count {
            guard let digit = digit() else { return nil }
            value = value * 10 + digit
        }
        return value
    }

    /// One digit or more, as microseconds.
    mutating func fraction() -> Int? {
        guard var value = digit().map({ $0 * 100_000 }) else { return nil }
        var weight = 10_000
        while let digit = digit() {
            value += digit * weight
            weight /= 10
        }
        return value
    }
}

extension Int64 {
    fileprivate func floorDivided(by divisor: Int64) -> Int64 {
        let (quotient, rest) = quotientAndRemainder(dividingBy: divisor)
        return rest < 0 ? quotient - 1 : quotient
    }
}

extension [UInt8] {
    /// Two digits of a value below 100.
    @inline(__always)
    fileprivate mutating func appendPair(_ value: Int) {
        append(UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: value / 10))
        append(UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: value % 10))
    }
}
