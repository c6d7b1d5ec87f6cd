internal import GRDB
internal import InsightsEngine
internal import InsightsPlugin

/// Finds a page of the history, by whichever index is in its order.
struct RunSearch {
    private let db: Database
    private let query: RunQuery
    private let cursor: RunPosition?
    /// One more than asked for tells whether there are more.
    private let limit: Int

    init(_ db: Database, _ query: RunQuery, after cursor: RunPosition?) {
        self.db = db
        self.query = query
        self.cursor = cursor
        limit = query.limit + 1
    }

    static func taskID(_ db: Database, _ name: String) throws -> Int64? {
        try Int64.fetchOne(db, sql: "SELECT id FROM tasks WHERE name = ?", arguments: [name])
    }

    /// At most one more than the limit, newest first.
    func positions() throws -> [RunPosition] {
        guard let name = query.task else { return try fetch(query.status.map { ("status = ?", $0.code) }) }
        guard let task = try RunSearch.taskID(db, name) else { return [] }
        guard query.status != nil else { return try partByPart(task) }
        // A task with few runs is searched run by run. Of one with many, or so few of that status that the search
        // is short, or so many that the first ones are soon met.
        let isSearched = try hasFewRuns(task)
        return isSearched ? try partByPart(task) : try fetch(query.status.map { ("status = ?", $0.code) }, task: task)
    }

    private func fetch(_ status: (String, Int64)?, task: Int64? = nil) throws -> [RunPosition] {
        var conditions = ["scheduled_at <= ?", "(scheduled_at, row) < (?, ?)", "scheduled_at >= ?"]
        let top = cursor?.scheduledAt ?? .max
        var arguments: [Int64] = [top, top, cursor?.row ?? .max, query.since?.milliseconds ?? .min]
        if let status {
            conditions.append(status.0)
            arguments.append(status.1)
        }
        if let task {
            conditions.append("task_id = ?")
            arguments.append(task)
        }
        arguments.append(Int64(limit))
        let sql = """
            SELECT scheduled_at, row FROM runs INDEXED BY \(status == nil ? "runs_by_time" : "runs_by_status")
            WHERE \(conditions.joined(separator: " AND ")) ORDER BY scheduled_at DESC, row DESC LIMIT ?
            """
        return try Row.fetchAll(db, sql: sql, arguments: StatementArguments(arguments)).map {
            RunPosition(scheduledAt: try $0.integer(0), row: try $0.integer(1))
        }
    }

    /// Asks each part of `runs_by_task`, newest first: most of what is asked for is in the first, which then bounds
    /// what the others may still add.
    private func partByPart(_ task: Int64) throws -> [RunPosition] {
        let status = query.status.map { " AND status = \($0.code)" } ?? ""
        let statement = try db.cachedStatement(
            sql: """
                SELECT scheduled_at, row FROM runs INDEXED BY runs_by_task
                WHERE row >> \(SQLiteSchema.partShift) = ? AND task_id = ? AND scheduled_at >= ? AND scheduled_at <= ?
                    AND (scheduled_at, row) < (?, ?)\(status)
                ORDER BY scheduled_at DESC, row DESC LIMIT ?
                """)
        var found: [RunPosition] = []
        var floor = query.since?.milliseconds ?? .min
        let top = cursor?.scheduledAt ?? .max
        for part in try SQLiteSchema.parts(db).reversed() {
            let arguments: [Int64] = [part, task, floor, top, top, cursor?.row ?? .max, Int64(limit)]
            let rows = try Row.fetchCursor(statement, arguments: StatementArguments(arguments))
            let before = found.count
            while let row = try rows.next() {
                found.append(RunPosition(scheduledAt: try row.integer(0), row: try row.integer(1)))
            }
            if found.count > before {
                found.sort(by: >)
                if found.count > limit { found.removeLast(found.count - limit) }
                if found.count == limit, let oldest = found.last { floor = max(floor, oldest.scheduledAt) }
            }
        }
        return found
    }

    private func hasFewRuns(_ task: Int64) throws -> Bool {
        let statement = try db.cachedStatement(
            sql: """
                SELECT count(*) FROM (SELECT 1 FROM runs INDEXED BY runs_by_task
                    WHERE row >> \(SQLiteSchema.partShift) = ? AND task_id = ? LIMIT ?)
                """)
        var room: Int64 = 30_000
        for part in try SQLiteSchema.parts(db) where room > 0 {
            room -= try Int64.fetchOne(statement, arguments: [part, task, room]) ?? 0
        }
        return room > 0
    }
}
