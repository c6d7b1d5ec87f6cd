internal import InsightsEngine
internal import InsightsPlugin

/// The statements that keep how far each task has come: rows of `progress`, and the marks of what it comes after.
final class ProgressStatements {
    /// What tells the newest occurrence of a task.
    struct Newest {
        /// `nil`: there is none yet.
        var occurrence: Int64?
        var row: Int64
        /// That of a record of skips which may be extended.
        var reason: String?
    }

    private let advanceOne: any PreparedStatement
    private let advanceMany: any PreparedStatement
    private let goBack: any PreparedStatement
    private let moveToTaken: any PreparedStatement
    private let advanceHand: any PreparedStatement
    private let newestOccurrence: any PreparedStatement
    private let success: any PreparedStatement
    private let dropMarks: any PreparedStatement
    private let setMark: any PreparedStatement

    /// - Parameter together: How many advances ``advanceBound()`` makes by one statement.
    init(_ source: any StatementSource, together: Int) throws {
        advanceOne = try source(ProgressStatements.advance(1))
        advanceMany = try source(ProgressStatements.advance(together))
        goBack = try source(
            """
            INSERT INTO progress (task_id, last_occurrence, last_row) VALUES (?1, ?2, ?3)
            ON CONFLICT (task_id) DO UPDATE SET last_occurrence = excluded.last_occurrence, last_row = excluded.last_row
            """)
        moveToTaken = try source(
            """
            UPDATE progress SET last_occurrence = ?2, last_row =
                (SELECT row FROM runs WHERE scheduled_at = ?2 AND task_id = ?1 AND is_occurrence = 1)
            WHERE task_id = ?1
            """)
        advanceHand = try source(
            """
            INSERT INTO progress (task_id, hand_at, hand_row) VALUES (?1, ?2, ?3) ON CONFLICT (task_id) DO UPDATE
            SET hand_at = excluded.hand_at, hand_row = excluded.hand_row
            WHERE progress.hand_at IS NULL OR progress.hand_at <= excluded.hand_at
            """)
        newestOccurrence = try source(
            """
            SELECT p.last_occurrence, p.last_row, r.status, r.reason, coalesce(r.until, r.scheduled_at) FROM progress p
            LEFT JOIN runs r ON r.row = p.last_row WHERE p.task_id = ?1
            """)
        success = try source(
            """
            INSERT INTO progress (task_id, last_success_at) VALUES (?1, ?2) ON CONFLICT (task_id) DO UPDATE
            SET last_success_at = excluded.last_success_at
            WHERE progress.last_success_at IS NULL OR progress.last_success_at < excluded.last_success_at
            """)
        dropMarks = try source("DELETE FROM marks WHERE task_id = ?1 AND scheduled_at <= ?2")
        setMark = try source(
            """
            INSERT INTO marks VALUES (?1, ?2, ?3) ON CONFLICT (task_id, upstream_id) DO UPDATE
            SET scheduled_at = excluded.scheduled_at WHERE marks.scheduled_at < excluded.scheduled_at
            """)
    }

    /// Occurrences only move on: an older one leaves the row as it is, and so is not counted as a change.
    private static func advance(_ count: Int) -> String {
        let rows = (0..<count).map { "(?\($0 * 3 + 1), ?\($0 * 3 + 2), ?\($0 * 3 + 3))" }
        return """
            INSERT INTO progress (task_id, last_occurrence, last_row) VALUES \(rows.joined(separator: ", "))
            ON CONFLICT (task_id) DO UPDATE SET last_occurrence = excluded.last_occurrence, last_row = excluded.last_row
            WHERE progress.last_occurrence IS NULL OR progress.last_occurrence < excluded.last_occurrence
            """
    }

    // MARK: Occurrences

    func newest(of task: TaskID) throws -> Newest? {
        newestOccurrence.bind(1, task.value)
        return try newestOccurrence.first { found in
            // A record that reaches further was made under a wrong clock.
            let isExtensible =
                found.integer(2) == RunStatus.skipped.code && found.optionalInteger(0) == found.optionalInteger(4)
            return Newest(
                occurrence: found.optionalInteger(0), row: found.integer(1),
                reason: isExtensible ? found.optionalText(3) : nil)
        }
    }

    /// - Returns: Whether it was news; an older one leaves all as it is.
    @discardableResult
    func advance(_ task: TaskID, to occurrence: Instant, row: Int64) throws -> Bool {
        bind(advanceOne, at: 0, task, occurrence, row)
        return try advanceOne.run() == 1
    }

    /// Puts a task's occurrence into a place of the statement that ``advanceBound()`` runs.
    func bind(_ task: TaskID, to occurrence: Instant, row: Int64, place: Int) {
        bind(advanceMany, at: Int32(place * 3), task, occurrence, row)
    }

    /// - Returns: How many of the occurrences were news.
    func advanceBound() throws -> Int { try advanceMany.run() }

    /// Moves to an occurrence, be it an older one.
    func goBack(_ task: TaskID, to occurrence: Instant, row: Int64) throws {
        bind(goBack, at: 0, task, occurrence, row)
        try goBack.post()
    }

    /// Where the instant has its run or record already: what comes after it is still to come. Older or newer than the
    /// progress, as that may be what an earlier wrong clock left.
    func move(_ task: TaskID, toTaken occurrence: Instant) throws {
        moveToTaken.bind(1, task.value)
        moveToTaken.bind(2, occurrence.milliseconds)
        try moveToTaken.post()
    }

    /// Notes a run by hand.
    func advanceHand(_ task: TaskID, to instant: Instant, row: Int64) throws {
        bind(advanceHand, at: 0, task, instant, row)
        try advanceHand.post()
    }

    private func bind(
        _ statement: any PreparedStatement, at base: Int32, _ task: TaskID, _ instant: Instant, _ row: Int64
    ) {
        statement.bind(base + 1, task.value)
        statement.bind(base + 2, instant.milliseconds)
        statement.bind(base + 3, row)
    }

    // MARK: Successes

    func noteSuccess(_ task: TaskID, at scheduledAt: Int64) throws {
        success.bind(1, task.value)
        success.bind(2, scheduledAt)
        try success.post()
    }

    func mark(_ mark: AfterMark) throws {
        setMark.bind(1, mark.task.value)
        setMark.bind(2, mark.upstream.value)
        setMark.bind(3, mark.scheduledAt.milliseconds)
        try setMark.post()
    }

    /// - Parameter instant: Newer marks stay; `nil`: none does.
    func clearMarks(of task: TaskID, through instant: Instant? = nil) throws {
        dropMarks.bind(1, task.value)
        dropMarks.bind(2, instant?.milliseconds ?? .max)
        try dropMarks.post()
    }
}
