internal import InsightsEngine
internal import InsightsPlugin

/// Registers tasks, by the hundred thousand.
final class TaskWriter {
    private struct Row {
        var task: StoredTask
        /// Whether a process has registered it; before, only its pause is known.
        var isRegistered: Bool
    }

    private let all: any PreparedStatement
    private let marks: any PreparedStatement
    private let insert: any PreparedStatement
    private let update: any PreparedStatement

    init(_ source: any StatementSource) throws {
        all = try source(
            """
            SELECT t.id, t.name, t.registered_at, t.hash, t.is_paused, p.last_occurrence, p.last_success_at
            FROM tasks t LEFT JOIN progress p ON p.task_id = t.id
            """)
        marks = try source("SELECT task_id, upstream_id, scheduled_at FROM marks")
        insert = try source(
            "INSERT INTO tasks (name, registered_at, hash, is_paused) VALUES (?1, ?2, ?3, 0) RETURNING id")
        update = try source("UPDATE tasks SET registered_at = ?2, hash = ?3 WHERE id = ?1")
    }

    /// Makes sure that each has a row, and tells what is stored of each, in order.
    func register(_ tasks: [TaskRegistration], at: Instant) throws -> [StoredTask] {
        var known: [String: Row] = [:]
        let rows = try self.all.all(TaskWriter.row)
        known.reserveCapacity(rows.count)
        let marks = try marksByTask()
        for var row in rows {
            row.task.marks = marks[row.task.id] ?? []
            known[row.task.name] = row
        }
        return try tasks.map { registration in
            let name = StoredText.clean(registration.name)
            guard var row = known[name] else {
                let task = try create(registration, name, at: at)
                known[name] = Row(task: task, isRegistered: true)
                return task
            }
            let isChanged = registration.isNew && row.task.hash != registration.hash
            guard !row.isRegistered || isChanged else { return row.task }
            if !row.isRegistered { row.task.registeredAt = at }
            row.task.hash = registration.hash
            row.isRegistered = true
            update.bind(1, row.task.id.value)
            update.bind(2, row.task.registeredAt.milliseconds)
            update.bind(3, Int64(bitPattern: registration.hash))
            try update.run()
            known[name] = row
            return row.task
        }
    }

    private func create(_ registration: TaskRegistration, _ name: String, at: Instant) throws -> StoredTask {
        insert.bind(1, name)
        insert.bind(2, at.milliseconds)
        insert.bind(3, Int64(bitPattern: registration.hash))
        let id = try insert.first { $0.integer(0) } ?? 0
        return StoredTask(id: TaskID(id), name: name, registeredAt: at, hash: registration.hash)
    }

    private func marksByTask() throws -> [TaskID: [AfterMark]] {
        let all = try marks.all { row in
            AfterMark(
                task: TaskID(row.integer(0)), upstream: TaskID(row.integer(1)),
                scheduledAt: Instant(milliseconds: row.integer(2)))
        }
        return Dictionary(grouping: all, by: \.task)
    }

    private static func row(_ found: any PreparedStatement) -> Row {
        let registeredAt = found.optionalInteger(2)
        return Row(
            task: StoredTask(
                id: TaskID(found.integer(0)), name: found.text(1),
                registeredAt: Instant(milliseconds: registeredAt ?? 0), hash: UInt64(bitPattern: found.integer(3)),
                isPaused: found.integer(4) != 0,
                lastOccurrence: found.optionalInteger(5).map { Instant(milliseconds: $0) },
                lastSuccessAt: found.optionalInteger(6).map { Instant(milliseconds: $0) }),
            isRegistered: registeredAt != nil)
    }
}
