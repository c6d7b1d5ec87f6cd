package import InsightsEngine
package import InsightsPlugin
internal import Synchronization

extension PostgresStore {
    package func register(_ tasks: [TaskRegistration], at: Instant) async throws(StoreError) -> [StoredTask] {
        try await writeAsNode(node.withLock { $0 }) { statements in
            try PostgresTasks(statements).register(tasks, at: at)
        }
    }

    package func tasks() async throws(StoreError) -> [StoredTask] {
        try await readTogether { statements in try PostgresTasks(statements).registered() }
    }

    package func task(named name: String) async throws(StoreError) -> StoredTask? {
        try await readTogether { statements in
            try PostgresTasks(statements).registered(named: StoredText.clean(name)).first
        }
    }

    package func setPaused(_ tasks: [String], _ isPaused: Bool) async throws(StoreError) {
        let (current, notifies) = (node.withLock { $0 }, listener.isOn)
        try await control { statements in
            var names = PostgresArray.texts(capacity: tasks.count)
            // In one order, so that two who pause the same tasks do not wait for each other.
            for task in Set(tasks.map { StoredText.clean($0) }).sorted() { names.append(task) }
            // A task that no process has registered yet keeps its pause until one does.
            _ = try statements.run(
                """
                INSERT INTO tasks (name, registered_at, hash, is_paused) SELECT name, NULL, 0, ?2 FROM unnest(?1::text[]) AS x (name)
                ON CONFLICT (name) DO UPDATE SET is_paused = excluded.is_paused
                """, .array(names), .integer(isPaused ? 1 : 0))
            statements.concernsOthers = true
            if notifies { try statements.tellOthers(current) }
        }
    }

    package func state(of task: TaskID, forKey key: String) async throws(StoreError) -> Value? {
        try await read { statements in
            let found = try statements.run(
                "SELECT value FROM state WHERE task_id = ?1 AND key = ?2", .integer(task.value),
                .text(StoredText.clean(key)))
            guard let text = try found.first?.text(0) else { return nil }
            do {
                return try Value(json: text.utf8)
            } catch {
                throw StoreError(.damaged, "the state \"\(key)\" of task \(task.value) is \(error)")
            }
        }
    }
}

/// Registers tasks and reads them with what is stored of each.
struct PostgresTasks {
    private let statements: PostgresStatements

    init(_ statements: PostgresStatements) { self.statements = statements }

    private static let columns = """
        SELECT t.id, t.name, t.registered_at, t.hash, t.is_paused, p.last_occurrence, p.last_success_at
        FROM tasks t LEFT JOIN progress p ON p.task_id = t.id
        """

    // MARK: Reading

    /// Every task that a process has registered, by name.
    ///
    /// - Parameter name: The only one that is wanted; `nil`: all.
    func registered(named name: String? = nil) throws -> [StoredTask] {
        guard let name else {
            let rows = try statements.run(PostgresTasks.columns + " WHERE t.registered_at IS NOT NULL ORDER BY t.name")
            return try tasks(rows, marks: marks(try statements.run(PostgresTasks.allMarks)))
        }
        let rows = try statements.run(
            PostgresTasks.columns + " WHERE t.registered_at IS NOT NULL AND t.name = ?1", .text(name))
        let found = try tasks(rows, marks: [:])
        return try found.map { task in
            var task = task
            var ids = PostgresArray.integers(capacity: 1)
            ids.append(task.id.value)
            task.marks = try marks(of: ids)[task.id] ?? []
            return task
        }
    }

    /// The tasks of these numbers, in no order.
    func tasks(_ ids: PostgresArray) throws -> [StoredTask] {
        let rows = try statements.run(PostgresTasks.columns + " WHERE t.id = ANY(?1::bigint[])", .array(ids))
        return try tasks(rows, marks: marks(of: ids))
    }

