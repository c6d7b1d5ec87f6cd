internal import GRDB
package import InsightsEngine
package import InsightsPlugin

extension SQLiteStore {
    package func runs(_ query: RunQuery) async throws(StoreError) -> Page<RunRecord> {
        let cursor = try query.cursor.map { text throws(StoreError) in try RunPosition(text) }
        guard (1...10_000).contains(query.limit) else { throw StoreError(.invalid, "limit must be 1 to 10000") }
        return try await read { db in
            var positions = try RunSearch(db, query, after: cursor).positions()
            let hasMore = positions.count > query.limit
            if hasMore { positions.removeLast() }
            let items = try StoredRun.records(db, rows: positions.map(\.row))
            return Page(items: items, nextCursor: hasMore ? positions.last?.text : nil)
        }
    }

    package func run(_ id: RunID) async throws(StoreError) -> RunRecord? {
        try await read { db in
            try Row.fetchOne(
                db, sql: "SELECT \(StoredRun.columns) FROM \(StoredRun.tables) WHERE r.id = ?", arguments: [id.stored]
            ).map(StoredRun.record)
        }
    }

    package func lastRuns() async throws(StoreError) -> [String: RunRecord] {
        try await read { db in
            let rows = try Row.fetchCursor(
                db,
                sql: """
                    SELECT \(StoredRun.columns) FROM progress p JOIN \(StoredRun.tables)
                    WHERE r.row = p.last_row OR r.row = p.hand_row ORDER BY r.scheduled_at, r.row
                    """)
            var last: [String: RunRecord] = [:]
            while let row = try rows.next() { last[row[2]] = StoredRun.record(row) }
            return last
        }
    }

    package func log(of run: RunID, offset: Int) async throws(StoreError) -> [LogLine] {
        try await read { db in
            let rows = try Row.fetchCursor(
                db,
                sql: """
                    SELECT at, level, message, fields FROM log
                    WHERE run_row = (SELECT row FROM runs WHERE id = ?) AND line >= ? ORDER BY line
                    """,
                arguments: [run.stored, offset])
            var lines: [LogLine] = []
            while let row = try rows.next() {
                // Fields that are no JSON any more are left out: the message is what a person looks for.
                let fields = (row[3] as String?).flatMap { try? Value(json: $0.utf8) }?.object
                lines.append(
                    LogLine(
                        at: Instant(milliseconds: row[0]), level: row[1], message: row[2],
                        fields: fields ?? ValueObject()))
            }
            return lines
        }
    }

    package func occurrence(task: String, at: Instant) async throws(StoreError) -> RunRecord? {
        try await read { db in
            guard let id = try RunSearch.taskID(db, task) else { return nil }
            // Of several runs by hand at one instant the newest; an occurrence goes first.
            let exact = try Int64.fetchOne(
                db,
                sql: """
                    SELECT row FROM runs WHERE scheduled_at = ? AND task_id = ? ORDER BY is_occurrence DESC, row DESC LIMIT 1
                    """, arguments: [at.milliseconds, id])
            let covering = try Row.fetchOne(
                db,
                sql: """
                    SELECT row, until FROM runs WHERE task_id = ? AND scheduled_at <= ? AND until IS NOT NULL
                    ORDER BY scheduled_at DESC LIMIT 1
                    """, arguments: [id, at.milliseconds])
            let range: Int64? = covering.flatMap { ($0[1] as Int64) >= at.milliseconds ? $0[0] : nil }
            guard let row = exact ?? range else { return nil }
            return try StoredRun.records(db, rows: [row]).first
        }
    }
}

extension StoredRun {
    /// The runs in these rows, in this order.
    static func records(_ db: Database, rows: [Int64]) throws -> [RunRecord] {
        let statement = try db.cachedStatement(sql: "SELECT \(columns) FROM \(tables) WHERE r.row = ?")
        return try rows.compactMap { try Row.fetchOne(statement, arguments: [$0]).map(record) }
    }
}

/// A place in the history: newest scheduled instant first, then newest row.
struct RunPosition: Comparable, Sendable {
    var scheduledAt: Int64
    var row: Int64

    init(scheduledAt: Int64, row: Int64) {
        self.scheduledAt = scheduledAt
        self.row = row
    }

    /// Reads a cursor.
    ///
    /// - Throws: ``StoreError`` `invalid` for anything that ``text`` did not make.
    init(_ text: String) throws(StoreError) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, let scheduledAt = Int64(parts[0]), let row = Int64(parts[1]) else {
            throw StoreError(.invalid, "cursor \"\(text.prefix(80))\" is none that an earlier page gave")
        }
        self.init(scheduledAt: scheduledAt, row: row)
    }

    var text: String { "\(scheduledAt).\(row)" }

    static func < (lhs: RunPosition, rhs: RunPosition) -> Bool {
        (lhs.scheduledAt, lhs.row) < (rhs.scheduledAt, rhs.row)
    }
}

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
        if query.status != nil { return try fetch(query.status.map { ("status = ?", $0.code) }, task: task) }
        return try partByPart(task)
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
            RunPosition(scheduledAt: $0[0], row: $0[1])
        }
    }

    /// Asks each part of `runs_by_task`, newest first: most of what is asked for is in the first, which then bounds
    /// what the others may still add.
    private func partByPart(_ task: Int64) throws -> [RunPosition] {
        guard let ends = try Row.fetchOne(db, sql: "SELECT (SELECT min(row) FROM runs), (SELECT max(row) FROM runs)"),
            let first = ends[0] as Int64?, let last = ends[1] as Int64?
        else { return [] }
        let statement = try db.cachedStatement(
            sql: """
                SELECT scheduled_at, row FROM runs INDEXED BY runs_by_task
                WHERE row >> \(SQLiteSchema.partShift) = ? AND task_id = ? AND scheduled_at >= ? AND scheduled_at <= ?
                    AND (scheduled_at, row) < (?, ?)
                ORDER BY scheduled_at DESC, row DESC LIMIT ?
                """)
        var found: [RunPosition] = []
        var floor = query.since?.milliseconds ?? .min
        let top = cursor?.scheduledAt ?? .max
        var part = last >> SQLiteSchema.partShift
        while part >= first >> SQLiteSchema.partShift {
            let arguments: [Int64] = [part, task, floor, top, top, cursor?.row ?? .max, Int64(limit)]
            let rows = try Row.fetchCursor(statement, arguments: StatementArguments(arguments))
            let before = found.count
            while let row = try rows.next() { found.append(RunPosition(scheduledAt: row[0], row: row[1])) }
            if found.count > before {
                found.sort(by: >)
                if found.count > limit { found.removeLast(found.count - limit) }
                if found.count == limit, let oldest = found.last { floor = max(floor, oldest.scheduledAt) }
            }
            part -= 1
        }
        return found
    }
}
