internal import InsightsEngine
internal import InsightsPlugin

/// Puts the points of a series together by day, week or month, in UTC.
enum SeriesSteps {
    /// - Parameters:
    ///   - points: Oldest first.
    ///   - sums: Whether values are added up, dated at the step's first midnight; otherwise the last point of each step
    ///     stays, as it is.
    /// - Returns: One point for each step that has any, oldest first.
    static func group(_ points: [SeriesRecord.Point], by step: SeriesStep, sums: Bool) -> [SeriesRecord.Point] {
        var grouped: [SeriesRecord.Point] = []
        var current: Int64?
        for point in points {
            let start = firstDay(of: step, Day.number(of: point.at))
            if start == current, let former = grouped.last {
                grouped[grouped.count - 1] = sums ? added(former, point) : point
            } else {
                grouped.append(sums ? .init(at: Day.start(of: start), value: point.value) : point)
                current = start
            }
        }
        return grouped
    }

    static func sum(_ points: [SeriesRecord.Point]) -> Double { points.reduce(0) { $0 + number($1.value) } }

    private static func added(_ former: SeriesRecord.Point, _ point: SeriesRecord.Point) -> SeriesRecord.Point {
        .init(at: former.at, value: .number(number(former.value) + number(point.value)))
    }

    private static func number(_ value: SampleValue) -> Double {
        if case .number(let number) = value { number } else { 0 }
    }

    /// The first day of the step that `day`, counted from 1970-01-01, lies in.
    private static func firstDay(of step: SeriesStep, _ day: Int64) -> Int64 {
        switch step {
        case .day: day
        // 1970-01-01 was a Thursday, the fourth day of its week.
        case .week: day - (day + 3).flooringRemainder(by: 7)
        case .month: day - (dayOfMonth(day) - 1)
        }
    }

    /// From 1, in the proleptic Gregorian calendar.
    ///
    /// - SeeAlso: Howard Hinnant, "chrono-compatible low-level date algorithms", `civil_from_days`.
    private static func dayOfMonth(_ day: Int64) -> Int64 {
        let dayOfEra = (day + 719_468).flooringRemainder(by: 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        return dayOfYear - (153 * ((5 * dayOfYear + 2) / 153) + 2) / 5 + 1
    }
}
