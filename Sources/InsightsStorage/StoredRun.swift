internal import InsightsEngine
internal import InsightsPlugin

/// Reads rows of runs.
enum StoredRun {
    /// A row of `runs` as people see it.
    static let columns = """
        r.row, r.id, t.name, u.text, r.trigger, r.scheduled_at, r.started_at, r.finished_at, r.status, r.reason, r.attempt, \
        r.attempts, n.text, r.duration, r.lateness, r.samples, r.summary, r.count, r.until, r.error_code, \
        r.error_message, r.error_retryable, r.error_retry_at
        """
    static let tables = """
        runs r JOIN tasks t ON t.id = r.task_id JOIN names u ON u.id = r.uses LEFT JOIN names n ON n.id = r.node
        """

    static func record(_ row: some StoredRow) throws -> RunRecord {
        RunRecord(
            id: try row.runID(1), task: try row.text(2), uses: try row.text(3),
            trigger: try row.code(4, in: StoredCodes.triggers), scheduledAt: try row.instant(5),
            startedAt: try row.optionalInstant(6), finishedAt: try row.optionalInstant(7),
            status: try row.code(8, in: StoredCodes.statuses), reason: try row.optionalText(9),
            attempt: try row.int(10), attempts: try row.int(11), node: try row.optionalText(12),
            duration: try row.optionalDuration(13), lateness: try row.optionalDuration(14),
            samples: Int(try row.optionalInteger(15) ?? 0), summary: try row.optionalText(16),
            count: Int(try row.optionalInteger(17) ?? 1), until: try row.optionalInstant(18), error: try error(row))
    }

    private static func error(_ row: some StoredRow) throws -> RunError? {
        guard let code = try row.optionalText(19) else { return nil }
        return RunError(
            code: code, message: try row.optionalText(20) ?? "", isRetryable: try row.optionalInteger(21) == 1,
            retryAt: try row.optionalInstant(22))
    }

    /// What whoever takes a run over has to know of it.
    static let unfinishedColumns = """
        r.id, r.task_id, t.name, r.trigger, r.is_occurrence, r.scheduled_at, r.status, r.started_at, r.retry_at, \
        r.attempt, r.failures, r.losses, r.fence, r.moves_dependents
        """

    static func unfinished(_ row: some StoredRow) throws -> UnfinishedRun {
        let scheduledAt = try row.instant(5)
        return UnfinishedRun(
            run: try row.runID(0), task: TaskID(try row.integer(1)), name: try row.text(2),
            trigger: try row.code(3, in: StoredCodes.triggers),
            occurrence: try row.optionalInteger(4) == nil ? nil : scheduledAt, scheduledAt: scheduledAt,
            status: try row.code(6, in: StoredCodes.statuses), startedAt: try row.optionalInstant(7),
            retryAt: try row.optionalInstant(8), attempt: try row.int(9),
            failures: Int(try row.optionalInteger(10) ?? 0), losses: Int(try row.optionalInteger(11) ?? 0),
            fence: try row.integer(12), movesDependents: try row.bool(13))
    }
}
