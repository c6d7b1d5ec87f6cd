internal import GRDB
package import InsightsEngine
internal import InsightsPlugin

extension SQLiteStore {
    package func ask(_ requests: [Request]) async throws(StoreError) {
        try await write { db, _ in
            let answered = try db.cachedStatement(sql: "SELECT 1 FROM answers WHERE id = ?")
            let insert = try db.cachedStatement(
                sql: """
                    INSERT OR IGNORE INTO requests (id, at, kind, task, dependents, batch, run) VALUES (?, ?, ?, ?, ?, ?, ?)
                    """)
            for request in requests {
                if try Int.fetchOne(answered, arguments: [request.id.stored]) != nil { continue }
                let row = StoredRequest(request.kind)
                try insert.execute(
                    arguments: [
                        request.id.stored, request.at.milliseconds, row.kind, StoredText.clean(row.task),
                        row.dependents,
                        row.batch, row.run?.stored,
                    ])
            }
        }
    }

    package func pendingRequests(limit: Int) async throws(StoreError) -> [Request] {
        try await read { db in
            try Row.fetchAll(
                db,
                sql: "SELECT id, at, kind, task, dependents, batch, run FROM requests ORDER BY number LIMIT ?",
                arguments: [limit]
            ).compactMap { row in
                let stored = StoredRequest(
                    kind: try row.int(2), task: try row.optionalText(3), dependents: try row.bool(4),
                    batch: try row.bool(5),
                    run: try row.optionalRunID(6))
                return try stored.request.map {
                    Request(id: try row.runID(0), kind: $0, at: try row.instant(1))
                }
            }
        }
    }

    package func answer(to request: RequestID) async throws(StoreError) -> RequestAnswer? {
        try await read { db in
            guard
                let row = try Row.fetchOne(
                    db, sql: "SELECT kind, run, reason FROM answers WHERE id = ?", arguments: [request.stored])
            else { return nil }
            switch try row.integer(0) {
            case 0: return .accepted
            case 1: return .overlaps(try row.runID(1))
            default: return .refused(try row.optionalText(2) ?? "")
            }
        }
    }
}
