import InsightsEngine
import InsightsPlugin

/// A cron expression with its instants, reckoned here from the calendar and a hand-written list of clock changes:
/// a second opinion on what the planner hears from ``CronSchedule``.
final class CronTable: Sendable {
    let schedule: CronSchedule
    /// Milliseconds, rising.
    let instants: [Int64]

    private init(_ text: String, _ zone: String, _ instants: [Int64]) {
        schedule = try! CronSchedule(text, zone: Zone.named(zone)!)
        self.instants = instants
    }

    /// The first instant after `last`.
    func next(after last: Int64) -> Int64 { instants[upperBound(last)] }
    /// The last instant at or before `instant`.
    func latest(at instant: Int64) -> Int64? {
        let index = upperBound(instant)
        return index > 0 ? instants[index - 1] : nil
    }
    func count(from first: Int64, through last: Int64) -> Int { upperBound(last) - upperBound(first - 1) }
    func contains(_ instant: Int64) -> Bool { latest(at: instant) == instant }

    private func upperBound(_ instant: Int64) -> Int {
        var (low, high) = (0, instants.count)
        while low < high {
            let middle = (low + high) / 2
            if instants[middle] <= instant { low = middle + 1 } else { high = middle }
        }
        return low
    }

    static func table(of schedule: CronSchedule) -> CronTable { (minutes + days).first { $0.schedule == schedule }! }

    // MARK: Made once

    private static let hour: Int64 = 3_600_000
    private static let day: Int64 = 24 * hour
    /// 2026-01-05T00:00:00Z.
    static let quiet: Int64 = 1_767_571_200_000
    /// Clock changes of 2026, forward and back: Europe/Berlin 03-29 and 10-25 (01:00Z), America/New_York 03-08
    /// (07:00Z) and 11-01 (06:00Z).
    static let changes: [Int64] = [1_774_746_000_000, 1_792_890_000_000, 1_772_953_200_000, 1_793_512_800_000]

    private static func offset(_ zone: String, _ instant: Int64) -> Int64 {
        zone == "Europe/Berlin"
            ? (instant >= changes[0] && instant < changes[1] ? 2 : 1) * hour
            : (instant >= changes[2] && instant < changes[3] ? -4 : -5) * hour
    }

    static let minutes: [CronTable] = [("*/20 * * * * *", 20), ("* * * * *", 60), ("*/2 * * * *", 120)].map {
        text, period in
        let span = stride(from: quiet - day / 24, through: quiet + day / 4, by: Int(period) * 1000)
        return CronTable(text, "UTC", Array(span))
    }

    static let days: [CronTable] = ["Europe/Berlin", "America/New_York"].flatMap { zone in
        [
            elapsed("0 * * * *", zone) { $0 % hour == 0 },
            elapsed("*/30 */2 * * *", zone) { $0 % (hour / 2) == 0 && $0 / hour % 2 == 0 },
            wallClock("30 2 * * *", zone, [2.5]), wallClock("0 1,2,3 * * *", zone, [1, 2, 3]),
            wallClock("15,45 1-2 * * *", zone, [1.25, 1.75, 2.25, 2.75]),
            wallClock("59 23 * * *", zone, [23 + 59 / 60.0]),
        ]
    }

    /// Each minute that really happens and whose local time matches.
    private static func elapsed(_ text: String, _ zone: String, _ matches: (Int64) -> Bool) -> CronTable {
        var instants: [Int64] = []
        for change in changes {
            for instant in stride(from: change - 6 * day, to: change + 12 * day, by: 1_800_000) {
                let local = (instant + offset(zone, instant)) % day
                if matches(local) { instants.append(instant) }
            }
        }
        return CronTable(text, zone, Set(instants).sorted())
    }

    /// Each local time once: at the first instant at which the clock shows it or has passed it.
    private static func wallClock(_ text: String, _ zone: String, _ hours: [Double]) -> CronTable {
        var instants: Set<Int64> = []
        for change in changes {
            let midnight = (change - 6 * day) / day * day
            for local in stride(from: midnight, to: midnight + 18 * day, by: Int(day)) {
                for time in hours { instants.insert(first(local + Int64((time * 60).rounded()) * 60_000, zone)) }
            }
        }
        return CronTable(text, zone, instants.sorted())
    }

    /// The first instant at which a clock in `zone` shows `local` or has passed it.
    private static func first(_ local: Int64, _ zone: String) -> Int64 {
        let candidates = [local - offset(zone, local - day), local - offset(zone, local + day)]
        if let shown = candidates.sorted().first(where: { $0 + offset(zone, $0) == local }) { return shown }
        // In a gap: the change itself is the first instant after it.
        return changes.first { abs($0 - candidates[0]) < 2 * hour }!
    }
}
