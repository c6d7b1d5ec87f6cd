internal import InsightsEngine
internal import InsightsPlugin

/// Writes runs: claims, starts, ends, skips, and what follows from them for their tasks.
///
/// What is to be written is decided here; how, by ``RunStatements`` and ``ProgressStatements``.
final class RunWriter {
    typealias Row = RunStatements.Row

    private let source: any StatementSource
    private let names: NameTable
    private let runs: RunStatements
    private let progress: ProgressStatements
    /// The number of the node's name.
    private(set) var node: Int64?
    /// Tasks whose progress a refused claim of this batch has moved.
    private var moved: Set<TaskID> = []

    init(_ source: any StatementSource) throws {
        self.source = source
        names = try NameTable(source)
        runs = try RunStatements(source)
        progress = try ProgressStatements(source, together: RunStatements.together)
    }

    /// Makes ready for a batch; to be called within its transaction.
    func begin(node: String?) throws {
        try source.begin()
        self.node = try node.map(names.id)
        moved = []
    }

    func forgetNames() { names.forget() }

    func number(of name: String) throws -> Int64 { try names.id(name) }

    func row(of run: RunID) throws -> Row? { try runs.row(of: run) }

    // MARK: Claims

    /// How many writes from `start` on are claims of occurrences that may be inserted together:
    /// ``RunStatements/together``, or none.
    static func claimsTogether(_ writes: [StoreWrite], from start: Int) -> Int {
        let together = RunStatements.together
        guard start + together <= writes.count else { return 0 }
        for index in start..<start + together {
            guard case .claim(let claim) = writes[index], claim.occurrence == claim.scheduledAt, !claim.clearsMarks,
                !claim.startsAnew
            else {
                return 0
            }
        }
        return together
    }

    /// Claims ``RunStatements/together`` occurrences by one statement, if all are to be had.
    ///
    /// - Returns: `nil` when some are not, or lie before their task's newest: undo it, and claim one by one.
    func claim(_ writes: ArraySlice<StoreWrite>) throws -> [WriteOutcome]? {
        var claims = 0
        for write in writes {
            guard case .claim(let claim) = write else { continue }
            let row = try source.nextRow()
            runs.bind(claim, to: claims, row: row, uses: try names.id(claim.uses), node: node)
            progress.bind(claim.task, to: claim.scheduledAt, row: row, place: claims)
            claims += 1
        }
        guard try runs.insertBound() == claims, try progress.advanceBound() == claims else { return nil }
        return [WriteOutcome](repeating: .done, count: claims)
    }

    /// Claims one occurrence, or makes a run of a trigger by hand.
    func claim(_ claim: Claim) throws -> WriteOutcome {
        if let occurrence = claim.occurrence, occurrence != claim.scheduledAt {
            throw Rejection("claim", "an occurrence is the instant for which it is scheduled")
        }
        let row = try source.nextRow()
        let isIn = try runs.insert(claim, as: row, uses: try names.id(claim.uses), node: node)
        guard isIn else { return try again(claim) }
        if claim.startsAnew {
            try progress.goBack(claim.task, to: claim.scheduledAt, row: row)
        } else if claim.occurrence != nil {
            if try !progress.advance(claim.task, to: claim.scheduledAt, row: row) {
                let outcome = try settle(claim, insertedAs: row)
                guard outcome == .done else { return outcome }
            }
        } else {
            try progress.advanceHand(claim.task, to: claim.scheduledAt, row: row)
        }
        if claim.clearsMarks { try progress.clearMarks(of: claim.task) }
        return .done
    }

    /// A claim that adds no row: its occurrence is taken, or the batch is sent again. Then what was refused in it has moved
    /// the task's progress a second time, and this one follows.
    private func again(_ claim: Claim) throws -> WriteOutcome {
        guard let own = try runs.row(of: claim.run) else { return .conflict }
        if claim.occurrence != nil, moved.contains(claim.task) {
            try progress.advance(claim.task, to: claim.scheduledAt, row: own.row)
        }
        return .done
    }

    /// Tells a claim that has its row, now or from an earlier try, from one whose occurrence is taken: by another run,
    /// or by a record of several skipped occurrences, which only its first one shows in the index.
    private func settle(_ claim: Claim, insertedAs row: Int64) throws -> WriteOutcome {
        guard let found = try runs.row(of: claim.run) else { return .conflict }
        guard found.row == row, try runs.isInSkippedRange(claim.task, claim.scheduledAt) else { return .done }
        try runs.delete(row)
        return .conflict
    }

