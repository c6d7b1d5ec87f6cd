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

/// A request as its row has it.
private struct StoredRequest {
    var kind: Int
    var task: String?
    var dependents = false
    var batch = false
    var run: RunID?

    init(kind: Int, task: String?, dependents: Bool, batch: Bool, run: RunID?) {
        self.kind = kind
        self.task = task
        self.dependents = dependents
        self.batch = batch
        self.run = run
    }

    init(_ request: Request.Kind) {
        switch request {
        case .run(let task, let dependents, let batch):
            self.init(kind: 0, task: task, dependents: dependents, batch: batch, run: nil)
        case .cancel(let run): self.init(kind: 1, task: nil, dependents: false, batch: false, run: run)
        case .pausesChanged: self.init(kind: 2, task: nil, dependents: false, batch: false, run: nil)
        case .reload: self.init(kind: 3, task: nil, dependents: false, batch: false, run: nil)
        case .release(let task): self.init(kind: 4, task: task, dependents: false, batch: false, run: nil)
        }
    }

    /// `nil` for a kind that a newer program asks for.
    var request: Request.Kind? {
        switch kind {
        case 0: .run(task: task ?? "", dependents: dependents, batch: batch)
        case 1: run.map(Request.Kind.cancel)
        case 2: .pausesChanged
        case 3: .reload
        case 4: .release(task: task ?? "")
        default: nil
        }
    }
}
