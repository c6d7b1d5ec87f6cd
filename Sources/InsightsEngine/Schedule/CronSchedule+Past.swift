package import InsightsPlugin

/// What fell due meanwhile: after a long outage `catch_up` needs the last missed occurrence and how many
/// there were, and a task that is due every second misses thirty million a year.
extension CronSchedule {
    /// The last instant this schedule was due at or before `instant`.
    ///
    /// - Returns: `nil` when there was none within the 41 years before.
    /// - Complexity: At most some seventy calls of ``next(after:)``, however long the gap.
    package func latest(at instant: Instant) -> Instant? {
        let second = instant.wholeSeconds
        let farthest = Int64(CronFields.horizonYears + 1) * 366 * 86_400
        var back: Int64 = 1
        // Invariant of the search: `low` was due, and after `high` nothing more was due up to `second`.
        var low: Int64?
        while low == nil, back <= farthest * 2 {
            low = next(after: second - back, atMost: second)
            back *= 2
        }
        guard var low else { return nil }
        var high = second
        while low < high {
            let middle = low + (high - low) / 2
            if let later = next(after: middle, atMost: second) { low = later } else { high = middle }
        }
        return Instant(exactSeconds: low)
    }

    private func next(after second: Int64, atMost last: Int64) -> Int64? {
        next(afterSecond: second).flatMap { $0 <= last ? $0 : nil }
    }

    /// How many times this schedule was due in (`start`, `end`]: after `start`, up to and including `end`.
    ///
    /// - Complexity: O(months and clock changes between), not O(occurrences).
    package func count(after start: Instant, through end: Instant) -> Int {
        let (first, last) = (start.wholeSeconds, end.wholeSeconds)
        guard last > first else { return 0 }
        return fields.keepsElapsedTime ? elapsedCount(first, last) : wallClockCount(first, last)
    }

    private func elapsedCount(_ first: Int64, _ last: Int64) -> Int {
        var count = 0
        var from = first + 1
        while from <= last {
            let span = zone.span(at: from)
            let end = min(span.end, last + 1)
            count += fields.count(from: from + span.offset, to: end + span.offset)
            from = end
        }
        return count
    }

    private func wallClockCount(_ first: Int64, _ last: Int64) -> Int {
        let reached = firstLocalNotReached(by: first)
        var count = fields.count(from: reached, to: firstLocalNotReached(by: last))
        var span = zone.span(at: first)
        while span.end <= last {
            let next = zone.span(at: span.end)
            // Every time in a gap, and that of its last instant, fire there once.
            let gap = max(reached, span.end + span.offset)
            count -= max(0, fields.count(from: gap, to: span.end + next.offset + 1) - 1)
            span = next
        }
        return count
    }
}
