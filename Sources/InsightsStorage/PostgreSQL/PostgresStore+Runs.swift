package import InsightsEngine
package import InsightsPlugin

extension PostgresStore {
    package func runs(_ query: RunQuery) async throws(StoreError) -> Page<RunRecord> {
        let cursor = try query.cursor.map { text throws(StoreError) in try RunPosition(text) }
        guard (1...10_000).contains(query.limit) else { throw StoreError(.invalid, "limit must be 1 to 10000") }
        return try await read { statements in
            // One more than asked for tells whether there are more.
            var positions = try PostgresRunSearch(statements, query, after: cursor, limit: query.limit + 1).positions()
            let hasMore = positions.count > query.limit
            if hasMore { positions.removeLast() }
            let items = try PostgresRuns.records(statements, rows: positions.map(\.row))
            return Page(items: items, nextCursor: hasMore ? positions.last?.text : nil)
        }
    }

    package func run(_ id: RunID) async throws(StoreError) -> RunRecord? {
        try await read { statements in
            try statements.run("SELECT \(StoredRun.columns) FROM \(StoredRun.tables) WHERE r.id = ?1", .id(id)).first
                .map { try StoredRun.record($0) }
        }
    }

    package func lastRuns() async throws(StoreError) -> [String: RunRecord] {
        try await read { statements in
            var last: [String: RunRecord] = [:]
            let rows = try statements.run(
                """
                SELECT \(StoredRun.columns)
                FROM (SELECT last_row AS row FROM progress UNION ALL SELECT hand_row FROM progress) p
                JOIN (\(StoredRun.tables)) ON r.row = p.row ORDER BY r.scheduled_at, r.row
                """)
            for row in rows.rows { last[try row.text(2)] = try StoredRun.record(row) }
            return last
        }
    }

    package func log(of run: RunID, offset: Int) async throws(StoreError) -> [LogLine] {
        try await LogFields.inPieces(from: offset) { start, count async throws(StoreError) in
            try await read { statements in
                var fields = LogFields()
                return try statements.run(
                    """
                    SELECT at, level, message, fields, line FROM log
                    WHERE run_row = (SELECT row FROM runs WHERE id = ?1) AND line >= ?2 ORDER BY line LIMIT ?3
                    """, .id(run), .integer(Int64(start)), .integer(Int64(count))
                ).rows.map { row in
                    LogLine(
                        at: try row.instant(0), level: try row.text(1), message: try row.text(2),
                        fields: fields.read(try row.optionalText(3)), number: try row.int(4))
                }
            }
        }
    }

    package func occurrence(task: String, at: Instant) async throws(StoreError) -> RunRecord? {
        try await readTogether { statements in
            guard let id = try PostgresRuns.taskID(statements, task) else { return nil }
            let (task, instant) = (PostgresValue.integer(id), PostgresValue.integer(at.milliseconds))
            let range = try statements.run(
                """
                SELECT row, until FROM runs WHERE task_id = ?1 AND scheduled_at <= ?2 AND until IS NOT NULL
                ORDER BY scheduled_at DESC LIMIT 1
                """, task, instant
            ).first
            let covering = try range.flatMap { try $0.integer(1) >= at.milliseconds ? try $0.integer(0) : nil }
            // Where nothing was due at that instant, a person may mean a run by hand; of several, the newest.
            let exact = try statements.run(
                """
                SELECT row, is_occurrence FROM runs WHERE task_id = ?1 AND scheduled_at = ?2
                ORDER BY is_occurrence DESC NULLS LAST, row DESC LIMIT 1
                """, task, instant
            ).first
            let isOccurrence = try exact?.optionalInteger(1) == 1
            guard let row = isOccurrence ? try exact?.integer(0) : try covering ?? exact?.integer(0) else { return nil }
            return try PostgresRuns.records(statements, rows: [row]).first
        }
    }
}

/// Reads rows of runs.
enum PostgresRuns {
    static func taskID(_ statements: PostgresStatements, _ name: String) throws -> Int64? {
        try statements.run("SELECT id FROM tasks WHERE name = ?1", .text(StoredText.clean(name))).first?.integer(0)
    }

    /// The runs in these rows, in this order.
    static func records(_ statements: PostgresStatements, rows: [Int64]) throws -> [RunRecord] {
        guard !rows.isEmpty else { return [] }
        var list = PostgresArray.integers(capacity: rows.count)
        for row in rows { list.append(row) }
        var found: [Int64: RunRecord] = [:]
        found.reserveCapacity(rows.count)
        let result = try statements.run(
            """
            SELECT \(StoredRun.columns) FROM unnest(?1::bigint[]) AS x (row) JOIN (\(StoredRun.tables)) ON r.row = x.row
            """, .array(list))
        for row in result.rows { found[try row.integer(0)] = try StoredRun.record(row) }
        return rows.compactMap { found[$0] }
    }
}

/// Finds a page of the history, by whichever index is in its order.
struct PostgresRunSearch {
    private let statements: PostgresStatements
    private let query: RunQuery
    private let cursor: RunPosition?
    private let limit: Int

    init(_ statements: PostgresStatements, _ query: RunQuery, after cursor: RunPosition?, limit: Int) {
        self.statements = statements
        self.query = query
        self.cursor = cursor
        self.limit = limit
    }

    /// At most the limit, newest first.
    func positions() throws -> [RunPosition] {
        var values: [PostgresValue] = []
        func place(_ value: PostgresValue) -> String {
            values.append(value)
            return "?\(values.count)"
        }
        var conditions: [String] = []
        if let name = query.task {
            guard let task = try PostgresRuns.taskID(statements, name) else { return [] }
            conditions.append("task_id = \(place(.integer(task)))")
        }
        if let status = query.status {
            let code = place(.integer(status.code))
            // One of those without an end is rare.
            conditions.append(status.isFinal ? "outcome = \(code)" : "outcome = 0 AND status = \(code)")
        }
        if let since = query.since { conditions.append("scheduled_at >= \(place(.integer(since.milliseconds)))") }
        if let cursor {
            let (top, row) = (place(.integer(cursor.scheduledAt)), place(.integer(cursor.row)))
            // The first condition is what the index by task can begin at.
            conditions.append("scheduled_at <= \(top) AND (scheduled_at, row) < (\(top), \(row))")
        }
        let filter = conditions.isEmpty ? "" : "WHERE " + conditions.joined(separator: " AND ")
        let limit = place(.integer(Int64(limit)))
        return try statements.run(
            "SELECT scheduled_at, row FROM runs \(filter) ORDER BY scheduled_at DESC, row DESC LIMIT \(limit)", values
        ).rows.map { RunPosition(scheduledAt: try $0.integer(0), row: try $0.integer(1)) }
    }
}
