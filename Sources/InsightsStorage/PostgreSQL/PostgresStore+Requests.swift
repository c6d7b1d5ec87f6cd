package import InsightsEngine
internal import InsightsPlugin
internal import Synchronization

extension PostgresStore {
    package func ask(_ requests: [Request]) async throws(StoreError) {
        let (current, notifies) = (node.withLock { $0 }, listener.isOn)
        try await control { statements in
            for request in requests {
                let row = StoredRequest(request.kind)
                _ = try statements.run(
                    """
                    INSERT INTO requests (id, at, kind, task, dependents, batch, run) SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7
                    WHERE NOT EXISTS (SELECT 1 FROM answers WHERE id = ?1) ON CONFLICT (id) DO NOTHING
                    """, .id(request.id), .integer(request.at.milliseconds), .integer(Int64(row.kind)),
                    StoredText.clean(row.task).map(PostgresValue.text) ?? .null, .integer(row.dependents ? 1 : 0),
                    .integer(row.batch ? 1 : 0), row.run.map(PostgresValue.id) ?? .null)
            }
            statements.concernsOthers = true
            if notifies { try statements.tellOthers(current) }
        }
    }

    package func pendingRequests(limit: Int) async throws(StoreError) -> [Request] {
        let number = node.withLock { $0?.number } ?? -1
        return try await read { statements in
            // Most of the time there is none, and the joins are not even begun.
            try statements.run(
                """
                SELECT q.id, q.at, q.kind, q.task, q.dependents, q.batch, q.run FROM requests q
                LEFT JOIN tasks t ON t.name = q.task LEFT JOIN runs r ON r.id = q.run
                LEFT JOIN progress p ON p.task_id = coalesce(t.id, r.task_id)
                LEFT JOIN nodes n ON n.number = p.node AND n.is_dead = 0 AND n.expires_at >= \(PostgresSchema.clock)
                WHERE n.number IS NULL OR n.number = ?2 ORDER BY q.number LIMIT ?1
                """, .integer(Int64(limit)), .integer(number)
            ).rows.compactMap { row in
                let stored = StoredRequest(
                    kind: try row.int(2), task: try row.optionalText(3), dependents: try row.bool(4),
                    batch: try row.bool(5), run: try row.optionalRunID(6))
                return try stored.request.map { Request(id: try row.runID(0), kind: $0, at: try row.instant(1)) }
            }
        }
    }

    package func answer(to request: RequestID) async throws(StoreError) -> RequestAnswer? {
        try await read { statements in
            let found = try statements.run("SELECT kind, run, reason FROM answers WHERE id = ?1", .id(request))
            guard let row = found.first else { return nil }
            switch try row.integer(0) {
            case 0: return .accepted
            case 1: return .overlaps(try row.runID(1))
            default: return .refused(try row.optionalText(2) ?? "")
            }
        }
    }
}
