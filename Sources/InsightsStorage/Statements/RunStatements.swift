internal import InsightsEngine
internal import InsightsPlugin

/// The statements that write rows of `runs`, and how their values are bound; which of them is due is decided elsewhere.
final class RunStatements {
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

    private let insertOne: any PreparedStatement
    private let insertMany: any PreparedStatement
    private let find: any PreparedStatement
    private let deleteRow: any PreparedStatement
    private let coveringSkip: any PreparedStatement
    private let atInstant: any PreparedStatement
    private let startRow: any PreparedStatement
    private let finishRow: any PreparedStatement
    private let noteStored: any PreparedStatement
    private let insertSkip: any PreparedStatement
    private let extendSkip: any PreparedStatement

    init(_ source: any StatementSource) throws {
        insertOne = try source(RunStatements.insertion(1))
        insertMany = try source(RunStatements.insertion(RunStatements.together))
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
        insertSkip = try source(
            """
            INSERT INTO runs (row, id, task_id, is_occurrence, scheduled_at, uses, trigger, status, fence, attempt_fence,
                attempt, attempts, moves_dependents, finished_at, count, until, reason)
            VALUES (?1, ?2, ?3, 1, ?4, ?5, ?6, 8, 0, 0, 0, 1, 0, ?7, ?8, ?9, ?10)
            """)
        extendSkip = try source(
            "UPDATE runs SET count = coalesce(count, 1) + ?2, until = ?3, finished_at = ?4 WHERE row = ?1")
    }

    // MARK: Finding

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

    /// The row that begins at an occurrence, run or record.
    func row(of task: TaskID, at occurrence: Instant) throws -> Int64? {
        atInstant.bind(1, task.value)
        atInstant.bind(2, occurrence.milliseconds)
        return try atInstant.first { $0.integer(0) }
    }

    /// Whether a record of several skips that begins before the occurrence reaches as far as to it.
    func isInSkippedRange(_ task: TaskID, _ occurrence: Instant) throws -> Bool {
        coveringSkip.bind(1, task.value)
        coveringSkip.bind(2, occurrence.milliseconds)
        guard let until = try coveringSkip.first({ $0.integer(0) }) else { return false }
        return until >= occurrence.milliseconds
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
            INSERT INTO runs (row, id, task_id, is_occurrence, scheduled_at, uses, trigger, status, fence,
                attempt_fence, attempt, attempts, moves_dependents, node, started_at, lateness)
            VALUES \(rows.joined(separator: ", ")) ON CONFLICT DO NOTHING
            """
    }

    /// - Returns: Whether it is in: neither its id nor its occurrence was taken.
    func insert(_ claim: Claim, as row: Int64, uses: Int64, node: Int64?) throws -> Bool {
        bind(claim, insertOne, at: 0, row: row, uses: uses, node: node)
        return try insertOne.run() == 1
    }

    /// Puts a claim into a place of the statement that ``insertBound()`` runs.
    ///
    /// - Parameter place: From 0, below ``together``.
    func bind(_ claim: Claim, to place: Int, row: Int64, uses: Int64, node: Int64?) {
        bind(claim, insertMany, at: Int32(place * RunStatements.claimColumns), row: row, uses: uses, node: node)
    }

    /// - Returns: How many of the claims are in.
    func insertBound() throws -> Int { try insertMany.run() }

    private func bind(
        _ claim: Claim, _ insert: any PreparedStatement, at base: Int32, row: Int64, uses: Int64, node: Int64?
    ) {
        insert.bind(base + 1, row)
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

    func delete(_ row: Int64) throws {
        deleteRow.bind(1, row)
        try deleteRow.post()
    }

    // MARK: Attempts

    func start(_ row: Int64, _ start: AttemptStart, node: Int64?) throws {
        startRow.bind(1, row)
        startRow.bind(2, start.fence + 1)
        startRow.bind(3, Int64(start.attempt))
        startRow.bind(4, start.at.milliseconds)
        startRow.bind(5, start.lateness?.wholeNanoseconds)
        startRow.bind(6, node)
        try startRow.post()
    }

    func finish(_ row: Int64, _ finish: AttemptFinish, _ stored: PayloadWriter.Stored) throws {
        let end = StoredEnd(finish)
        finishRow.bind(1, row)
        finishRow.bind(2, end.status.code)
        finishRow.bind(3, end.reason)
        finishRow.bind(4, end.finishedAt)
        finishRow.bind(5, finish.duration?.wholeNanoseconds)
        finishRow.bind(6, end.retryAt)
        finishRow.bind(7, StoredText.clean(finish.error?.code))
        finishRow.bind(8, StoredText.clean(finish.error?.message))
        finishRow.bind(9, finish.error.map { $0.isRetryable ? 1 : 0 })
        finishRow.bind(10, finish.error?.retryAt?.milliseconds)
        finishRow.bind(11, StoredText.clean(finish.summary))
        finishRow.bind(12, finish.countsAsFailure)
        finishRow.bind(13, stored.samples)
        finishRow.bind(14, stored.log.lines)
        finishRow.bind(15, stored.log.bytes)
        finishRow.bind(16, stored.log.dropped)
        try finishRow.post()
    }

    /// Adds what a checkpoint left.
    func note(_ stored: PayloadWriter.Stored, in row: Int64) throws {
        noteStored.bind(1, row)
        noteStored.bind(2, stored.samples)
        noteStored.bind(3, stored.log.lines)
        noteStored.bind(4, stored.log.bytes)
        noteStored.bind(5, stored.log.dropped)
        try noteStored.post()
    }

    // MARK: Skips

    func insert(_ skip: SkipRecord, as row: Int64, uses: Int64) throws {
        insertSkip.bind(1, row)
        insertSkip.bind(2, skip.run)
        insertSkip.bind(3, skip.task.value)
        insertSkip.bind(4, skip.from.milliseconds)
        insertSkip.bind(5, uses)
        insertSkip.bind(6, skip.trigger.code)
        insertSkip.bind(7, skip.at.milliseconds)
        insertSkip.bind(8, skip.count == 1 ? nil : Int64(skip.count))
        insertSkip.bind(9, skip.count == 1 ? nil : skip.until.milliseconds)
        insertSkip.bind(10, skip.reason.rawValue)
        try insertSkip.post()
    }

    func extend(_ row: Int64, by skip: SkipRecord) throws {
        extendSkip.bind(1, row)
        extendSkip.bind(2, Int64(skip.count))
        extendSkip.bind(3, skip.until.milliseconds)
        extendSkip.bind(4, skip.at.milliseconds)
        try extendSkip.post()
    }
}

/// What an end leaves in the row of its run.
struct StoredEnd {
    let status: RunStatus
    private(set) var reason: String?
    private(set) var retryAt: Int64?
    let finishedAt: Int64?

    init(_ finish: AttemptFinish) {
        status = finish.disposition.status
        finishedAt = status.isFinal ? finish.at.milliseconds : nil
        switch finish.disposition {
        case .final(_, let why): reason = StoredText.clean(why)
        case .retrying(let at): retryAt = at.milliseconds
        case .interrupted: reason = SkipReason.shutdown.rawValue
        }
    }
}
