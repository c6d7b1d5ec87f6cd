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
        var found: [Int64: RunRecord] = [:]
        found.reserveCapacity(rows.count)
        var start = 0
        while start < rows.count {
            let chunk = rows[start..<min(start + 500, rows.count)].map(String.init).joined(separator: ", ")
            let cursor = try Row.fetchCursor(
                db, sql: "SELECT \(columns) FROM \(tables) WHERE r.row IN (\(chunk))")
            while let row = try cursor.next() { found[row[0]] = record(row) }
            start += 500
        }
        return rows.compactMap { found[$0] }
    }
}
