import InsightsPlugin

/// A parsed cron expression: sets of bits, and the search for the next local time in them.
///
/// A local time here is a number of seconds that a calendar in the zone would show, counted from
/// 1970-01-01T00:00:00 as though there were no offset. What an offset does to it is ``CronSchedule``'s affair.
struct CronFields: Hashable, Sendable {
    /// Bit s: second s, 0…59.
    var seconds: UInt64
    /// Bit m: minute m, 0…59.
    var minutes: UInt64
    /// Bit h: hour h, 0…23.
    var hours: UInt32
    /// Bit m: month m, 1…12.
    var months: UInt16
    var days: CronDays
    /// Whether the minute or the hour begins with `*`: it then fires at the matching instants that really
    /// happen, whatever a clock change does.
    var keepsElapsedTime: Bool
    /// Whether the hour begins with `*`: then no hour of the day was meant more than another.
    var isEveryHour: Bool

    /// How far ahead a next local time is looked for.
    ///
    /// 40 years are the longest the Gregorian calendar makes any pattern of month, day and weekday wait:
    /// 29 February on a given weekday, across a year such as 2100 that has no such day.
    static let horizonYears = 40

    /// The first matching local time at or after `local`; `nil` when there is none within the horizon.
    ///
    /// - Complexity: O(months until then), a few nanoseconds each.
    func first(atOrAfter local: Int64) -> Int64? {
        let secondOfDay = local.flooringRemainder(by: 86_400)
        let day = Int((local - secondOfDay) / 86_400)
        let date = CivilDate(daysSinceEpoch: day)
        let firstOfMonth = day - date.day + 1
        let today = mask(ofMonth: date.month, in: date.year, firstDay: firstOfMonth)
        if today >> UInt32(date.day) & 1 == 1, let time = firstTime(atOrAfter: Int(secondOfDay)) {
            return Int64(day) * 86_400 + time
        }
        let later = today & ~(UInt32.max >> (31 - UInt32(date.day)))
        guard let dueDay = later != 0 ? firstOfMonth + later.trailingZeroBitCount - 1 : firstDay(afterMonthOf: date)
        else { return nil }
        return Int64(dueDay) * 86_400 + firstTimeOfDay
    }

    /// How many matching local times lie in `start ≤ t < end`.
    ///
    /// - Complexity: O(months between), a few nanoseconds each; never a walk from time to time.
    func count(from start: Int64, to end: Int64) -> Int {
        guard end > start else { return 0 }
        return countBefore(end, sinceMonthOf: start) - countBefore(start, sinceMonthOf: start)
    }

    private func countBefore(_ local: Int64, sinceMonthOf start: Int64) -> Int {
        let first = CivilDate(daysSinceEpoch: Int((start - start.flooringRemainder(by: 86_400)) / 86_400))
        let secondOfDay = local.flooringRemainder(by: 86_400)
        let day = Int((local - secondOfDay) / 86_400)
        let last = CivilDate(daysSinceEpoch: day)
        var (year, month) = (first.year, first.month)
        var dayCount = 0
        while (year, month) < (last.year, last.month) {
            dayCount += mask(ofMonth: month, in: year, firstDay: firstDay(of: month, in: year)).nonzeroBitCount
            (year, month) = month == 12 ? (year + 1, 1) : (year, month + 1)
        }
        let thisMonth = mask(ofMonth: month, in: year, firstDay: day - last.day + 1)
        dayCount += (thisMonth & ((1 << UInt32(last.day)) - 1)).nonzeroBitCount
        let timesADay = hours.nonzeroBitCount * minutes.nonzeroBitCount * seconds.nonzeroBitCount
        let isToday = thisMonth >> UInt32(last.day) & 1 == 1
        return dayCount * timesADay + (isToday ? timesBefore(Int(secondOfDay)) : 0)
    }

    private func timesBefore(_ secondOfDay: Int) -> Int {
        let (hour, minute, second) = (secondOfDay / 3600, secondOfDay / 60 % 60, secondOfDay % 60)
        let perMinute = seconds.nonzeroBitCount
        var count = below(hour, of: UInt64(hours)) * minutes.nonzeroBitCount * perMinute
        guard hours >> UInt32(hour) & 1 == 1 else { return count }
        count += below(minute, of: minutes) * perMinute
        return minutes >> UInt64(minute) & 1 == 1 ? count + below(second, of: seconds) : count
    }

    /// How many bits lower than `bit` are set.
    private func below(_ bit: Int, of mask: UInt64) -> Int { (mask & ((1 << UInt64(bit)) - 1)).nonzeroBitCount }

    // MARK: Days

    /// The first matching day in a later month than that of `date`, in days since 1970.
    private func firstDay(afterMonthOf date: CivilDate) -> Int? {
        var (year, month) = (date.year, date.month)
        while true {
            if let next = next(in: UInt64(months), from: month + 1) {
                month = next
            } else {
                (year, month) = (year + 1, months.trailingZeroBitCount)
            }
            guard year <= date.year + CronFields.horizonYears else { return nil }
            let first = firstDay(of: month, in: year)
            let mask = mask(ofMonth: month, in: year, firstDay: first)
            if mask != 0 { return first + mask.trailingZeroBitCount - 1 }
        }
    }

    /// The matching days of a month, bit d for day d; `firstDay` is its first one, in days since 1970.
    private func mask(ofMonth month: Int, in year: Int, firstDay: Int) -> UInt32 {
        guard months >> UInt16(month) & 1 == 1 else { return 0 }
        // 1970-01-01 was a Thursday, day 4 of a week that begins with Sunday as 0.
        let weekday = Int(Int64(firstDay + 4).flooringRemainder(by: 7))
        return days.mask(length: CivilDate.daysIn(month: month, year: year), firstWeekday: weekday)
    }

    private func firstDay(of month: Int, in year: Int) -> Int {
        // Every month has a first day; the fallback is never taken.
        CivilDate(year: year, month: month, day: 1).daysSinceEpoch ?? 0
    }

    // MARK: Times of day

    private var firstTimeOfDay: Int64 {
        time(hours.trailingZeroBitCount, minutes.trailingZeroBitCount, seconds.trailingZeroBitCount)
    }

    /// The first matching second of a day at or after `secondOfDay`; `nil` when the day has no more.
    private func firstTime(atOrAfter secondOfDay: Int) -> Int64? {
        let (hour, minute, second) = (secondOfDay / 3600, secondOfDay / 60 % 60, secondOfDay % 60)
        if hours >> UInt32(hour) & 1 == 1 {
            if minutes >> UInt64(minute) & 1 == 1, let next = next(in: seconds, from: second) {
                return time(hour, minute, next)
            }
            if let next = next(in: minutes, from: minute + 1) {
                return time(hour, next, seconds.trailingZeroBitCount)
            }
        }
        guard let next = next(in: UInt64(hours), from: hour + 1) else { return nil }
        return time(next, minutes.trailingZeroBitCount, seconds.trailingZeroBitCount)
    }

    private func time(_ hour: Int, _ minute: Int, _ second: Int) -> Int64 {
        Int64(hour * 3600 + minute * 60 + second)
    }

    /// The lowest bit of `mask` that is set at or above `bit`.
    private func next(in mask: UInt64, from bit: Int) -> Int? {
        let rest = mask >> UInt64(bit)
        return rest == 0 ? nil : bit + rest.trailingZeroBitCount
    }
}
