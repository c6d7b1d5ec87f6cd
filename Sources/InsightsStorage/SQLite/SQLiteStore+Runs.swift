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
            ).map { try StoredRun.record($0) }
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
            while let row = try rows.next() { last[try row.text(2)] = try StoredRun.record(row) }
            return last
        }
    }

    package func log(of run: RunID, offset: Int) async throws(StoreError) -> [LogLine] {
        try await LogFields.inPieces(from: offset) { start, count async throws(StoreError) in
            try await read { db in
                let rows = try Row.fetchCursor(
                    db,
                    sql: """
                        SELECT at, level, message, fields, line FROM log
                        WHERE run_row = (SELECT row FROM runs WHERE id = ?) AND line >= ? ORDER BY line LIMIT ?
                        """,
                    arguments: [run.stored, start, count])
                var lines: [LogLine] = []
                var fields = LogFields()
                while let row = try rows.next() {
                    lines.append(
                        LogLine(
                            at: try row.instant(0), level: try row.text(1), message: try row.text(2),
                            fields: fields.read(try row.optionalText(3)), number: try row.int(4)))
                }
                return lines
            }
        }
    }

    package func occurrence(task: String, at: Instant) async throws(StoreError) -> RunRecord? {
        try await read { db in
            guard let id = try RunSearch.taskID(db, task) else { return nil }
            let arguments: StatementArguments = [id, at.milliseconds]
            let range = try Row.fetchOne(
                db,
                sql: """
                    SELECT row, until FROM runs WHERE task_id = ? AND scheduled_at <= ? AND until IS NOT NULL
                    ORDER BY scheduled_at DESC LIMIT 1
                    """, arguments: arguments)
            let covering = try range.flatMap { try $0.integer(1) >= at.milliseconds ? try $0.integer(0) : nil }
            // Where nothing was due at that instant, a person may mean a run by hand; of several, the newest.
            let exact = try Row.fetchOne(
                db,
                sql: """
                    SELECT row, is_occurrence FROM runs WHERE task_id = ? AND scheduled_at = ?
                    ORDER BY is_occurrence DESC, row DESC LIMIT 1
                    """, arguments: arguments)
            let isOccurrence = try exact?.optionalInteger(1) == 1
            guard let row = isOccurrence ? try exact?.integer(0) : try covering ?? exact?.integer(0) else { return nil }
            return try StoredRun.records(db, rows: [row]).first
        }
    }
}
