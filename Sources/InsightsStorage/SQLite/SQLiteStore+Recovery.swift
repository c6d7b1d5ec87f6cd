internal import GRDB
package import InsightsEngine
package import InsightsPlugin

extension SQLiteStore {
    /// A run that was going has lost its attempt: its node, if there was one, is dead, as this one holds the lock.
    ///
    /// An attempt is counted as lost once, however often this is asked: its own fence then lies below the run's.
    package func recover() async throws(StoreError) -> [UnfinishedRun] {
        try await write { db, _ in
            try db.execute(
                sql: """
                    UPDATE runs INDEXED BY runs_by_status SET fence = fence + 1, losses = coalesce(losses, 0) + 1
                    WHERE status = \(RunStatus.running.code) AND fence = attempt_fence
                    """)
            let rows = try Row.fetchCursor(
                db,
                sql: """
                    SELECT \(StoredRun.unfinishedColumns)
                    FROM runs r INDEXED BY runs_by_status CROSS JOIN tasks t ON t.id = r.task_id
                    WHERE r.status < \(StoredCodes.firstFinal) ORDER BY r.scheduled_at, r.row
                    """)
            var runs: [UnfinishedRun] = []
            while let row = try rows.next() { runs.append(try StoredRun.unfinished(row)) }
            return runs
        }
    }

    package func prune(task: TaskID, before: Instant, limit: Int) async throws(StoreError) -> Int {
        try await write { db, _ in
            let kept = try Row.fetchOne(
                db, sql: "SELECT last_row, hand_row FROM progress WHERE task_id = ?", arguments: [task.value])
            let (newest, byHand) = (try kept?.optionalInteger(0), try kept?.optionalInteger(1))
            let rows = try SQLiteStore.prunable(db, task, before: before, except: newest ?? 0, limit: limit)
            let dropLog = try db.cachedStatement(sql: "DELETE FROM log WHERE run_row = ?")
            let dropRun = try db.cachedStatement(sql: "DELETE FROM runs WHERE row = ?")
            for row in rows {
                try dropLog.execute(arguments: [row])
                try dropRun.execute(arguments: [row])
            }
            if let byHand, rows.contains(byHand) { try SQLiteStore.findHandRun(db, task) }
            return rows.count
        }
    }

    /// A run is scheduled before it ends, so the search need only look at those scheduled before `before`.
    private static func prunable(
        _ db: Database, _ task: TaskID, before: Instant, except newest: Int64, limit: Int
    ) throws -> [Int64] {
        let statement = try db.cachedStatement(
            sql: """
                SELECT row FROM runs INDEXED BY runs_by_task
                WHERE row >> \(SQLiteSchema.partShift) = ? AND task_id = ? AND scheduled_at < ? AND finished_at < ?
                    AND status >= \(StoredCodes.firstFinal) AND row <> ? LIMIT ?
                """)
        var rows: [Int64] = []
        for part in try SQLiteSchema.parts(db) where rows.count < limit {
            rows += try Int64.fetchAll(
                statement,
                arguments: [part, task.value, before.milliseconds, before.milliseconds, newest, limit - rows.count])
        }
        return rows
    }

    /// Looks for the newest run by hand anew, after it was deleted.
    private static func findHandRun(_ db: Database, _ task: TaskID) throws {
        let statement = try db.cachedStatement(
            sql: """
                SELECT scheduled_at, row FROM runs INDEXED BY runs_by_task
                WHERE row >> \(SQLiteSchema.partShift) = ? AND task_id = ? AND is_occurrence IS NULL
                ORDER BY scheduled_at DESC, row DESC LIMIT 1
                """)
        var newest: RunPosition?
        for part in try SQLiteSchema.parts(db) {
            guard let row = try Row.fetchOne(statement, arguments: [part, task.value]) else { continue }
            let position = RunPosition(scheduledAt: try row.integer(0), row: try row.integer(1))
            if newest.map({ $0 < position }) ?? true { newest = position }
        }
        try db.execute(
            sql: "UPDATE progress SET hand_at = ?, hand_row = ? WHERE task_id = ?",
            arguments: [newest?.scheduledAt, newest?.row, task.value])
    }
}
