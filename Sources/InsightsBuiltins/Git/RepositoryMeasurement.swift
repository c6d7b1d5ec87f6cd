internal import InsightsPlugin

/// Measures one repository: reads no more than has changed since its state was written.
struct RepositoryMeasurement: Sendable {
    let view: GitView
    let processors: Int
    /// The run's scheduled instant, in seconds since 1970.
    let now: Int64
    /// Called with how many commits' changes are counted, and of how many.
    let progress: @Sendable (_ done: Int, _ total: Int) -> Void

    private var reader: HistoryReader { HistoryReader(view: view, processors: processors) }

    /// Reads the repository.
    ///
    /// - Parameters:
    ///   - references: Its branches and tags, as read just before.
    ///   - tips: The commits to count from.
    ///   - state: What the last run left.
    /// - Throws: ``RunFailure`` as ``GitFailure`` says; `CancellationError`.
    func figures(_ references: GitReferences, tips: [String], state: ActivityState?) async throws -> ActivityFigures {
        let mailmapCommit = tips.count == 1 ? tips[0] : references.headCommit ?? tips.first
        let plan = ActivityPlan(state, tips: tips, mailmapCommit: mailmapCommit, shallow: shallow, now: now)
        if case .unchanged(let reread) = plan, let state {
            return try await unchanged(state, reread: reread, tags: references.tags)
        }
        var former: [String] = []
        if case .moved(let from) = plan { former = from }
        let objects = try await lookUp(mailmapOf: mailmapCommit, former)
        let change = try await change(from: state, former: former, to: tips, areThere: objects.areThere)
        let reading = try await reader.read(
            tips, mailmap: objects.mailmap, selection: change.selection, now: now, progress: progress)
        var figures = ActivityFigures(
            reading, selection: change.selection, known: state?.days ?? [],
            authorsOfEveryDay: state?.mailmap != objects.mailmap, tags: references.tags,
            newCommits: change.newCommits ?? reading.tally.commits)
        figures.state = ActivityState(
            tips: tips, mailmapCommit: mailmapCommit, mailmap: objects.mailmap, shallow: shallow,
            commits: figures.commits, authors: figures.authors, first: figures.first,
            days: reading.tally.commitsByDay.keys.sorted(), recent: recent(reading.tally))
        return figures
    }

    private func unchanged(_ state: ActivityState, reread: Bool, tags: Int) async throws -> ActivityFigures {
        if !reread, let known = state.recent {
            var recent = RecentAuthors(before: now)
            for commit in known.commits { recent.add(commit.author, at: commit.seconds) }
            return ActivityFigures(unchanged: state, recent: recent, tags: tags)
        }
        let reading = try await reader.read(
            state.tips, mailmap: state.mailmap, selection: .only([]), now: now, progress: progress)
        var figures = ActivityFigures(unchanged: state, recent: reading.tally.recentAuthors, tags: tags)
        var remembered = state
        remembered.recent = recent(reading.tally)
        figures.state = remembered
        return figures
    }

    /// Which days changed: those of commits that came, and of commits that went. When a former tip is gone
    /// from the repository, that cannot be told, and every day is counted anew.
    private func change(
        from state: ActivityState?, former: [String], to tips: [String], areThere: Bool
    ) async throws -> (selection: DaySelection, newCommits: Int?) {
        guard state != nil, !former.isEmpty, areThere else { return (.every, nil) }
        let came = try await reader.days(of: tips, without: former)
        let went = try await reader.days(of: former, without: tips)
        return (.only(came.days.union(went.days)), came.commits)
    }

    /// Looks for the `.mailmap` of a commit, and for commits that were tips before.
    private func lookUp(
        mailmapOf commit: String?, _ former: [String]
    ) async throws -> (mailmap: String?, areThere: Bool) {
        guard let commit else { return (nil, false) }
        let names = ["\(commit):.mailmap"] + former
        let answers = try await view.output(
            ["cat-file", "--batch-check=%(objectname) %(objecttype)"],
            input: Array((names.joined(separator: "\n") + "\n").utf8))
        let lines = answers.split(separator: UInt8(ascii: "\n")).map { repairedText($0) }
        let mailmap = lines.first.flatMap { $0.hasSuffix(" blob") ? String($0.dropLast(5)) : nil }
        return (mailmap, lines.dropFirst().allSatisfy { $0.hasSuffix(" commit") })
    }

    private func recent(_ tally: HistoryTally) -> ActivityState.RecentCommits? {
        tally.recent.map {
            ActivityState.RecentCommits(
                since: RecentAuthors.start(before: now), commits: $0.sorted { $0.seconds < $1.seconds })
        }
    }

    /// Identifies where the history is cut: equal texts, equal cuts.
    private var shallow: String {
        guard !view.folder.shallow.isEmpty else { return "" }
        return "\(view.folder.shallowEdges) \(StableHash.of(view.folder.shallow))"
    }
}
