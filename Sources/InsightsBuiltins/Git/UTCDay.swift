internal import InsightsPlugin

/// A day in UTC, as a number: what the history is counted by.
struct UTCDay: Hashable, Comparable, Sendable {
    /// Days since 1970-01-01.
    let number: Int32

    /// The days that RFC 3339 can name: 0001-01-01 to 9999-12-31.
    private static let range: ClosedRange<Int64> = -719_162...2_932_896

    init(number: Int32) { self.number = number }

    /// The day that holds an instant; one beyond the years 1 to 9999 is counted on the nearest day within.
    ///
    /// - Parameter seconds: Since 1970-01-01T00:00:00Z.
    init(holding seconds: Int64) {
        let (quotient, remainder) = seconds.quotientAndRemainder(dividingBy: 86_400)
        let day = remainder < 0 ? quotient - 1 : quotient
        number = Int32(min(max(day, UTCDay.range.lowerBound), UTCDay.range.upperBound))
    }

    /// Its first instant.
    var midnight: Instant { Instant(seconds: Int64(number) * 86_400) }

    static func < (lhs: UTCDay, rhs: UTCDay) -> Bool { lhs.number < rhs.number }
}
