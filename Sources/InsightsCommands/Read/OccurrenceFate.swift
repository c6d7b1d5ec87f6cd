internal import InsightsEngine
internal import InsightsPlugin

/// What became of an occurrence.
enum OccurrenceFate: Sendable {
    /// It is a run, ended or not.
    case run(RunRecord)
    /// It was skipped, alone or with others in one record.
    case skipped(RunRecord)
    /// It lies ahead.
    case toCome
    /// It is due, and nothing has been decided yet.
    case undecided
    /// It lies before the task was known, or before its `starting`.
    case beforeRegistration(Instant)
    /// The grid of `every` begins with a registration that has not happened.
    case notRegistered
    /// The cadence has no such instant; the nearest ones it has.
    case notAnOccurrence(before: Instant?, after: Instant?)
    /// The task has no instants of its own, and nothing is recorded at this one.
    case onlyAfterOthers([String])
    /// It should have been, and there is no record any more, or never was.
    case noRecord

    /// Decides from what is stored and what the cadence says.
    ///
    /// - Parameters:
    ///   - record: What the store has about the occurrence.
    ///   - stored: The task's row, if it was ever registered.
    static func of(
        _ instant: Instant, of definition: TaskDefinition, stored: StoredTask?, record: RunRecord?, now: Instant
    ) -> OccurrenceFate {
        if let record { return record.status == .skipped ? .skipped(record) : .run(record) }
        let nearest: (isDue: Bool, before: Instant?, after: Instant?)
        switch definition.cadence {
        case .after(let tasks): return .onlyAfterOthers(tasks)
        case .every(let interval, let starting):
            guard let first = starting ?? stored?.registeredAt else { return .notRegistered }
            guard instant >= first else { return .beforeRegistration(first) }
            let anchor = starting ?? gridPoint(atOrBefore: instant, every: interval, stored: stored) ?? first
            let before = EveryGrid.latest(at: instant, every: interval, anchor: anchor)
            nearest = (
                before == instant, before, EveryGrid.next(after: instant, every: interval, anchor: anchor)
            )
        case .cron(let schedule):
            let before = schedule.latest(at: instant)
            nearest = (before == instant, before, schedule.next(after: instant))
        }
        guard nearest.isDue else { return .notAnOccurrence(before: nearest.before, after: nearest.after) }
        if instant > now { return .toCome }
        guard let stored else { return .notRegistered }
        if instant < stored.registeredAt { return .beforeRegistration(stored.registeredAt) }
        // Of a disabled task nothing falls due: what is not recorded never will be.
        guard definition.settings.isEnabled else { return .noRecord }
        guard let last = stored.lastOccurrence, last >= instant else { return .undecided }
        return .noRecord
    }

    /// A point of the grid of `every` without `starting`, which counts from the last occurrence: a cadence that was
    /// changed, or a clock that was set back, moved the grid away from the registration.
    private static func gridPoint(atOrBefore instant: Instant, every: Int64, stored: StoredTask?) -> Instant? {
        guard let last = stored?.lastOccurrence else { return nil }
        let ahead = last.milliseconds - instant.milliseconds
        guard ahead > 0 else { return last }
        return Instant(milliseconds: last.milliseconds - (ahead + every - 1) / every * every)
    }

    /// The word for programs.
    var word: String {
        switch self {
        case .run: "run"
        case .skipped: "skipped"
        case .toCome: "to_come"
        case .undecided: "undecided"
        case .beforeRegistration, .notRegistered: "before_registration"
        case .notAnOccurrence: "not_an_occurrence"
        case .onlyAfterOthers: "only_after_others"
        case .noRecord: "no_record"
        }
    }

    /// The run or the record of the skip.
    var record: RunRecord? {
        switch self {
        case .run(let record), .skipped(let record): record
        default: nil
        }
    }
}
