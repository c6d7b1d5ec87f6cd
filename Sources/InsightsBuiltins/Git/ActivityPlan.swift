/// What is to be read of a repository, from what is known and what is there.
enum ActivityPlan: Equatable {
    /// Nothing changed; `reread` when the recent commits have to be read all the same, to tell the gauges.
    case unchanged(reread: Bool)
    /// The tips moved from these commits, which are to be compared with, if they are still there.
    case moved(from: [String])
    /// Everything is to be read.
    case everything

    /// - Parameters:
    ///   - state: What the last run left.
    ///   - now: The run's scheduled instant, in seconds since 1970.
    init(_ state: ActivityState?, tips: [String], mailmapCommit: String?, shallow: String, now: Int64) {
        guard let state, state.shallow == shallow, !state.tips.isEmpty || tips.isEmpty else {
            self = .everything
            return
        }
        if state.tips == tips, state.mailmapCommit == mailmapCommit {
            // An earlier instant than last time reaches further back than what was remembered then.
            let isCovered = state.recent.map { $0.since <= RecentAuthors.start(before: now) } ?? false
            self = .unchanged(reread: !isCovered)
        } else {
            self = .moved(from: state.tips)
        }
    }
}

/// Which days' figures have to be told again.
enum DaySelection: Equatable, Sendable {
    case every
    case only(Set<UTCDay>)

    func contains(_ day: UTCDay) -> Bool {
        switch self {
        case .every: true
        case .only(let days): days.contains(day)
        }
    }
}
