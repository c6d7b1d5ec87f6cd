internal import InsightsPlugin

/// What one reading of a repository has to tell: days, gauges and the state to remember.
struct ActivityFigures: Sendable {
    /// One day's figures; all 0 when the day lost its commits.
    struct Day: Equatable, Sendable {
        var day: UTCDay
        var commits: Int
        var authors: Int
        /// `nil` when only who is who has changed, and lines have not.
        var lines: LineCount?
    }

    /// The days whose figures are new, oldest first.
    var days: [Day] = []
    var commits: Int
    var authors: Int
    var authors90d: Int
    var contributorAbsenceFactor: Int
    /// The earliest committer date in seconds since 1970; `nil` without commits.
    var first: Int64?
    var tags: Int
    /// Commits that were not there at the last reading.
    var newCommits: Int
    /// What to remember; `nil` when nothing changed.
    var state: ActivityState?

    /// The samples of one subject, for a store that adds nothing of its own.
    ///
    /// - Parameters:
    ///   - scheduledAt: What ages count back from.
    ///   - now: When the gauges were read.
    func samples(of subject: SubjectReference, scheduledAt: Instant, now: Instant) -> [Sample] {
        var samples: [Sample] = []
        samples.reserveCapacity(days.count * 4 + 6)
        for day in days {
            let midnight = day.day.midnight
            func add(_ metric: String, _ value: Int) {
                samples.append(Sample(subject, metric, at: midnight, Double(value)))
            }
            add(ActivityMetrics.authorsUnique, day.authors)
            guard let lines = day.lines else { continue }
            add(ActivityMetrics.commits, day.commits)
            add(ActivityMetrics.linesAdded, lines.added)
            add(ActivityMetrics.linesDeleted, lines.deleted)
        }
        var gauges = [
            (ActivityMetrics.commitsTotal, commits), (ActivityMetrics.authorsTotal, authors),
            (ActivityMetrics.authors90d, authors90d),
            (ActivityMetrics.contributorAbsenceFactor, contributorAbsenceFactor), (ActivityMetrics.tags, tags),
        ]
        if let first {
            let age = scheduledAt.milliseconds / 1000 - first
            gauges.append((ActivityMetrics.ageDays, Int(max(0, age) / 86_400)))
        }
        return samples + gauges.map { Sample(subject, $0.0, at: now, Double($0.1)) }
    }
}

extension ActivityFigures {
    /// Puts together what a reading found.
    ///
    /// - Parameters:
    ///   - selection: The days whose lines were counted.
    ///   - known: Days that had figures before: those that lost all their commits are told as 0.
    ///   - authorsOfEveryDay: Whether `.mailmap` changed, and with it who is who on every day.
    init(
        _ reading: HistoryReader.Reading, selection: DaySelection, known: [UTCDay], authorsOfEveryDay: Bool, tags: Int,
        newCommits: Int
    ) {
        var tally = reading.tally
        let authorsByDay = tally.authorsByDay()
        let counted = Set(tally.commitsByDay.keys)
        for day in counted.union(known.filter(selection.contains)).sorted() {
            let isSelected = selection.contains(day)
            guard isSelected || authorsOfEveryDay else { continue }
            days.append(
                Day(
                    day: day, commits: tally.commitsByDay[day] ?? 0, authors: authorsByDay[day] ?? 0,
                    lines: isSelected ? reading.lines[day] ?? LineCount() : nil))
        }
        commits = tally.commits
        authors = tally.authors
        authors90d = tally.recentAuthors.authors90d
        contributorAbsenceFactor = tally.recentAuthors.contributorAbsenceFactor
        first = tally.first
        self.tags = tags
        self.newCommits = newCommits
    }

    /// The figures of a repository that has not changed since `state`.
    init(unchanged state: ActivityState, recent: RecentAuthors, tags: Int) {
        commits = state.commits
        authors = state.authors
        authors90d = recent.authors90d
        contributorAbsenceFactor = recent.contributorAbsenceFactor
        first = state.first
        self.tags = tags
        newCommits = 0
    }
}
