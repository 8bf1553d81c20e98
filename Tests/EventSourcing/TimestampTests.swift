import EventSourcing
import Foundation
import Testing

@Suite struct `Moments in time` {
    @Test(
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("1970-01-01T00:00:00.000001Z", 1), ("1969-12-31T23:59:59.999999Z", -1),
            ("2026-01-30T10:00:00.123456Z", 1_769_767_200_123_456),
            ("2026-01-30T11:00:00.123456+01:00", 1_769_767_200_123_456),
            ("2026-01-30t04:30:00.123456789-05:30", 1_769_767_200_123_456),
            ("2026-01-30T10:00:00z", 1_769_767_200_000_000),
            ("2026-01-30T10:00:00-00:00", 1_769_767_200_000_000), ("2026-01-30T10:00:00.5Z", 1_769_767_200_500_000),
            ("2000-02-29T00:00:00Z", 951_782_400_000_000), ("9999-12-31T23:59:59.999999Z", 253_402_300_799_999_999),
            ("0000-01-01T00:00:00Z", -62_167_219_200_000_000), ("2016-12-31T23:59:60Z", 1_483_228_800_000_000),
            ("2017-01-01T00:59:60.5+01:00", 1_483_228_800_000_000),
        ] as [(String, Int64)])
    func `RFC 3339 is read to the microsecond`(text: String, microseconds: Int64) {
        #expect(Timestamp(rfc3339: text)?.microseconds == microseconds)
    }

    @Test(arguments: [
        "", "2026", "2026-01-30", "2026-01-30T10:00:00", "2026-01-30 10:00:00Z", "2026-01-30T10:00Z",
        "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-01-00T00:00:00Z", "2026-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z", "2026-04-31T00:00:00Z", "2026-01-30T24:00:00Z", "2026-01-30T10:60:00Z",
        "2026-01-30T10:00:61Z", "2026-01-30T10:00:60Z", "2026-01-30T10:00:00.Z", "2026-01-30T10:00:00+1:00",
        "2026-01-30T10:00:00+24:00", "2026-01-30T10:00:00+0100", "2026-01-30T10:00:00ZZ", "2026-01-30T10:00:00Z ",
        " 2026-01-30T10:00:00Z", "+2026-01-30T10:00:00Z", "２026-01-30T10:00:00Z", "2026-1-30T10:00:00Z",
        "2026-01-30T10:00:00,5Z", "9999-12-31T23:59:59-01:00", "9999-12-31T23:59:60Z", "0000-01-01T00:00:00+00:01",
    ])
    func `what is not RFC 3339 is refused`(text: String) {
        #expect(Timestamp(rfc3339: text) == nil)
    }

    @Test func `texts are UTC, six decimals wide, and sort as the times do`() {
        #expect(Timestamp(microseconds: 1_769_767_200_000_000).rfc3339 == "2026-01-30T10:00:00.000000Z")
        #expect(Timestamp(microseconds: -1).rfc3339 == "1969-12-31T23:59:59.999999Z")
        var generator = SystemRandomNumberGenerator()
        let range = Timestamp(rfc3339: "0000-01-01T00:00:00Z")!.microseconds...253_402_300_799_999_999
        var times = (0..<2000).map { _ in Timestamp(microseconds: Int64.random(in: range, using: &generator)) }
        for time in times { #expect(Timestamp(rfc3339: time.rfc3339) == time) }
        times.sort()
        #expect(times.map(\.rfc3339) == times.map(\.rfc3339).sorted())
    }

    @Test func `a day of each month agrees with Foundation, where Foundation is Gregorian`() {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = TimeZone(secondsFromGMT: 0)!
        for day in stride(from: -140_000, through: 146_000, by: 30) {
            let date = Date(timeIntervalSince1970: Double(day) * 86_400)
            let parts = calendar.dateComponents([.year, .month, .day], from: date)
            let digits = [parts.year!, parts.month!, parts.day!].map { ($0 < 10 ? "0" : "") + "\($0)" }
            #expect(Timestamp(seconds: Int64(day) * 86_400).rfc3339.hasPrefix(digits.joined(separator: "-") + "T"))
        }
    }

    @Test func `the ends of the range do not crash`() {
        for time in [Timestamp(microseconds: .min), Timestamp(microseconds: .max)] {
            #expect(time.rfc3339.hasSuffix("Z"))
            _ = time + .seconds(10)
        }
    }

    @Test func `durations add and subtract`() {
        let time = Timestamp(seconds: 100)
        #expect(time + .milliseconds(1) == Timestamp(seconds: 100, microseconds: 1000))
        #expect(time - .seconds(1) == Timestamp(seconds: 99))
        #expect(Timestamp(seconds: 101, microseconds: 5) - time == .microseconds(1_000_005))
        #expect(Timestamp(seconds: 1) < Timestamp(seconds: 1, microseconds: 1))
    }
}

@Suite struct `Calendar days` {
    private func start(_ zone: String, _ days: Int, _ time: String) -> String? {
        CalendarDays(timeZone: zone)?.start(of: days, before: Timestamp(rfc3339: time)!).rfc3339
    }

    @Test func `a day starts at local midnight`() {
        #expect(start("Europe/Warsaw", 0, "2026-01-30T10:00:00Z") == "2026-01-29T23:00:00.000000Z")
        #expect(start("Europe/Warsaw", 0, "2026-01-29T22:59:59.999999Z") == "2026-01-28T23:00:00.000000Z")
        #expect(start("Europe/Warsaw", 0, "2026-01-29T23:00:00Z") == "2026-01-29T23:00:00.000000Z")
        #expect(start("UTC", 30, "2026-01-30T10:00:00Z") == "2025-12-31T00:00:00.000000Z")
        #expect(start("America/New_York", 1, "2026-01-30T03:00:00Z") == "2026-01-28T05:00:00.000000Z")
    }

    @Test func `days across a clock change are calendar days, not 24 hours`() {
        // Warsaw goes to summer time on 2026-03-29.
        #expect(start("Europe/Warsaw", 30, "2026-04-10T10:00:00Z") == "2026-03-10T23:00:00.000000Z")
        #expect(start("Europe/Warsaw", 1, "2026-03-29T10:00:00Z") == "2026-03-27T23:00:00.000000Z")
        #expect(start("Europe/Warsaw", 0, "2026-03-29T22:30:00Z") == "2026-03-29T22:00:00.000000Z")
    }

    @Test func `where the clocks change at midnight the day starts late`() {
        // Santiago skipped 00:00–01:00 on 2025-09-07.
        #expect(start("America/Santiago", 0, "2025-09-07T12:00:00Z") == "2025-09-07T04:00:00.000000Z")
        #expect(start("America/Santiago", 3, "2025-09-10T12:00:00Z") == "2025-09-07T04:00:00.000000Z")
    }

    @Test(arguments: ["", "Warsaw", "Europe/Nowhere", "CET+1", "+01:00", "GMT+1"])
    func `what is no IANA name is refused`(name: String) {
        #expect(CalendarDays(timeZone: name) == nil)
    }
}
