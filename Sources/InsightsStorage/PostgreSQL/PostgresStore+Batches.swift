package import InsightsEngine
package import InsightsPlugin
internal import Synchronization

extension PostgresStore {
    package func commit(_ writes: [StoreWrite]) async throws(StoreError) -> [WriteOutcome] {
        guard !writes.isEmpty else { return [] }
        let node = node.withLock { $0 }
        guard node != nil || writes.allSatisfy(\.needsNoNode) else { throw PostgresNode.lost(label) }
        return try await writeAsNode(node) { statements in
            try statements.batches().apply(writes, node: node?.identity.name)
        }
    }

    package func prune(task: TaskID, before: Instant, limit: Int) async throws(StoreError) -> Int {
        let current = node.withLock { $0 }
        guard let current else { throw PostgresNode.lost(label) }
        return try await writeAsNode(current) { statements in
            try PostgresPruning(statements).prune(task, before: before, limit: limit)
        }
    }

    package func probe() async throws(StoreError) {
        try await control { statements in
            // A row that does not stay: it finds out whether there is room and the right to write, and locks nothing.
            _ = try statements.run("SAVEPOINT probe")
            _ = try statements.run("INSERT INTO probe VALUES (1)")
            _ = try statements.run("ROLLBACK TO probe")
        }
    }

    /// Writes in one durable transaction that is refused whole when the node is dead, and cannot be found dead meanwhile.
    func writeAsNode<Result: Sendable>(
        _ node: PostgresNode?, _ body: @escaping @Sendable (PostgresStatements) throws -> Result
    ) async throws(StoreError) -> Result {
        let (label, notifies) = (label, listener.isOn)
        let written = try await write { statements in
            let sharing = node.map { PostgresSharing(statements, $0) }
            statements.sharing = sharing
            defer { statements.sharing = nil }
            if let node { try statements.requireLease(node, label) }
            let result = try body(statements)
            if notifies { try statements.tellOthers(node) }
            return (result: result, left: sharing?.left ?? [])
        }
        node?.forgetPlaces(of: written.left)
        return written.result
    }
}

extension StoreWrite {
    /// Whether a process that runs no tasks may ask for it.
    fileprivate var needsNoNode: Bool {
        switch self {
        case .answer, .setPaused: true
        default: false
        }
    }
}

extension PostgresStatements {
    /// Holds the node's row until the end of the transaction, so that nobody can mark it as dead before.
    ///
    /// - Throws: ``StoreError`` `leaseLost` when it is dead.
    func requireLease(_ node: PostgresNode, _ label: String) throws {
        let found = try run(
            "SELECT 1 FROM nodes WHERE number = ?1 AND is_dead = 0 FOR KEY SHARE", .integer(node.number))
        guard found.rowCount == 1 else { throw PostgresNode.lost(label) }
    }

    /// Tells other nodes with the commit, if there is something to tell.
    func tellOthers(_ node: PostgresNode?) throws {
        guard concernsOthers else { return }
        concernsOthers = false
        _ = try run("SELECT pg_notify('\(PostgresListener.channel)', ?1)", .text(node.map { String($0.number) } ?? ""))
    }
}

/// Deletes what is over for long enough.
struct PostgresPruning {
    private let statements: PostgresStatements

    init(_ statements: PostgresStatements) { self.statements = statements }

    /// A run is scheduled before it ends, so the search need only look at those scheduled before `before`.
    func prune(_ task: TaskID, before: Instant, limit: Int) throws -> Int {
        let kept = try statements.run(
            "SELECT last_row, hand_row FROM progress WHERE task_id = ?1", .integer(task.value))
        let (newest, byHand) = (try kept.first?.optionalInteger(0), try kept.first?.optionalInteger(1))
        let rows = try statements.run(
            """
            WITH old AS (
                SELECT row FROM runs WHERE task_id = ?1 AND scheduled_at < ?2 AND finished_at < ?2
                    AND outcome <> 0 AND row <> ?3 ORDER BY scheduled_at, row LIMIT ?4
            ), lines AS (
                DELETE FROM log USING old WHERE log.run_row = old.row
            )
            DELETE FROM runs USING old WHERE runs.row = old.row RETURNING runs.row
            """, .integer(task.value), .integer(before.milliseconds), .integer(newest ?? 0), .integer(Int64(limit)))
        if let byHand, try rows.rows.contains(where: { try $0.integer(0) == byHand }) { try findHandRun(task) }
        return rows.rowCount
    }

    /// Looks for the newest run by hand anew, after it was deleted.
    private func findHandRun(_ task: TaskID) throws {
        _ = try statements.run(
            """
            UPDATE progress SET (hand_at, hand_row) = (
                SELECT scheduled_at, row FROM runs WHERE task_id = ?1 AND is_occurrence IS NULL
                ORDER BY scheduled_at DESC, row DESC LIMIT 1)
            WHERE task_id = ?1
            """, .integer(task.value))
    }
}