    /// What a refused claim changes all the same: its instant is decided, so the task's progress starts anew there, and
    /// marks as old as that will not start the task again.
    func noteTaken(_ claim: Claim) throws {
        if claim.startsAnew {
            try progress.move(claim.task, toTaken: claim.scheduledAt)
            moved.insert(claim.task)
        }
        if claim.clearsMarks { try progress.clearMarks(of: claim.task, through: claim.scheduledAt) }
    }

    func mark(_ mark: AfterMark) throws { try progress.mark(mark) }

    // MARK: Attempts

    /// - Parameter takesPlace: Asked when nothing else is in the way of the start: whether there is the place it needs.
    func start(_ start: AttemptStart, takesPlace: () throws -> Bool) throws -> WriteOutcome {
        guard let run = try runs.row(of: start.run), !run.status.isFinal else { return .conflict }
        let isGoing = run.status == .running && run.attemptFence == run.fence
        if isGoing {
            let isRepeated = run.fence == start.fence + 1 && run.attempt == Int64(start.attempt)
            return isRepeated ? .done : .conflict
        }
        guard run.fence == start.fence else { return .conflict }
        guard try takesPlace() else { return .noPlace }
        try runs.start(run.row, start, node: node)
        return .done
    }

    /// Writes the end of an attempt or a run; that it may has been checked.
    func finish(_ finish: AttemptFinish, _ run: Row, _ stored: PayloadWriter.Stored) throws {
        try runs.finish(run.row, finish, stored)
        if finish.disposition.status == .succeeded { try progress.noteSuccess(finish.task, at: run.scheduledAt) }
    }

    /// Writes down what a checkpoint left.
    func note(_ stored: PayloadWriter.Stored, of run: Row) throws { try runs.note(stored, in: run.row) }

    // MARK: Skips

    /// Records skipped occurrences; those that a run or a record already tells of are left alone.
    func skip(_ skip: SkipRecord) throws -> WriteOutcome {
        if skip.startsAnew { return try skipAnew(skip) }
        let newest = try progress.newest(of: skip.task)
        let isNewer = newest?.occurrence.map { $0 < skip.from.milliseconds } ?? true
        if isNewer, let newest, newest.occurrence != nil, newest.reason == skip.reason.rawValue {
            try extend(newest.row, by: skip)
        } else if try isTaken(skip.task, skip.from) {
            guard isNewer else { return .done }
            try insertRest(of: skip)
        } else if try isNewer || !runs.isInSkippedRange(skip.task, skip.from) {
            try insert(skip)
        } else {
            return .done
        }
        if skip.clearsMarks { try progress.clearMarks(of: skip.task) }
        return .done
    }

    private func skipAnew(_ skip: SkipRecord) throws -> WriteOutcome {
        guard try runs.row(of: skip.run) == nil else { return .done }
        if try isTaken(skip.task, skip.from) {
            try progress.move(skip.task, toTaken: skip.from)
            try insertRest(of: skip)
        } else {
            try insert(skip)
        }
        if skip.clearsMarks { try progress.clearMarks(of: skip.task) }
        return .done
    }

    private func isTaken(_ task: TaskID, _ occurrence: Instant) throws -> Bool {
        try runs.row(of: task, at: occurrence) != nil
    }

    /// Of a record whose first instant was decided under a wrong clock: the others, from a millisecond after it on, as
    /// the store knows no grid.
    private func insertRest(of skip: SkipRecord) throws {
        var rest = skip
        rest.from = Instant(milliseconds: skip.from.milliseconds + 1)
        rest.count -= 1
        guard rest.count > 0, try !isTaken(rest.task, rest.from) else {
            let row = try runs.row(of: skip.task, at: skip.from)
            try progress.advance(skip.task, to: skip.from, row: row ?? 0)
            return
        }
        try insert(rest)
    }

    private func extend(_ row: Int64, by skip: SkipRecord) throws {
        try runs.extend(row, by: skip)
        try progress.advance(skip.task, to: skip.until, row: row)
    }

    private func insert(_ skip: SkipRecord) throws {
        let row = try source.nextRow()
        try runs.insert(skip, as: row, uses: try names.id(skip.uses))
        if skip.startsAnew {
            try progress.goBack(skip.task, to: skip.until, row: row)
        } else {
            try progress.advance(skip.task, to: skip.until, row: row)
        }
    }
}
