package import InsightsPlugin

/// A wall-clock schedule: a cron expression and the zone whose clock it means.
///
/// The dialect is five fields (minute, hour, day of month, month, day of week) or six with seconds first,
/// and `@hourly @daily @midnight @weekly @monthly @yearly @annually`; each field takes lists, ranges, steps
/// and names, `?` for `*`, and the day fields `L`, `LW`, `15W`, `5L` and `FRI#2`.
///
/// Clock changes. A schedule whose minute and hour do not begin with `*` follows the wall clock: each of its
/// local times fires at the first instant at which the clock shows that time *or has passed it*. So a time
/// that a change skips fires at the first instant after the gap, several skipped ones fire there once, and a
/// time that a change repeats fires the first time only. A schedule whose minute or hour begins with `*`
/// keeps to elapsed time: it fires at each matching instant that really happens.
///
/// Two schedules are equal when their texts and zones are.
///
/// - SeeAlso: `crontab(5)`, `cron(8)`.
package final class CronSchedule: Sendable {
    /// The expression as written.
    package let text: String
    /// The zone whose wall clock it follows.
    package let zone: Zone
    let fields: CronFields

    /// Reads an expression.
    ///
    /// - Throws: ``CronError`` when it is not one, or when it never fires: no year has such a day, or the
    ///   clock changes of `zone` always skip its times.
    package init(_ text: String, zone: Zone) throws(CronError) {
        self.text = text
        self.zone = zone
        fields = try CronParser.parse(text)
        guard fields.first(atOrAfter: CronSchedule.reference) != nil else {
            throw CronSchedule.neverFires(text, because: "no year has such a day")
        }
        // Only elapsed time can lose every one of its times to clock changes; the wall clock makes up for them.
        if fields.keepsElapsedTime, next(afterSecond: CronSchedule.reference) == nil {
            throw CronSchedule.neverFires(text, because: "clock changes in \(zone.identifier) skip each of its times")
        }
    }

    /// Returns the first instant this schedule is due strictly after `previous`.
    ///
    /// Strictness keeps an early timer from firing the same occurrence twice.
    ///
    /// - Parameter previous: The last *scheduled* instant, UTC; not the finish time.
    /// - Returns: An instant at most 41 years later (40 are the longest that a leap day on a given weekday
    ///   makes one wait), or `nil` when there is none.
    /// - Complexity: O(months until then); no I/O, no clock.
    /// - SeeAlso: `crontab(5)`.
    package func next(after previous: Instant) -> Instant? {
        next(afterSecond: previous.wholeSeconds).flatMap { Instant(exactSeconds: $0) }
    }

    /// ``next(after:)`` in seconds since 1970 UTC.
    func next(afterSecond second: Int64) -> Int64? {
        fields.keepsElapsedTime ? nextInElapsedTime(after: second) : nextOnWallClock(after: second)
    }

    /// Stretch by stretch of one offset: the first match that lies within its stretch.
    private func nextInElapsedTime(after second: Int64) -> Int64? {
        let limit = second + Int64(CronFields.horizonYears + 1) * 366 * 86_400
        var from = second + 1
        while from < limit {
            let span = zone.span(at: from)
            guard let local = fields.first(atOrAfter: from + span.offset) else { return nil }
            if local - span.offset < span.end { return local - span.offset }
            from = span.end
        }
        return nil
    }

    private func nextOnWallClock(after second: Int64) -> Int64? {
        guard let local = fields.first(atOrAfter: firstLocalNotReached(by: second)) else { return nil }
        return instant(reaching: local, after: second)
    }

    /// The first whole local second that the zone's clock has neither shown nor passed up to `second`.
    ///
    /// - Returns: The second after what it shows, or, within a repeat, after what it showed before it.
    func firstLocalNotReached(by second: Int64) -> Int64 {
        var span = zone.span(at: second)
        var local = second + 1 + span.offset
        // No change sets a clock back by more than two days.
        while span.start > second - CronSchedule.farthestChange {
            let before = zone.span(at: span.start - 1)
            local = max(local, span.start + before.offset)
            span = before
        }
        return local
    }

    /// The first second after `second` at which the zone's clock shows `local` or has passed it.
    private func instant(reaching local: Int64, after second: Int64) -> Int64 {
        // Nowhere is a clock more than 26 h ahead of UTC, so before this it cannot have reached `local`.
        var from = max(second + 1, local - 26 * 3600)
        while true {
            let span = zone.span(at: from)
            let reached = max(local - span.offset, from)
            if reached < span.end { return reached }
            from = span.end
        }
    }

    private static let farthestChange: Int64 = 2 * 86_400
    /// 2000-01-01: any start does, as what fires at all fires within the horizon.
    private static let reference: Int64 = 946_684_800

    private static func neverFires(_ text: String, because reason: String) -> CronError {
        CronError(
            text: text, offset: 0, message: "\"\(text)\" never fires: \(reason)",
            help: "change the day or the month")
    }
}

extension CronSchedule: Hashable {
    /// Whether both have the same text and zone.
    package static func == (left: CronSchedule, right: CronSchedule) -> Bool {
        left === right || left.text == right.text && left.zone == right.zone
    }

    /// Hashes text and zone.
    package func hash(into hasher: inout Hasher) {
        hasher.combine(text)
        hasher.combine(zone)
    }
}

extension CronSchedule: CustomStringConvertible {
    /// For people and logs: the expression and its zone, such as `0 6 * * MON-FRI (Europe/Berlin)`.
    package var description: String { "\(text) (\(zone.identifier))" }
}
