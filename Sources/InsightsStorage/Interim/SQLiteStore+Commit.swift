internal import Foundation
internal import GRDB
package import InsightsEngine
package import InsightsPlugin
internal import Synchronization

extension RunID {
    var data: Data {
        var bytes = Data(capacity: 16)
        for word in [high, low] {
            for shift in stride(from: 56, through: 0, by: -8) {
                bytes.append(UInt8(truncatingIfNeeded: word >> UInt64(shift)))
            }
        }
        return bytes
    }
    init(data: Data) {
        var words: [UInt64] = [0, 0]
        for (index, byte) in data.prefix(16).enumerated() { words[index / 8] = words[index / 8] << 8 | UInt64(byte) }
        self.init(high: words[0], low: words[1])
    }
}

extension SQLiteStore {
    package func acquire(_ node: NodeIdentity) async throws(StoreError) {
        try lock.acquire(node); currentNode.withLock { $0 = node.name }
    }
    package func release() async { lock.release() }

    func write<T: Sendable>(_ body: @escaping @Sendable (Database) throws -> T) async throws(StoreError) -> T {
        do { return try await queue.write(body) } catch { throw SQLiteStore.translated(error, path: path) }
    }

    package func register(_ tasks: [TaskRegistration], at: Instant) async throws(StoreError) -> [StoredTask] {
        try await write { db in
            let insert = try db.cachedStatement(
                sql:
                    "INSERT INTO tasks(name,registered_at,hash) VALUES(?,?,?) ON CONFLICT(name) DO UPDATE SET hash=excluded.hash WHERE hash<>excluded.hash"
            )
            for task in tasks {
                try insert.execute(arguments: [task.name, at.milliseconds, Int64(bitPattern: task.hash)])
            }
            let known = Dictionary(uniqueKeysWithValues: try SQLiteStore.storedTasks(db).map { ($0.name, $0) })
            return tasks.compactMap { known[$0.name] }
        }
    }

    static func storedTasks(_ db: Database) throws -> [StoredTask] {
        var marks: [Int64: [AfterMark]] = [:]
        for row in try Row.fetchAll(db, sql: "SELECT task,upstream,scheduled_at FROM marks") {
            marks[row[0], default: []].append(
                AfterMark(task: TaskID(row[0]), upstream: TaskID(row[1]), scheduledAt: Instant(milliseconds: row[2])))
        }
        return try Row.fetchAll(
            db,
            sql: """
                SELECT t.id,t.name,t.registered_at,t.hash,t.paused,t.last_success,
                  (SELECT COALESCE(r.until,r.occurrence) FROM runs r WHERE r.task=t.id AND r.occurrence IS NOT NULL ORDER BY r.occurrence DESC LIMIT 1)
                FROM tasks t ORDER BY t.name
                """
        ).map { row in
            StoredTask(
                id: TaskID(row[0]), name: row[1], registeredAt: Instant(milliseconds: row[2]),
                hash: UInt64(bitPattern: row[3]),
                isPaused: row[4], lastOccurrence: (row[6] as Int64?).map { Instant(milliseconds: $0) },
                lastSuccessAt: (row[5] as Int64?).map { Instant(milliseconds: $0) }, marks: marks[row[0]] ?? [])
        }
    }

    package func recover() async throws(StoreError) -> [UnfinishedRun] {
        try await write { db in
            try db.execute(sql: "UPDATE runs SET fence=fence+1, losses=losses+1 WHERE status='running'")
            return try Row.fetchAll(
                db,
                sql: """
                    SELECT r.*, t.name AS task_name FROM runs r JOIN tasks t ON t.id=r.task
                    WHERE r.status IN ('queued','running','retrying','interrupted') ORDER BY r.seq
                    """
            ).map { row in
                func instant(_ name: String) -> Instant? { (row[name] as Int64?).map { Instant(milliseconds: $0) } }
                return UnfinishedRun(
                    run: RunID(data: row["id"]), task: TaskID(row["task"]), name: row["task_name"],
                    trigger: Trigger(rawValue: row["trigger"]) ?? .cadence,
                    occurrence: instant("occurrence"), scheduledAt: Instant(milliseconds: row["scheduled_at"]),
                    status: RunStatus(rawValue: row["status"]) ?? .queued,
                    startedAt: instant("started_at"), retryAt: instant("retry_at"), attempt: row["attempt"],
                    failures: row["failures"],
                    losses: row["losses"], fence: row["fence"], movesDependents: row["moves"])
            }
        }
    }

    package func renewLeases() async throws(StoreError) -> [RunID] { [] }

