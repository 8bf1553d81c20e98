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

    /// The year and the month of the local day of `time`.
    public func month(of time: Timestamp) -> (year: Int, month: Int) {
        let second = Date(timeIntervalSince1970: (Double(time.microseconds) / 1_000_000).rounded(.down))
        return (calendar.component(.year, from: second), calendar.component(.month, from: second))
    }
}
