internal import InsightsPlugin

/// The days that a forge's traffic answer speaks of: today, which is partial, and some before it. Older ones are gone
/// for good.
struct TrafficWindow: Hashable, Sendable {
    /// Today by the forge's own clock.
    let today: UTCDay
    /// Its first day.
    let first: UTCDay

    /// - Parameters:
    ///   - instant: The forge's time when it answered.
    ///   - days: How many days it tells, today included.
    init(at instant: Instant, days: Int) {
        today = instant.utcDay
        first = UTCDay(number: today.number - Int32(days) + 1)
    }

    /// The days that nobody can tell any more: from the day on that was not over at the last reading, up to the
    /// window.
    ///
    /// The last reading's own day had a part of its figure only; that part stays, within the gap.
    ///
    /// - Parameters:
    ///   - lastRead: The forge's time of the last reading that had every day; `nil` when there was none: what lies
    ///     before the first reading was never to be collected.
    ///   - told: The days that this answer has. Right before the window they count, should the forge tell more than it
    ///     promises, or have made its answer before a midnight that passed on the way; one of long ago does not.
    func gap(since lastRead: Instant?, told: Set<UTCDay>) -> ClosedRange<UTCDay>? {
        guard let lastRead else { return nil }
        var known = first
        while told.contains(UTCDay(number: known.number - 1)) { known = UTCDay(number: known.number - 1) }
        let open = lastRead.utcDay
        return open < known ? open...UTCDay(number: known.number - 1) : nil
    }

    /// Whether a day can be one of the answer: not of the future, but for a midnight that passed on the way.
    func accepts(_ day: UTCDay) -> Bool { day.number <= today.number + 1 && day.number > today.number - 400 }
}

/// The daily figures of one traffic answer.
struct TrafficReading: Hashable, Sendable {
    /// Of each day: its figure by metric.
    var days: [UTCDay: [String: Double]] = [:]
    /// Whether every day could be read. Otherwise the reading counts as none for what is lost later.
    var isComplete = true
    /// Why not.
    var problem: String?

    /// Reads the list of days.
    ///
    /// - Parameters:
    ///   - list: The member with the days.
    ///   - name: Its name, for people.
    ///   - date: The name of a day's date.
    ///   - members: The name of each figure, by metric.
    init(_ list: Value?, _ name: String, date: String, members: [String: String], window: TrafficWindow) {
        guard let items = list?.array else {
            (isComplete, problem, told) = (false, "the answer has no list \(name)", [])
            return
        }
        for item in items {
            guard let day = item[date]?.string.flatMap({ Instant($0) })?.utcDay, window.accepts(day) else {
                (isComplete, problem) = (false, "a day of \(name) has no proper date")
                continue
            }
            for (metric, member) in members {
                guard let count = item[member]?.lenientCount else {
                    (isComplete, problem) = (false, "a day of \(name) has no proper \(member)")
                    continue
                }
                days[day, default: [:]][metric] = Double(count)
            }
        }
        told = Set(days.filter { $0.value.count == members.count }.keys)
    }

    /// The days with every figure.
    let told: Set<UTCDay>
}

extension Instant {
    /// The UTC day it lies in.
    var utcDay: UTCDay { UTCDay(holding: startOfDay.milliseconds / 1000) }
}
