import InsightsPlugin

/// Two changes a year, for ever: what a TZif footer says of the time after the last recorded transition.
///
/// - SeeAlso: POSIX.1-2024, Base Definitions 8.3, `TZ`; RFC 9636, section 3.3.1.
struct DaylightRule: Hashable, Sendable {
    /// A day of the year and a time of that day.
    struct Edge: Hashable, Sendable {
        /// How the day is named.
        enum Day: Hashable, Sendable {
            /// `Jn`, 1…365: 29 February is never counted.
            case julian(Int)
            /// `n`, 0…365: 29 February is counted.
            case ordinal(Int)
            /// `Mm.w.d`: weekday `d` (0 = Sunday) of week `w` (5 = the last) of month `m`.
            case weekday(month: Int, week: Int, day: Int)
        }

        var day: Day
        /// Seconds after midnight by the clock before the change; -167 h…167 h.
        var time: Int

        /// Seconds since 1970 by the clock before the change.
        func local(inYear year: Int) -> Int64 {
            let newYear = firstDay(ofMonth: 1, in: year)
            let number: Int
            switch day {
            case .julian(let day):
                let leapDay = CivilDate.daysIn(month: 2, year: year) == 29 && day >= 60 ? 1 : 0
                number = newYear + day - 1 + leapDay
            case .ordinal(let day): number = newYear + day
            case .weekday(let month, let week, let weekday):
                let first = firstDay(ofMonth: month, in: year)
                // 1970-01-01 was a Thursday, day 4 of a week that begins with Sunday as 0.
                let firstWeekday = Int(Int64(first + 4).flooringRemainder(by: 7))
                let day = (weekday - firstWeekday + 7) % 7 + 7 * (week - 1)
                number = first + (day < CivilDate.daysIn(month: month, year: year) ? day : day - 7)
            }
            return Int64(number) * 86_400 + Int64(time)
        }

        private func firstDay(ofMonth month: Int, in year: Int) -> Int {
            // Every month has a first day; the fallback is never taken.
            CivilDate(year: year, month: month, day: 1).daysSinceEpoch ?? 0
        }
    }

    /// Seconds east of UTC out of daylight time.
    var standard: Int32
    /// Seconds east of UTC in daylight time; may be less than `standard` (Ireland).
    var daylight: Int32
    var start: Edge
    var end: Edge

    /// Both changes of a year, in order, each with the offset after it.
    private func changes(inYear year: Int) -> ((second: Int64, offset: Int32), (second: Int64, offset: Int32)) {
        let start = (second: self.start.local(inYear: year) - Int64(standard), offset: daylight)
        let end = (second: self.end.local(inYear: year) - Int64(daylight), offset: standard)
        return start.second < end.second ? (start, end) : (end, start)
    }

    /// Whether daylight time never ends: each year's end meets the next year's start.
    var isPermanent: Bool {
        let end = self.end.local(inYear: 2001) - Int64(daylight)
        return end >= start.local(inYear: 2002) - Int64(standard)
    }

    /// The stretch of one offset around `second`, both of its ends changes of this rule.
    func span(at second: Int64) -> ZoneSpan {
        let days = Int((second - second.flooringRemainder(by: 86_400)) / 86_400)
        let year = CivilDate(daysSinceEpoch: days).year
        var before: (second: Int64, offset: Int32) = changes(inYear: year - 1).0
        for candidate in year - 1...year + 1 {
            let (first, last) = changes(inYear: candidate)
            for change in [first, last] {
                guard change.second <= second else {
                    return ZoneSpan(start: before.second, end: change.second, offset: Int64(before.offset))
                }
                before = change
            }
        }
        return ZoneSpan(start: before.second, end: ZoneSpan.distantFuture, offset: Int64(before.offset))
    }

    /// Continues a list of recorded transitions until its last one is a change of this rule, so that
    /// ``span(at:)`` fits on without a seam. Where the two disagree about that stretch, the rule holds.
    func extend(_ transitions: inout [Int64], _ offsets: inout [Int32]) {
        let current = span(at: transitions.last ?? 0)
        offsets[offsets.count - 1] = Int32(current.offset)
        guard let last = transitions.last, current.start != last else { return }
        transitions.append(current.end)
        offsets.append(Int32(span(at: current.end).offset))
    }
}
