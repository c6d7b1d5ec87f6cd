/// The two day fields of a cron expression: which days of a month they choose.
///
/// Every form is a set of bits, and a month is answered as a set of bits too, so that finding the next day
/// never walks days one by one.
struct CronDays: Hashable, Sendable {
    /// Bit d: day d of the month, 1…31.
    var days: UInt32 = 0
    /// Bit d: `dW`, the weekday (Monday to Friday) of the same month nearest to day d.
    var nearestWeekdays: UInt32 = 0
    /// `L`.
    var lastDay = false
    /// `LW`.
    var lastWeekday = false
    /// Bit w: weekday w, 0 = Sunday.
    var weekdays: UInt8 = 0
    /// Bit w: `wL`, the last such weekday of the month.
    var lastWeekdays: UInt8 = 0
    /// Bit 7 × (n - 1) + w: `w#n`, the nth such weekday of the month.
    var nthWeekdays: UInt64 = 0
    /// Whether one field is enough, as crontab(5) has it when neither begins with `*`; otherwise both must match.
    var eitherIsEnough = false

    /// The chosen days of a month: bit d for day d.
    ///
    /// - Parameters:
    ///   - length: How many days the month has, 28…31.
    ///   - firstWeekday: The weekday of its first day, 0 = Sunday.
    func mask(length: Int, firstWeekday: Int) -> UInt32 {
        let ofMonth = maskOfMonth(length: length, firstWeekday: firstWeekday)
        let ofWeek = maskOfWeek(length: length, firstWeekday: firstWeekday)
        let chosen = eitherIsEnough ? ofMonth | ofWeek : ofMonth & ofWeek
        return chosen & CronDays.allDays(length)
    }

    private static func allDays(_ length: Int) -> UInt32 { (UInt32.max >> (31 - UInt32(length))) & ~1 }

    private func maskOfMonth(length: Int, firstWeekday: Int) -> UInt32 {
        var mask = days
        if lastDay { mask |= 1 << UInt32(length) }
        if lastWeekday { mask |= 1 << UInt32(CronDays.weekday(nearest: length, length, firstWeekday)) }
        var rest = nearestWeekdays & CronDays.allDays(length)
        while rest != 0 {
            let day = rest.trailingZeroBitCount
            mask |= 1 << UInt32(CronDays.weekday(nearest: day, length, firstWeekday))
            rest &= rest - 1
        }
        return mask
    }

    /// The day from Monday to Friday nearest to `day`, within the month.
    private static func weekday(nearest day: Int, _ length: Int, _ firstWeekday: Int) -> Int {
        switch (firstWeekday + day - 1) % 7 {
        case 6: day > 1 ? day - 1 : day + 2
        case 0: day < length ? day + 1 : day - 2
        default: day
        }
    }

    private func maskOfWeek(length: Int, firstWeekday: Int) -> UInt32 {
        // A week's bits, five times over: bits 0, 7, 14, 21, 28.
        let everyWeek: UInt64 = 0x1020_4081
        var mask = UInt64(CronDays.rotated(weekdays, firstWeekday)) * everyWeek << 1
        if lastWeekdays != 0 {
            let firstOfLastWeek = length - 6
            let weekday = (firstWeekday + firstOfLastWeek - 1) % 7
            mask |= UInt64(CronDays.rotated(lastWeekdays, weekday)) << UInt64(firstOfLastWeek)
        }
        if nthWeekdays != 0 {
            for week in 0..<UInt64(5) {
                let chosen = UInt8(truncatingIfNeeded: nthWeekdays >> (7 * week) & 0x7F)
                // The nth of each weekday falls on the nth group of seven days, 7n - 6 … 7n.
                mask |= UInt64(CronDays.rotated(chosen, firstWeekday)) << (7 * week + 1)
            }
        }
        return UInt32(truncatingIfNeeded: mask)
    }

    /// Turns bits of weekdays into bits of days counted from one that is `weekday`.
    private static func rotated(_ bits: UInt8, _ weekday: Int) -> UInt8 {
        let wide = UInt16(bits) | UInt16(bits) << 7
        return UInt8(truncatingIfNeeded: wide >> UInt16(weekday) & 0x7F)
    }
}
