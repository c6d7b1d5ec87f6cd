package import InsightsPlugin

/// A coming clock change that moves or swallows one of a schedule's times.
package struct ClockChange: Hashable, Sendable {
    /// What happens to the local time.
    package enum Kind: String, Hashable, Sendable {
        /// The clock is set forward past it: the task runs at the first instant after the gap, or not at all when it
        /// keeps to elapsed time.
        case skipped
        /// The clock is set back and shows it twice: the task runs the first time only, or both times when it keeps to
        /// elapsed time.
        case repeated
    }

    /// When the clock changes.
    package var instant: Instant
    package var kind: Kind
    /// The first local time of the schedule that is concerned, such as `2026-03-29 02:30`.
    package var localTime: String
    /// What to tell a person, without a full stop.
    package var message: String
    /// The way out.
    package var help: String
}

extension CronSchedule {
    /// How far ahead a clock change is worth a warning: the next of each kind, and a month to spare.
    private static let warningSeconds: Int64 = 400 * 86_400

    /// The first clock change of the coming 400 days that skips or repeats one of this schedule's times.
    ///
    /// - Parameter from: Now; changes at or before it are over.
    /// - Returns: `nil` when none does, and for a schedule whose hour begins with `*`: there a missing or doubled
    ///   hour is what was asked for.
    package func clockChangeWarning(from: Instant) -> ClockChange? {
        guard !fields.isEveryHour else { return nil }
        let now = from.wholeSeconds
        var span = zone.span(at: now)
        while span.end <= now + CronSchedule.warningSeconds {
            let next = zone.span(at: span.end)
            let start = span.end + min(span.offset, next.offset)
            let end = span.end + max(span.offset, next.offset)
            if let local = fields.first(atOrAfter: start), local < end {
                return warning(at: span.end, from: span.offset, to: next.offset, local: local)
            }
            span = next
        }
        return nil
    }

    private func warning(at change: Int64, from before: Int64, to after: Int64, local: Int64) -> ClockChange {
        let kind = after > before ? ClockChange.Kind.skipped : .repeated
        let time = LocalText(local)
        let place = "in \(zone.identifier) on \(time.date)"
        let help = "choose an hour that no clock change touches, or `timezone: UTC`"
        let message =
            switch kind {
            case .skipped where fields.keepsElapsedTime:
                "\(time.time) does not exist \(place): the task does not run then"
            case .repeated where fields.keepsElapsedTime:
                "\(time.time) comes twice \(place): the task runs both times"
            case .skipped:
                "\(time.time) does not exist \(place): the task runs at \(LocalText(change + after).time) instead"
            case .repeated:
                "\(time.time) comes twice \(place): the task runs the first time only"
            }
        return ClockChange(
            instant: Instant(seconds: change), kind: kind, localTime: "\(time.date) \(time.time)", message: message,
            help: help)
    }
}

/// A local time as people read it.
private struct LocalText {
    let date: String
    /// Seconds only when there are any.
    let time: String

    init(_ local: Int64) {
        // A local time reads like the instant that shows it in UTC.
        let text = Instant(seconds: local).description
        date = String(text.prefix(10))
        let clock = text.dropFirst(11).prefix(8)
        time = clock.hasSuffix(":00") ? String(clock.dropLast(3)) : String(clock)
    }
}
