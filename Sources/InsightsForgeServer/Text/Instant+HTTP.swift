internal import InsightsPlugin

extension Instant {
    /// The date as HTTP's headers write it, e.g. `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, IMF-fixdate).
    var httpDate: String {
        let text = String(description.prefix(19))
        let days = Int((milliseconds - milliseconds.flooringRemainder(by: 86_400_000)) / 86_400_000)
        let date = CivilDate(daysSinceEpoch: days)
        // 1970-01-01 was a Thursday.
        let weekday = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"][Int(Int64(days).flooringRemainder(by: 7))]
        let month = [
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
        ][date.month - 1]
        return "\(weekday), \(text.dropFirst(8).prefix(2)) \(month) \(text.prefix(4)) \(text.suffix(8)) GMT"
    }

    /// Whole seconds, as the forges' JSON has instants: `2026-01-04T02:00:00Z`.
    var stamp: String { description.prefix(19) + "Z" }

    /// Seconds since 1970, down.
    var unixSeconds: Int64 { (milliseconds - milliseconds.flooringRemainder(by: 1000)) / 1000 }

    /// Midnight UTC, `days` from this instant's day.
    func day(after days: Int) -> Instant {
        Instant(milliseconds: startOfDay.milliseconds + Int64(days) * 86_400_000)
    }
}
