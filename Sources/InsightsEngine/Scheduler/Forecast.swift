package import InsightsPlugin

/// Coming occurrences, for people: what the planner would decide if nothing changed.
package enum Forecast {
    /// The first occurrences at or after `from`, by the planner's own rules with `from` as the clock.
    ///
    /// Pauses, missed occurrences and whether the task is enabled are not considered.
    ///
    /// - Parameters:
    ///   - stored: What is known of the task; `nil` without a store, and then the grid of `every` without `starting`
    ///     begins at `from`.
    ///   - count: At most this many; fewer when the schedule ends.
    ///   - isNow: Whether `from` is the present. A registered task with `every` of which no occurrence was ever decided is
    ///     due at once: then the first one is the newest at or before `from`, which a start would run.
    /// - Returns: In time order; empty for a task with `after`, which has no instants of its own.
    package static func occurrences(
        of definition: TaskDefinition, stored: StoredTask?, from: Instant, count: Int, isNow: Bool = true
    ) -> [Instant] {
        var occurrences: [Instant] = []
        let anchor = anchor(of: definition, stored, from)
        let overdue = isNow ? overdue(definition, stored, from, anchor) : nil
        var current = overdue ?? first(of: definition, stored, from, anchor)
        while occurrences.count < count, current != PlannedTask.never {
            occurrences.append(Instant(milliseconds: current))
            current = definition.cadence.next(after: current, anchor: anchor)
        }
        return occurrences
    }

    /// The first of them.
    package static func next(of definition: TaskDefinition, stored: StoredTask?, from: Instant) -> Instant? {
        occurrences(of: definition, stored: stored, from: from, count: 1).first
    }

    /// The first point of the grid of `every` without `starting`; it starts anew when the stored one lies more than
    /// an interval ahead.
    private static func anchor(of definition: TaskDefinition, _ stored: StoredTask?, _ from: Instant) -> Int64 {
        guard let stored, case .every(let every, _) = definition.cadence else { return from.milliseconds }
        let anchor = (stored.lastOccurrence ?? stored.registeredAt).milliseconds
        let (lead, overflow) = anchor.subtractingReportingOverflow(from.milliseconds)
        return !overflow && lead > every ? from.milliseconds : anchor
    }

    /// What a start at `from` would run at once.
    private static func overdue(
        _ definition: TaskDefinition, _ stored: StoredTask?, _ from: Instant, _ anchor: Int64
    ) -> Int64? {
        guard let stored, stored.lastOccurrence == nil, case .every = definition.cadence else { return nil }
        return definition.cadence.latest(at: from.milliseconds, anchor: anchor)
    }

    private static func first(
        of definition: TaskDefinition, _ stored: StoredTask?, _ from: Instant, _ anchor: Int64
    ) -> Int64 {
        // Strictly after the last occurrence, if that lies ahead by no more than the rule for clocks allows.
        var base = from.milliseconds == .min ? .min : from.milliseconds - 1
        if let last = stored?.lastOccurrence?.milliseconds, last > base {
            let (lead, overflow) = last.subtractingReportingOverflow(from.milliseconds)
            let longest: Int64 =
                switch definition.cadence {
                case .every(let every, _): every
                case .cron, .after: Planner.cronLead
                }
            if !overflow, lead <= longest { base = last }
        }
        return definition.cadence.next(after: base, anchor: anchor)
    }
}
