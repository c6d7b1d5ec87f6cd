internal import InsightsEngine
internal import InsightsPlugin

/// Writes runs: claims, starts, ends, skips, and what follows from them for their tasks.
final class RunWriter {
    /// What a write needs to know of a run before it touches it.
    struct Row {
        var row: Int64
        var status: RunStatus
        var fence: Fence
        /// That of the attempt which started last; a fence above it says that this attempt is lost.
        var attemptFence: Fence
        var attempt: Int64
        var scheduledAt: Int64
        var log: PayloadWriter.LogSize
    }

    /// Claims that one statement inserts: a statement's own cost is about that of two insertions.
    static let together = 32
    private static let claimColumns = 14

    private let names: NameTable
    private let maxRow: PreparedStatement
    private let insertOne: PreparedStatement
    private let insertMany: PreparedStatement
    private let advanceOne: PreparedStatement
    private let advanceMany: PreparedStatement
    private let goBack: PreparedStatement
    private let goBackToTaken: PreparedStatement
    private let advanceHand: PreparedStatement
    private let dropMarks: PreparedStatement
    private let setMark: PreparedStatement
    private let find: PreparedStatement
    private let deleteRow: PreparedStatement
    private let coveringSkip: PreparedStatement
    private let atInstant: PreparedStatement
    private let newestOccurrence: PreparedStatement
    private let startRow: PreparedStatement
    private let finishRow: PreparedStatement
    private let noteStored: PreparedStatement
    private let success: PreparedStatement
    private let insertSkip: PreparedStatement
    private let extendSkip: PreparedStatement

    private var node: Int64?
    private var nextRow: Int64 = 1

    init(_ source: StatementSource) throws {
        names = try NameTable(source)
        maxRow = try source("SELECT max(row) FROM runs")
        insertOne = try source(RunWriter.insertion(1))
        insertMany = try source(RunWriter.insertion(RunWriter.together))
        advanceOne = try source(RunWriter.advance(1))
        advanceMany = try source(RunWriter.advance(RunWriter.together))
        goBack = try source(
            """
            INSERT INTO progress (task_id, last_occurrence, last_row) VALUES (?1, ?2, ?3)
            ON CONFLICT (task_id) DO UPDATE SET last_occurrence = excluded.last_occurrence, last_row = excluded.last_row
            """)
        goBackToTaken = try source(
            """
            UPDATE progress SET last_occurrence = ?2, last_row =
                (SELECT row FROM runs WHERE scheduled_at = ?2 AND task_id = ?1 AND is_occurrence = 1)
            WHERE task_id = ?1 AND last_occurrence > ?2
            """)
        advanceHand = try source(
            """
            INSERT INTO progress (task_id, hand_at, hand_row) VALUES (?1, ?2, ?3) ON CONFLICT (task_id) DO UPDATE
            SET hand_at = excluded.hand_at, hand_row = excluded.hand_row
            WHERE hand_at IS NULL OR hand_at <= excluded.hand_at
            """)
        dropMarks = try source("DELETE FROM marks WHERE task_id = ?1")
        setMark = try source(
            """
            INSERT INTO marks VALUES (?1, ?2, ?3) ON CONFLICT (task_id, upstream_id) DO UPDATE
            SET scheduled_at = excluded.scheduled_at WHERE scheduled_at < excluded.scheduled_at
            """)
        find = try source(
            """
            SELECT row, status, fence, attempt_fence, attempt, scheduled_at, log_lines, log_bytes, log_dropped
            FROM runs WHERE id = ?1
            """)
        deleteRow = try source("DELETE FROM runs WHERE row = ?1")
        coveringSkip = try source(
            """
            SELECT until FROM runs WHERE task_id = ?1 AND scheduled_at < ?2 AND until IS NOT NULL
            ORDER BY scheduled_at DESC LIMIT 1
            """)
        atInstant = try source("SELECT row FROM runs WHERE scheduled_at = ?2 AND task_id = ?1 AND is_occurrence = 1")
        newestOccurrence = try source(
            """
            SELECT p.last_occurrence, p.last_row, r.status, r.reason, coalesce(r.until, r.scheduled_at) FROM progress p
            LEFT JOIN runs r ON r.row = p.last_row WHERE p.task_id = ?1
            """)
        startRow = try source(
            """
            UPDATE runs SET status = 1, fence = ?2, attempt_fence = ?2, attempt = ?3,
                started_at = coalesce(started_at, ?4), lateness = coalesce(lateness, ?5), node = ?6, retry_at = NULL,
                reason = NULL
            WHERE row = ?1
            """)
        finishRow = try source(
            """
            UPDATE runs SET status = ?2, reason = ?3, finished_at = ?4, duration = ?5, retry_at = ?6, error_code = ?7,
                error_message = ?8, error_retryable = ?9, error_retry_at = ?10, summary = ?11,
                failures = coalesce(failures, 0) + ?12, samples = coalesce(samples, 0) + ?13, log_lines = ?14,
                log_bytes = ?15, log_dropped = ?16
            WHERE row = ?1
            """)
        noteStored = try source(
            """
            UPDATE runs SET samples = coalesce(samples, 0) + ?2, log_lines = ?3, log_bytes = ?4, log_dropped = ?5
            WHERE row = ?1
            """)
        success = try source(
            """
            INSERT INTO progress (task_id, last_success_at) VALUES (?1, ?2) ON CONFLICT (task_id) DO UPDATE
            SET last_success_at = excluded.last_success_at
            WHERE last_success_at IS NULL OR last_success_at < excluded.last_success_at
            """)
        insertSkip = try source(
            """
            INSERT INTO runs (row, id, task_id, is_occurrence, scheduled_at, uses, trigger, status, fence, attempt_fence,
                attempt, attempts, moves_dependents, finished_at, count, until, reason)
            VALUES (?1, ?2, ?3, 1, ?4, ?5, ?6, 8, 0, 0, 0, 1, 0, ?7, ?8, ?9, ?10)
            """)
        extendSkip = try source(
            "UPDATE runs SET count = coalesce(count, 1) + ?2, until = ?3, finished_at = ?4 WHERE row = ?1")
    }