    package func commit(_ writes: [StoreWrite]) async throws(StoreError) -> [WriteOutcome] {
        let node = currentNode.withLock { $0 }
        return try await write { db in try writes.map { try SQLiteStore.apply($0, db, node: node) } }
    }

    static func apply(_ write: StoreWrite, _ db: Database, node: String?) throws -> WriteOutcome {
        switch write {
        case .claim(let claim): return try apply(claim, db, node: node)
        case .start(let start):
            let row = try Row.fetchOne(
                db.cachedStatement(sql: "SELECT fence,attempt,status FROM runs WHERE id=?"), arguments: [start.run.data]
            )
            guard let row else { return .conflict }
            if row[0] == start.fence + 1, row[1] == start.attempt { return .done }
            guard row[0] == start.fence, !(RunStatus(rawValue: row[2])?.isFinal ?? true) else { return .conflict }
            try db.cachedStatement(
                sql:
                    "UPDATE runs SET status='running',fence=fence+1,attempt=?,node=?,started_at=COALESCE(started_at,?),lateness=COALESCE(lateness,?),retry_at=NULL WHERE id=?"
            )
            .execute(arguments: [
                start.attempt, node, start.at.milliseconds, start.lateness?.wholeMilliseconds, start.run.data,
            ])
            return .done
        case .skip(let skip): try apply(skip, db); return .done
        case .checkpoint(let point):
            guard
                try Int64.fetchOne(
                    db.cachedStatement(sql: "SELECT fence FROM runs WHERE id=? AND status='running'"),
                    arguments: [point.run.data]) == point.fence
            else { return .fenced }
            return try payload(point.payload, run: point.run, task: point.task, at: point.at, db)
        case .finish(let finish): return try apply(finish, db)
        case .setPaused(let task, let isPaused):
            try db.execute(sql: "UPDATE tasks SET paused=? WHERE id=?", arguments: [isPaused, task.value]); return .done
        case .answer(let id, let answer):
            try db.execute(sql: "UPDATE requests SET answer=? WHERE id=?", arguments: [answer.text, id.data]);
            return .done
        }
    }

    static func apply(_ claim: Claim, _ db: Database, node: String?) throws -> WriteOutcome {
        let insert = try db.cachedStatement(
            sql: """
                INSERT INTO runs(id,task,uses,trigger,occurrence,scheduled_at,status,fence,attempt,attempts,moves,started_at,lateness,node)
                VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING
                """)
        try insert.execute(arguments: [
            claim.run.data, claim.task.value, claim.uses, claim.trigger.rawValue, claim.occurrence?.milliseconds,
            claim.scheduledAt.milliseconds,
            claim.starts ? "running" : "queued", claim.starts ? 1 : 0, claim.starts ? 1 : 0, claim.attempts,
            claim.movesDependents,
            claim.starts ? claim.at.milliseconds : nil, claim.lateness?.wholeMilliseconds, node,
        ])
        if db.changesCount == 0,
            try Int.fetchOne(db, sql: "SELECT 1 FROM runs WHERE id=?", arguments: [claim.run.data]) == nil
        {
            return .conflict
        }
        if claim.clearsMarks { try db.execute(sql: "DELETE FROM marks WHERE task=?", arguments: [claim.task.value]) }
        return .done
    }

    static func apply(_ skip: SkipRecord, _ db: Database) throws {
        let newest = try Row.fetchOne(
            db.cachedStatement(
                sql:
                    "SELECT seq,status,reason,COALESCE(until,occurrence),count FROM runs WHERE task=? AND occurrence IS NOT NULL ORDER BY occurrence DESC LIMIT 1"
            ), arguments: [skip.task.value])
        if skip.clearsMarks { try db.execute(sql: "DELETE FROM marks WHERE task=?", arguments: [skip.task.value]) }
        if let newest {
            if newest[3] >= skip.until.milliseconds { return }
            if newest[1] == "skipped", newest[2] == skip.reason.rawValue {
                try db.execute(
                    sql: "UPDATE runs SET until=?,count=count+?,finished_at=? WHERE seq=?",
                    arguments: [skip.until.milliseconds, skip.count, skip.at.milliseconds, newest[0] as Int64])
                return
            }
        }
        try db.execute(
            sql:
                "INSERT INTO runs(id,task,uses,trigger,occurrence,scheduled_at,status,reason,finished_at,until,count) VALUES(?,?,?,?,?,?,'skipped',?,?,?,?)",
            arguments: [
                skip.run.data, skip.task.value, skip.uses, skip.trigger.rawValue, skip.from.milliseconds,
                skip.from.milliseconds, skip.reason.rawValue,
                skip.at.milliseconds, skip.count > 1 ? skip.until.milliseconds : nil, skip.count,
            ])
    }
}