    func marks(of ids: PostgresArray) throws -> [TaskID: [AfterMark]] {
        try marks(
            try statements.run(PostgresTasks.allMarks + " WHERE task_id = ANY(?1::bigint[])", .array(ids)))
    }

    private static let allMarks = "SELECT task_id, upstream_id, scheduled_at FROM marks"

    private func marks(_ rows: PostgresResult) throws -> [TaskID: [AfterMark]] {
        var marks: [TaskID: [AfterMark]] = [:]
        for row in rows.rows {
            let mark = AfterMark(
                task: TaskID(try row.integer(0)), upstream: TaskID(try row.integer(1)), scheduledAt: try row.instant(2))
            marks[mark.task, default: []].append(mark)
        }
        // As SQLite's key has them.
        return marks.mapValues { $0.sorted { $0.upstream.value < $1.upstream.value } }
    }

    private func tasks(_ rows: PostgresResult, marks: [TaskID: [AfterMark]]) throws -> [StoredTask] {
        try rows.rows.map { row in
            let id = TaskID(try row.integer(0))
            return StoredTask(
                id: id, name: try row.text(1), registeredAt: try row.instant(2),
                hash: UInt64(bitPattern: try row.integer(3)), isPaused: try row.bool(4),
                lastOccurrence: try row.optionalInstant(5), lastSuccessAt: try row.optionalInstant(6),
                marks: marks[id] ?? [])
        }
    }

    // MARK: Registering

    /// Makes sure that each has a row, and tells what is stored of each, in order.
    func register(_ registrations: [TaskRegistration], at: Instant) throws -> [StoredTask] {
        var names = PostgresArray.texts(capacity: registrations.count)
        var (hashes, news) = (
            PostgresArray.integers(capacity: registrations.count), PostgresArray.integers(capacity: registrations.count)
        )
        var seen: Set<String> = []
        for registration in registrations {
            let name = StoredText.clean(registration.name)
            guard seen.insert(name).inserted else { continue }
            names.append(name)
            hashes.append(Int64(bitPattern: registration.hash))
            news.append(registration.isNew)
        }
        let added = try statements.run(
            """
            INSERT INTO tasks (name, registered_at, hash, is_paused)
            SELECT x.name, ?3, x.hash, 0 FROM unnest(?1::text[], ?2::bigint[]) WITH ORDINALITY AS x (name, hash, place)
            WHERE NOT EXISTS (SELECT 1 FROM tasks t WHERE t.name = x.name) ORDER BY x.place ON CONFLICT (name) DO NOTHING
            """, .array(names), .array(hashes), .integer(at.milliseconds))
        let changed = try statements.run(
            """
            UPDATE tasks t SET registered_at = coalesce(t.registered_at, ?4), hash = x.hash
            FROM unnest(?1::text[], ?2::bigint[], ?3::bigint[]) AS x (name, hash, is_new)
            WHERE t.name = x.name AND (t.registered_at IS NULL OR (x.is_new = 1 AND t.hash <> x.hash))
            """, .array(names), .array(hashes), .array(news), .integer(at.milliseconds))
        if added.changedRows + changed.changedRows > 0 {
            _ = try statements.run(
                """
                INSERT INTO progress (task_id) SELECT t.id FROM unnest(?1::text[]) AS x (name) JOIN tasks t ON t.name = x.name
                ON CONFLICT (task_id) DO NOTHING
                """, .array(names))
            _ = try statements.run("UPDATE counters SET definitions = definitions + 1 WHERE id = 1")
            statements.concernsOthers = true
        }
        let rows = try statements.run(PostgresTasks.columns + " WHERE t.name = ANY(?1::text[])", .array(names))
        let found = try tasks(rows, marks: marks(try statements.run(PostgresTasks.allMarks)))
        let known = Dictionary(found.map { ($0.name, $0) }) { first, _ in first }
        return try registrations.map { registration in
            guard let task = known[StoredText.clean(registration.name)] else {
                throw UnreadableValue(column: "name", value: registration.name)
            }
            return task
        }
    }
}
