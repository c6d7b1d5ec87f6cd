internal import InsightsEngine
internal import InsightsPlugin

/// Takes tasks for a node, and what they left unfinished.
struct PostgresHolding {
    /// Of a row `p` of progress: that no living node holds the task.
    static let isFree =
        "(p.node IS NULL OR NOT EXISTS (SELECT 1 FROM nodes d WHERE d.number = p.node AND d.is_dead = 0))"

    private let statements: PostgresStatements
    private let node: PostgresNode

    init(_ statements: PostgresStatements, _ node: PostgresNode) {
        self.statements = statements
        self.node = node
    }

    /// Takes the tasks that are free, in the order of the wishes.
    func hold(_ wishes: [HoldWish], limit: Int) throws -> [HeldTask] {
        guard limit > 0, !wishes.isEmpty else { return [] }
        var tasks = PostgresArray.integers(capacity: wishes.count)
        var hashes = PostgresArray.integers(capacity: wishes.count)
        for wish in wishes {
            tasks.append(wish.task.value)
            hashes.append(wish.hash.map { Int64(bitPattern: $0) })
        }
        let rows = try statements.run(
            """
            SELECT p.task_id, p.held_epoch, p.node FROM unnest(?1::bigint[], ?2::bigint[]) WITH ORDINALITY AS w (task, hash, place)
            JOIN progress p ON p.task_id = w.task JOIN tasks t ON t.id = w.task
            WHERE (w.hash IS NULL OR t.hash = w.hash) AND (p.node = ?3 OR \(PostgresHolding.isFree))
            ORDER BY w.place LIMIT ?4 FOR UPDATE OF p SKIP LOCKED
            """, .array(tasks), .array(hashes), .integer(node.number), .integer(Int64(limit)))
        guard rows.rowCount > 0 else { return [] }
        // A row that has changed since the statement began tells its new holder, whom the statement's own view of the nodes
        // may not have yet.
        let living = Set(
            try statements.run("SELECT number FROM nodes WHERE is_dead = 0").rows.map { try $0.integer(0) })
        var taken: [(task: TaskID, isStart: Bool)] = []
        var all = PostgresArray.integers(capacity: rows.rowCount)
        var new = PostgresArray.integers(capacity: rows.rowCount)
        var seen: Set<Int64> = []
        for row in rows.rows {
            let task = try row.integer(0)
            let holder = try row.optionalInteger(2)
            guard seen.insert(task).inserted, holder == node.number || holder.map({ !living.contains($0) }) ?? true
            else { continue }
            all.append(task)
            let isNew = holder != node.number
            if isNew { new.append(task) }
            let isStart = isNew ? try row.optionalInteger(1).map { $0 < node.epoch } ?? true : false
            taken.append((TaskID(task), isStart))
        }
        guard !taken.isEmpty else { return [] }
        if new.count > 0 {
            _ = try statements.run(
                "UPDATE progress SET node = ?2, held_epoch = ?3 WHERE task_id = ANY(?1::bigint[])", .array(new),
                .integer(node.number), .integer(node.epoch))
            try PostgresHolding.loseAttempts(statements, of: "r.task_id = ANY(?1::bigint[])", .array(new))
        }
        let stored = Dictionary(try PostgresTasks(statements).tasks(all).map { ($0.id, $0) }) { first, _ in first }
        let unfinished = Dictionary(
            grouping: try PostgresHolding.unfinished(statements, of: "r.task_id = ANY(?1::bigint[])", .array(all)),
            by: \.task)
        return taken.compactMap { taken in
            stored[taken.task].map {
                HeldTask(task: $0, unfinished: unfinished[taken.task] ?? [], isStart: taken.isStart)
            }
        }
    }

    /// Takes over the unfinished runs of every task that no other living node holds.
    static func recover(_ statements: PostgresStatements, number: Int64) throws -> [UnfinishedRun] {
        let isOurs = """
            EXISTS (SELECT 1 FROM progress p WHERE p.task_id = r.task_id AND (p.node = ?1 OR \(isFree)))
            """
        try loseAttempts(statements, of: isOurs, .integer(number))
        return try unfinished(statements, of: isOurs, .integer(number))
    }

    /// An attempt is counted as lost once, however often this is asked: its own fence then lies below the run's.
    private static func loseAttempts(
        _ statements: PostgresStatements, of condition: String, _ value: PostgresValue
    ) throws {
        // What runs anywhere is little; the tasks that are taken may have a long history.
        _ = try statements.run(
            """
            WITH r AS MATERIALIZED (SELECT row, task_id FROM runs WHERE outcome = 0 AND status = \(RunStatus.running.code))
            UPDATE runs u SET fence = fence + 1, losses = coalesce(losses, 0) + 1 FROM r
            WHERE u.row = r.row AND u.fence = u.attempt_fence AND \(condition)
            """, value)
    }

    private static func unfinished(
        _ statements: PostgresStatements, of condition: String, _ value: PostgresValue
    ) throws -> [UnfinishedRun] {
        try statements.run(
            """
            WITH r AS MATERIALIZED (SELECT * FROM runs WHERE outcome = 0)
            SELECT \(StoredRun.unfinishedColumns) FROM r JOIN tasks t ON t.id = r.task_id WHERE \(condition)
            ORDER BY r.scheduled_at, r.row
            """, value
        ).rows.map { try StoredRun.unfinished($0) }
    }
}
