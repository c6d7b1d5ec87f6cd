internal import GRDB
package import InsightsEngine
package import InsightsPlugin

extension SQLiteStore {
    package func register(_ tasks: [TaskRegistration], at: Instant) async throws(StoreError) -> [StoredTask] {
        try await write { db, _ in
            guard let connection = db.sqliteConnection else { throw DatabaseError(resultCode: .SQLITE_MISUSE) }
            let statements = SQLiteStatements(connection)
            defer { statements.finalize() }
            return try TaskWriter(statements).register(tasks, at: at)
        }
    }

    package func tasks() async throws(StoreError) -> [StoredTask] { try await read { try StoredTasks.all($0) } }

    package func task(named name: String) async throws(StoreError) -> StoredTask? {
        try await read { try StoredTasks.all($0, named: name).first }
    }

    package func setPaused(_ tasks: [String], _ isPaused: Bool) async throws(StoreError) {
        try await write { db, _ in
            // A task that no process has registered yet keeps its pause until one does.
            let statement = try db.makeStatement(
                sql: """
                    INSERT INTO tasks (name, registered_at, hash, is_paused) VALUES (?, NULL, 0, ?) ON CONFLICT (name) DO UPDATE
                    SET is_paused = excluded.is_paused
                    """)
            for task in tasks { try statement.execute(arguments: [StoredText.clean(task), isPaused]) }
        }
    }

    package func state(of task: TaskID, forKey key: String) async throws(StoreError) -> Value? {
        try await read { db in
            let text = try String.fetchOne(
                db, sql: "SELECT value FROM state WHERE task_id = ? AND key = ?",
                arguments: [task.value, StoredText.clean(key)])
            guard let text else { return nil }
            do {
                return try Value(json: text.utf8)
            } catch {
                throw StoreError(.damaged, "the state \"\(key)\" of task \(task.value) is \(error)")
            }
        }
    }
}

/// Reads tasks with what is stored of each.
enum StoredTasks {
    /// Every task that was registered, by name.
    ///
    /// - Parameter name: The only one that is wanted; `nil`: all.
    static func all(_ db: Database, named name: String? = nil) throws -> [StoredTask] {
        let arguments: StatementArguments = name.map { [StoredText.clean($0)] } ?? []
        var marks: [TaskID: [AfterMark]] = [:]
        let isOne = name == nil ? "" : "WHERE task_id = (SELECT id FROM tasks WHERE name = ?)"
        let markRows = try Row.fetchCursor(
            db, sql: "SELECT task_id, upstream_id, scheduled_at FROM marks \(isOne)", arguments: arguments)
        while let row = try markRows.next() {
            let mark = AfterMark(
                task: TaskID(try row.integer(0)), upstream: TaskID(try row.integer(1)), scheduledAt: try row.instant(2))
            marks[mark.task, default: []].append(mark)
        }
        let rows = try Row.fetchCursor(
            db,
            sql: """
                SELECT t.id, t.name, t.registered_at, t.hash, t.is_paused, p.last_occurrence, p.last_success_at
                FROM tasks t LEFT JOIN progress p ON p.task_id = t.id
                WHERE t.registered_at IS NOT NULL \(name == nil ? "" : "AND t.name = ?") ORDER BY t.name
                """, arguments: arguments)
        var tasks: [StoredTask] = []
        while let row = try rows.next() {
            let id = TaskID(try row.integer(0))
            tasks.append(
                StoredTask(
                    id: id, name: try row.text(1), registeredAt: try row.instant(2),
                    hash: UInt64(bitPattern: try row.integer(3)), isPaused: try row.bool(4),
                    lastOccurrence: try row.optionalInstant(5), lastSuccessAt: try row.optionalInstant(6),
                    marks: marks[id] ?? []))
        }
        return tasks
    }
}
