package import InsightsPlugin

/// What really happened, day by day, and what the forge tells of it when.
///
/// Everything is a pure function of the seed and the day, so that a test can compute what any collection could have
/// seen: today grows with the time of day, a day that ended may be revised upward twice within 26 hours, and from
/// ``settledAt(_:)`` on it is told as it was.
package struct TrafficTruth: Sendable {
    /// What the days are drawn from.
    package var seed: UInt64
    /// About how many views a day has; 0 for a repository that nobody visits.
    package var viewsPerDay: Int
    /// The first day with traffic, midnight UTC.
    package var firstDay: Instant
    /// Days that a test sets itself, by their midnight.
    package var fixedDays: [Instant: TrafficDay] = [:]
    /// Whether days are revised after they ended.
    package var isRevised = true

    /// Creates a truth from a seed.
    package init(seed: UInt64, viewsPerDay: Int, firstDay: Instant) {
        self.seed = seed
        self.viewsPerDay = viewsPerDay
        self.firstDay = firstDay.startOfDay
    }

    /// What happened on `day`, revisions included.
    ///
    /// - Parameter day: Midnight UTC.
    package func truth(on day: Instant) -> TrafficDay {
        if let fixed = fixedDays[day] { return fixed }
        guard day >= firstDay, viewsPerDay > 0 else { return TrafficDay() }
        let number = UInt64(bitPattern: day.unixSeconds / 86_400)
        let dice = Dice(seed: seed)
        // A day in twelve is empty, weekends are quiet: 1970-01-01 was a Thursday, so 2 and 3 are its weekend.
        guard dice.roll(number, 1) % 12 != 0 else { return TrafficDay() }
        let crowd = Double(viewsPerDay) * (number % 7 == 2 || number % 7 == 3 ? 0.45 : 1.1)
        let views = Int(crowd * (0.4 + 1.2 * dice.fraction(number, 2)))
        let clones = Int(crowd * 0.3 * (0.2 + 1.6 * dice.fraction(number, 3)))
        func unique(_ count: Int, _ word: UInt64) -> Int {
            count == 0 ? 0 : max(1, Int(Double(count) * (0.3 + 0.4 * dice.fraction(number, word))))
        }
        return TrafficDay(
            views: views, viewsUnique: unique(views, 4), clones: clones, clonesUnique: unique(clones, 5))
    }

    /// What the forge tells of `day` at `now`, whatever its window is.
    ///
    /// - Parameter day: Midnight UTC.
    package func told(of day: Instant, at now: Instant) -> TrafficDay {
        let elapsed = now.milliseconds - day.milliseconds
        guard elapsed > 0 else { return TrafficDay() }
        let truth = truth(on: day)
        let length: Int64 = 86_400_000
        guard elapsed < length else {
            return truth.scaled(100 - missingPercent(of: day, since: elapsed - length), of: 100)
        }
        return truth.scaled((100 - missingPercent(of: day, since: 0)) * elapsed, of: 100 * length)
    }

    /// From when the forge tells of `day` what really happened.
    ///
    /// - Parameter day: Midnight UTC.
    package func settledAt(_ day: Instant) -> Instant {
        revises(day) ? day.advanced(by: .seconds(86_400 + 26 * 3600)) : day.day(after: 1)
    }

    /// What collections at `instants` could know of `day`, from a forge whose window is so many days, today among them.
    ///
    /// - Returns: What the last of them that saw the day was told, and whether the day had ended by then; `nil` when
    ///   none saw it, which makes the day a gap like one that none saw ended.
    package func known(
        of day: Instant, at instants: [Instant], windowDays: Int = 14
    ) -> (told: TrafficDay, hadEnded: Bool)? {
        let seen = instants.filter { day <= $0 && $0 < day.day(after: windowDays) }
        return seen.max().map { (told(of: day, at: $0), $0 >= day.day(after: 1)) }
    }

    /// The visitors of several days together, some of whom came on more than one: at least those of the best day, at
    /// most their sum.
    package static func uniques(_ days: [Int]) -> Int {
        max(days.max() ?? 0, days.reduce(0, +) * 3 / 4)
    }

    /// A day in three is revised.
    private func revises(_ day: Instant) -> Bool {
        isRevised && Dice(seed: seed).roll(UInt64(bitPattern: day.unixSeconds / 86_400), 6) % 3 == 0
    }

    private func missingPercent(of day: Instant, since ended: Int64) -> Int64 {
        guard revises(day), ended < 26 * 3_600_000 else { return 0 }
        return ended < 6 * 3_600_000 ? 8 : 3
    }
}
