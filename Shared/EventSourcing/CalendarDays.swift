import Foundation

/// The calendar days of a tenant's time zone, for rules that count in days.
public struct CalendarDays: Sendable {
    public let timeZone: String
    private let calendar: Calendar

    /// `timeZone` is a name of the IANA database, like `Europe/Warsaw` or `UTC`; nil for anything else.
    public init?(timeZone name: String) {
        guard name == "UTC" || name.contains("/"), let zone = TimeZone(identifier: name) else { return nil }
        timeZone = name
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = zone
        self.calendar = calendar
    }

    /// The first moment of the local day that lies `days` calendar days before the one of `time`. (Where the clocks
    /// change at midnight a day begins at 01:00.)
    public func start(of days: Int, before time: Timestamp) -> Timestamp {
        // Whole seconds: Date is a Double and would blur microseconds.
        let second = Date(timeIntervalSince1970: (Double(time.microseconds) / 1_000_000).rounded(.down))
        let today = calendar.startOfDay(for: second)
        // Noon is in every zone's every day; midnight is not.
        let noon = calendar.date(byAdding: .hour, value: 12, to: today) ?? today
        let day = calendar.date(byAdding: .day, value: -days, to: noon) ?? noon
        return Timestamp(seconds: Int64(calendar.startOfDay(for: day).timeIntervalSince1970))
    }

    /// The first moment after a local day, `2026-03-10`; nil for what is no day.
    public func end(of day: String) -> Timestamp? {
        let parts = day.split(separator: "-").compactMap { Int($0) }
        guard parts.count == 3, Self.text(parts[0], parts[1], parts[2]) == day,
            let noon = calendar.date(
                from: DateComponents(year: parts[0], month: parts[1], day: parts[2], hour: 12))
        else { return nil }
        return start(of: -1, before: Timestamp(seconds: Int64(noon.timeIntervalSince1970)))
    }

    /// The local day of `time`: `2026-03-10`.
    public func day(of time: Timestamp) -> String {
        let parts = parts(of: time)
        return Self.text(parts.year, parts.month, parts.day)
    }

    /// The local day that lies `days` calendar days after the one of `time`.
    public func day(_ days: Int, after time: Timestamp) -> String { day(of: start(of: -days, before: time)) }

    /// The last day of the local year that lies `years` after the one of `time`: so many full calendar years are over then.
    public func lastDay(ofYear years: Int, after time: Timestamp) -> String {
        Self.text(parts(of: time).year + years, 12, 31)
    }

    private func parts(of time: Timestamp) -> (year: Int, month: Int, day: Int) {
        let second = Date(timeIntervalSince1970: (Double(time.microseconds) / 1_000_000).rounded(.down))
        let parts = calendar.dateComponents([.year, .month, .day], from: second)
        return (parts.year ?? 0, parts.month ?? 1, parts.day ?? 1)
    }

    private static func text(_ year: Int, _ month: Int, _ day: Int) -> String {
        func digits(_ number: Int, _ count: Int) -> String {
            let text = String(number)
            return String(repeating: "0", count: max(0, count - text.count)) + text
        }
        return "\(digits(year, 4))-\(digits(month, 2))-\(digits(day, 2))"
    }

    /// The year and the month of the local day of `time`.
    public func month(of time: Timestamp) -> (year: Int, month: Int) {
        let parts = parts(of: time)
        return (parts.year, parts.month)
    }
}