    /// Makes ready for a batch; to be called within its transaction.
    func begin(node: String?) throws {
        nextRow = 1 + (try maxRow.first { $0.integer(0) } ?? 0)
        self.node = try node.map(names.id)
    }

    func forgetNames() { names.forget() }

    func row(of run: RunID) throws -> Row? {
        find.bind(1, run)
        return try find.first { found in
            Row(
                row: found.integer(0), status: try found.code(1, in: StoredCodes.statuses),
                fence: found.integer(2), attemptFence: found.integer(3), attempt: found.integer(4),
                scheduledAt: found.integer(5),
                log: .init(lines: found.integer(6), bytes: found.integer(7), dropped: found.integer(8)))
        }
    }

    // MARK: Claims

    private static func insertion(_ count: Int) -> String {
        let width = claimColumns
        let rows = (0..<count).map { row in
            // The ninth value is the first attempt, its fence, and that attempt's own.
            let places = Array(1...9) + [9, 9] + Array(10...width)
            return "(" + places.map { "?\(row * width + $0)" }.joined(separator: ", ") + ")"
        }
        return """
            INSERT OR IGNORE INTO runs (row, id, task_id, is_occurrence, scheduled_at, uses, trigger, status, fence,
                attempt_fence, attempt, attempts, moves_dependents, node, started_at, lateness)
            VALUES \(rows.joined(separator: ", "))
            """
    }

    /// Occurrences only move on: an older one leaves the row as it is, and so is not counted as a change.
    private static func advance(_ count: Int) -> String {
        let rows = (0..<count).map { "(?\($0 * 3 + 1), ?\($0 * 3 + 2), ?\($0 * 3 + 3))" }
        return """
            INSERT INTO progress (task_id, last_occurrence, last_row) VALUES \(rows.joined(separator: ", "))
            ON CONFLICT (task_id) DO UPDATE SET last_occurrence = excluded.last_occurrence, last_row = excluded.last_row
            WHERE last_occurrence IS NULL OR last_occurrence < excluded.last_occurrence
            """
    }

