internal import InsightsPlugin
internal import Synchronization

/// Reads the history of a repository: all commits in one cheap pass, and the changes of those that are asked
/// for by as many git processes as there are processors.
struct HistoryReader: Sendable {
    /// What a reading yields.
    struct Reading: Sendable {
        var tally: HistoryTally
        /// Lines by day, of the selected days.
        var lines: [UTCDay: LineCount]
    }

    /// Commits whose ids are held at a time: 45 bytes each.
    private static let windowSize = 500_000
    /// Commits a process, at most: its memory grows with them.
    private static let blockLimit = 4096
    /// Processes a processor, at least: they do not take equally long, and the last one is waited for.
    private static let blocksPerProcessor = 4

    let view: GitView
    /// git processes at once.
    let processors: Int

    /// Reads the history of `tips`, and the changes of the commits of the days in `selection`.
    ///
    /// - Parameters:
    ///   - mailmap: The id of the `.mailmap` to use; `nil` for none.
    ///   - now: The run's scheduled instant, in seconds since 1970.
    ///   - progress: Called with how many commits' changes are counted, and of how many.
    func read(
        _ tips: [String], mailmap: String?, selection: DaySelection, now: Int64,
        progress: @escaping @Sendable (_ done: Int, _ total: Int) -> Void
    ) async throws -> Reading {
        let survey = CommitSurvey(
            tally: HistoryTally(at: now), selection: selection)
        var lines: [UTCDay: LineCount] = [:]
        var skip = 0
        var isAtEnd = tips.isEmpty
        while !isAtEnd {
            let before = survey.commits
            try await walk(
                tips, without: [], mailmap: mailmap,
                options: ["--skip=\(skip)", "--max-count=\(HistoryReader.windowSize)"], survey.take)
            let blocks = blocks(of: survey.takeSelected())
            for (day, count) in try await countLines(of: blocks, progress) { lines[day, default: LineCount()] += count }
            isAtEnd = survey.commits - before < HistoryReader.windowSize
            skip += HistoryReader.windowSize
        }
        return Reading(tally: survey.tally, lines: lines)
    }

    /// The days of the commits that `tips` reach and `others` do not, and how many these commits are.
    func days(of tips: [String], without others: [String]) async throws -> (days: Set<UTCDay>, commits: Int) {
        guard !tips.isEmpty else { return ([], 0) }
        let survey = CommitSurvey(tally: HistoryTally(at: 0), selection: .only([]))
        try await walk(tips, without: others, mailmap: nil, options: [], survey.take)
        return (Set(survey.tally.commitsByDay.keys), survey.commits)
    }

    private func walk(
        _ tips: [String], without others: [String], mailmap: String?, options: [String],
        _ take: @escaping @Sendable ([UInt8]) throws -> Void
    ) async throws {
        let revisions = (tips + others.map { "^" + $0 }).map { $0 + "\n" }.joined()
        // A name that cannot be resolved: git then reads no .mailmap, also not the one it would look for.
        let setting = "mailmap.blob=\(mailmap ?? "none:none")"
        try await view.run(
            ["-c", setting, "log", "--stdin", "--format=\(CommitRecord.format)", "--no-color", "--no-notes"] + options,
            input: Array(revisions.utf8), onOutput: take)
    }

    private func blocks(of commits: CommitBlock) -> [CommitBlock] {
        let fair = commits.count / (processors * HistoryReader.blocksPerProcessor) + 1
        return commits.cut(every: max(64, min(fair, HistoryReader.blockLimit)))
    }

    private func countLines(
        of blocks: [CommitBlock], _ progress: @escaping @Sendable (Int, Int) -> Void
    ) async throws -> [UTCDay: LineCount] {
        let total = blocks.reduce(0) { $0 + $1.count }
        return try await withThrowingTaskGroup(of: (Int, [UTCDay: LineCount]).self) { group in
            var waiting = blocks[...]
            for _ in 0..<processors {
                if let block = waiting.popFirst() { group.addTask { try await (block.count, count(block)) } }
            }
            var done = 0
            var lines: [UTCDay: LineCount] = [:]
            for try await (commits, counts) in group {
                if let block = waiting.popFirst() { group.addTask { try await (block.count, count(block)) } }
                for (day, count) in counts { lines[day, default: LineCount()] += count }
                done += commits
                progress(done, total)
            }
            return lines
        }
    }

    /// As `git log --numstat` counts: renames found as it finds them, a root commit against nothing.
    private func count(_ block: CommitBlock) async throws -> [UTCDay: LineCount] {
        let counter = Mutex(LineCounter(block))
        try await view.run(
            ["diff-tree", "--stdin", "-r", "-M", "--root", "--numstat", "--no-ext-diff", "--no-textconv"],
            input: block.input
        ) { bytes in
            do {
                try counter.withLock { try $0.take(bytes) }
            } catch {
                throw RunFailure("git_failed", "git diff-tree printed what it never does", retryable: false)
            }
        }
        return counter.withLock { $0.counts }
    }
}

/// Takes what `git log` prints, commit by commit.
private final class CommitSurvey: Sendable {
    private struct State {
        var splitter = LineSplitter(limit: 1 << 20)
        var isWithinLine = false
        var tally: HistoryTally
        var selected = CommitBlock()
    }

    private let state: Mutex<State>
    private let selection: DaySelection

    init(tally: HistoryTally, selection: DaySelection) {
        state = Mutex(State(tally: tally))
        self.selection = selection
    }

    var tally: HistoryTally { state.withLock { $0.tally } }

    var commits: Int { state.withLock { $0.tally.commits } }

    @Sendable func take(_ bytes: [UInt8]) {
        state.withLock { state in
            var splitter = state.splitter
            splitter.feed(bytes) { piece in
                switch piece {
                case .part(let line):
                    // Only a name can be that long, and it comes last.
                    if !state.isWithinLine { add(line, &state) }
                    state.isWithinLine = true
                case .line(let line):
                    if !state.isWithinLine { add(line, &state) }
                    state.isWithinLine = false
                }
            }
            state.splitter = splitter
        }
    }

    /// The commits to count lines of, since the last call.
    func takeSelected() -> CommitBlock {
        state.withLock { state in
            defer { state.selected = CommitBlock() }
            return state.selected
        }
    }

    private func add(_ line: ArraySlice<UInt8>, _ state: inout State) {
        guard let commit = CommitRecord(line: line) else { return }
        state.tally.add(commit)
        let day = UTCDay(holding: commit.seconds)
        if !commit.isMerge, selection.contains(day) { state.selected.append(commit.id, day) }
    }
}