    /// How many writes from `start` on are claims of occurrences that may be inserted together: ``together``, or none.
    static func claimsTogether(_ writes: [StoreWrite], from start: Int) -> Int {
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

    /// Claims ``together`` occurrences by one statement, if all are to be had.
    ///
    /// - Returns: `nil` when some are not, or lie before their task's newest: undo it, and claim one by one.
    func claim(_ writes: ArraySlice<StoreWrite>) throws -> [WriteOutcome]? {
        var claims = 0
        for write in writes {
            guard case .claim(let claim) = write else { continue }
            bind(claim, insertMany, at: Int32(claims * RunWriter.claimColumns), uses: try names.id(claim.uses))
            let base = Int32(claims * 3)
            advanceMany.bind(base + 1, claim.task.value)
            advanceMany.bind(base + 2, claim.scheduledAt.milliseconds)
            advanceMany.bind(base + 3, nextRow)
            claims += 1
            nextRow += 1
        }
        guard try insertMany.run() == claims, try advanceMany.run() == claims else { return nil }
        return [WriteOutcome](repeating: .done, count: claims)
    }

    /// Claims one occurrence, or makes a run of a trigger by hand.
    func claim(_ claim: Claim) throws -> WriteOutcome {
        if let occurrence = claim.occurrence, occurrence != claim.scheduledAt {
            throw Rejection("claim", "an occurrence is the instant for which it is scheduled")
        }
        let row = nextRow
        bind(claim, insertOne, at: 0, uses: try names.id(claim.uses))
        nextRow += 1
        guard try insertOne.run() == 1 else { return try self.row(of: claim.run) == nil ? .conflict : .done }
        if claim.startsAnew {
            try goBack(claim.task, to: claim.scheduledAt, row: row)
        } else if claim.occurrence != nil {
            if try advance(claim.task, to: claim.scheduledAt, row: row) == 0 {
                let outcome = try settle(claim, insertedAs: row)
                guard outcome == .done else { return outcome }
            }
        } else {
            advanceHand.bind(1, claim.task.value)
            advanceHand.bind(2, claim.scheduledAt.milliseconds)
            advanceHand.bind(3, row)
            try advanceHand.run()
        }
        if claim.clearsMarks { try clearMarks(of: claim.task) }
        return .done
    }

    /// Tells a claim that has its row, now or from an earlier try, from one whose occurrence is taken: by another run,
    /// or by a record of several skipped occurrences, which only its first one shows in the index.
    private func settle(_ claim: Claim, insertedAs row: Int64) throws -> WriteOutcome {
        guard let found = try self.row(of: claim.run) else { return .conflict }
        guard found.row == row, try isInSkippedRange(claim.task, claim.scheduledAt) else { return .done }
        deleteRow.bind(1, row)
        try deleteRow.run()
        return .conflict
    }

    private func bind(_ claim: Claim, _ insert: PreparedStatement, at base: Int32, uses: Int64) {
        insert.bind(base + 1, nextRow)
        insert.bind(base + 2, claim.run)
        insert.bind(base + 3, claim.task.value)
        insert.bind(base + 4, claim.occurrence == nil ? nil : 1 as Int64?)
        insert.bind(base + 5, claim.scheduledAt.milliseconds)
        insert.bind(base + 6, uses)
        insert.bind(base + 7, claim.trigger.code)
        insert.bind(base + 8, claim.starts)
        insert.bind(base + 9, claim.starts)
        insert.bind(base + 10, Int64(claim.attempts))
        insert.bind(base + 11, claim.movesDependents)
        insert.bind(base + 12, claim.starts ? node : nil)
        insert.bind(base + 13, claim.starts ? claim.at.milliseconds : nil)
        insert.bind(base + 14, claim.starts ? claim.lateness?.wholeNanoseconds : nil)
    }

    private func advance(_ task: TaskID, to occurrence: Instant, row: Int64) throws -> Int {
        advanceOne.bind(1, task.value)
        advanceOne.bind(2, occurrence.milliseconds)
        advanceOne.bind(3, row)
        return try advanceOne.run()
    }

    private func goBack(_ task: TaskID, to occurrence: Instant, row: Int64) throws {
        goBack.bind(1, task.value)
        goBack.bind(2, occurrence.milliseconds)
        goBack.bind(3, row)
        try goBack.run()
    }

    /// Where the instant has its run or record already: what comes after it is still to come.
    func goBack(_ task: TaskID, toTaken occurrence: Instant) throws {
        goBackToTaken.bind(1, task.value)
        goBackToTaken.bind(2, occurrence.milliseconds)
        try goBackToTaken.run()
    }

    private func isInSkippedRange(_ task: TaskID, _ occurrence: Instant) throws -> Bool {
        coveringSkip.bind(1, task.value)
        coveringSkip.bind(2, occurrence.milliseconds)
        guard let until = try coveringSkip.first({ $0.integer(0) }) else { return false }
        return until >= occurrence.milliseconds
    }

    func clearMarks(of task: TaskID) throws {
        dropMarks.bind(1, task.value)
        try dropMarks.run()
    }

    func mark(_ mark: AfterMark) throws {
        setMark.bind(1, mark.task.value)
        setMark.bind(2, mark.upstream.value)
        setMark.bind(3, mark.scheduledAt.milliseconds)
        try setMark.run()
    }

    // MARK: Attempts

    func start(_ start: AttemptStart) throws -> WriteOutcome {
        guard let run = try row(of: start.run), !run.status.isFinal else { return .conflict }
        let isGoing = run.status == .running && run.attemptFence == run.fence
        if isGoing {
            let isRepeated = run.fence == start.fence + 1 && run.attempt == Int64(start.attempt)
            return isRepeated ? .done : .conflict
        }
        guard run.fence == start.fence else { return .conflict }
        startRow.bind(1, run.row)
        startRow.bind(2, start.fence + 1)
        startRow.bind(3, Int64(start.attempt))
        startRow.bind(4, start.at.milliseconds)
        startRow.bind(5, start.lateness?.wholeNanoseconds)
        startRow.bind(6, node)
        try startRow.run()
        return .done
    }

    /// Writes the end of an attempt or a run; that it may has been checked.
    func finish(_ finish: AttemptFinish, _ run: Row, _ stored: PayloadWriter.Stored) throws {
        let status = finish.disposition.status
        var reason: String?
        var retryAt: Int64?
        switch finish.disposition {
        case .final(_, let why): reason = StoredText.clean(why)
        case .retrying(let at): retryAt = at.milliseconds
        case .interrupted: reason = SkipReason.shutdown.rawValue
        }
        let row = finishRow
        row.bind(1, run.row)
        row.bind(2, status.code)
        row.bind(3, reason)
        row.bind(4, status.isFinal ? finish.at.milliseconds : nil)
        row.bind(5, finish.duration?.wholeNanoseconds)
        row.bind(6, retryAt)
        row.bind(7, StoredText.clean(finish.error?.code))
        row.bind(8, StoredText.clean(finish.error?.message))
        row.bind(9, finish.error.map { $0.isRetryable ? 1 : 0 })
        row.bind(10, finish.error?.retryAt?.milliseconds)
        row.bind(11, StoredText.clean(finish.summary))
        row.bind(12, finish.countsAsFailure)
        row.bind(13, stored.samples)
        row.bind(14, stored.log.lines)
        row.bind(15, stored.log.bytes)
        row.bind(16, stored.log.dropped)
        try row.run()
        if status == .succeeded {
            success.bind(1, finish.task.value)
            success.bind(2, run.scheduledAt)
            try success.run()
        }
    }

    /// Writes down what a checkpoint left.
    func note(_ stored: PayloadWriter.Stored, of run: Row) throws {
        noteStored.bind(1, run.row)
        noteStored.bind(2, stored.samples)
        noteStored.bind(3, stored.log.lines)
        noteStored.bind(4, stored.log.bytes)
        noteStored.bind(5, stored.log.dropped)
        try noteStored.run()
    }

    // MARK: Skips

    /// Records skipped occurrences; those that a run or a record already tells of are left alone.
    func skip(_ skip: SkipRecord) throws -> WriteOutcome {
        if skip.startsAnew { return try skipAnew(skip) }
        newestOccurrence.bind(1, skip.task.value)
        let newest = try newestOccurrence.first { found in
            // A record that reaches further was made under a wrong clock.
            let isExtensible =
                found.integer(2) == RunStatus.skipped.code && found.optionalInteger(0) == found.optionalInteger(4)
            return (
                occurrence: found.optionalInteger(0), row: found.integer(1),
                reason: isExtensible ? found.optionalText(3) : nil
            )
        }
        let isNewer = newest?.occurrence.map { $0 < skip.from.milliseconds } ?? true
        if isNewer, let newest, newest.occurrence != nil, newest.reason == skip.reason.rawValue {
            try extend(newest.row, by: skip)
        } else if try isTaken(skip.task, skip.from) {
            guard isNewer else { return .done }
            try insertRest(of: skip)
        } else if try isNewer || !isInSkippedRange(skip.task, skip.from) {
            try insert(skip)
        } else {
            return .done
        }
        if skip.clearsMarks { try clearMarks(of: skip.task) }
        return .done
    }

    private func skipAnew(_ skip: SkipRecord) throws -> WriteOutcome {
        guard try row(of: skip.run) == nil else { return .done }
        if try isTaken(skip.task, skip.from) {
            try goBack(skip.task, toTaken: skip.from)
            try insertRest(of: skip)
        } else {
            try insert(skip)
        }
        if skip.clearsMarks { try clearMarks(of: skip.task) }
        return .done
    }

    private func isTaken(_ task: TaskID, _ occurrence: Instant) throws -> Bool {
        atInstant.bind(1, task.value)
        atInstant.bind(2, occurrence.milliseconds)
        return try atInstant.first { _ in true } != nil
    }

    /// Of a record whose first instant was decided under a wrong clock: the others, from a millisecond after it on, as
    /// the store knows no grid.
    private func insertRest(of skip: SkipRecord) throws {
        var rest = skip
        rest.from = Instant(milliseconds: skip.from.milliseconds + 1)
        rest.count -= 1
        guard rest.count > 0, try !isTaken(rest.task, rest.from) else {
            atInstant.bind(1, skip.task.value)
            atInstant.bind(2, skip.from.milliseconds)
            let row = try atInstant.first { $0.integer(0) }
            _ = try advance(skip.task, to: skip.from, row: row ?? 0)
            return
        }
        try insert(rest)
    }

    private func extend(_ row: Int64, by skip: SkipRecord) throws {
        extendSkip.bind(1, row)
        extendSkip.bind(2, Int64(skip.count))
        extendSkip.bind(3, skip.until.milliseconds)
        extendSkip.bind(4, skip.at.milliseconds)
        try extendSkip.run()
        _ = try advance(skip.task, to: skip.until, row: row)
    }

    private func insert(_ skip: SkipRecord) throws {
        let row = nextRow
        nextRow += 1
        insertSkip.bind(1, row)
        insertSkip.bind(2, skip.run)
        insertSkip.bind(3, skip.task.value)
        insertSkip.bind(4, skip.from.milliseconds)
        insertSkip.bind(5, try names.id(skip.uses))
        insertSkip.bind(6, skip.trigger.code)
        insertSkip.bind(7, skip.at.milliseconds)
        insertSkip.bind(8, skip.count == 1 ? nil : Int64(skip.count))
        insertSkip.bind(9, skip.count == 1 ? nil : skip.until.milliseconds)
        insertSkip.bind(10, skip.reason.rawValue)
        try insertSkip.run()
        if skip.startsAnew {
            try goBack(skip.task, to: skip.until, row: row)
        } else {
            _ = try advance(skip.task, to: skip.until, row: row)
        }
    }
}

/// Texts that many rows share, such as a module's id, each stored once.
final class NameTable {
    private let find: PreparedStatement
    private let insert: PreparedStatement
    private var known: [String: Int64] = [:]

    init(_ source: StatementSource) throws {
        find = try source("SELECT id FROM names WHERE text = ?1")
        insert = try source("INSERT INTO names (text) VALUES (?1) RETURNING id")
    }

    /// The number of `text`, given now if it has none.
    func id(_ text: String) throws -> Int64 {
        if let id = known[text] { return id }
        let clean = StoredText.clean(text)
        find.bind(1, clean)
        var id = try find.first { $0.integer(0) }
        if id == nil {
            insert.bind(1, clean)
            id = try insert.first { $0.integer(0) }
        }
        known[text] = id
        return id ?? 0
    }

    /// To be called after a rollback, which may have taken numbers back.
    func forget() { known = [:] }
}
