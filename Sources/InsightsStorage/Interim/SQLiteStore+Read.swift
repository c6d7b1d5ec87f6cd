internal import Foundation
internal import GRDB
package import InsightsEngine
package import InsightsPlugin

extension SQLiteStore {
    func read<T: Sendable>(_ body: @escaping @Sendable (Database) throws -> T) async throws(StoreError) -> T {
        do { return try await readers.read(body) } catch { throw SQLiteStore.translated(error, path: path) }
    }

    package func pendingRequests(limit: Int) async throws(StoreError) -> [Request] {
        try await read { db in
            try Row.fetchAll(
                db, sql: "SELECT id,kind,body,at FROM requests WHERE answer IS NULL ORDER BY rowid LIMIT ?",
                arguments: [limit]
            ).compactMap { row in
                let body = try Value(json: (row[2] as String).utf8)
                let kind: Request.Kind? =
                    switch row[1] as String {
                    case "run":
                        .run(
                            task: body["task"]?.string ?? "", dependents: body["dependents"]?.bool ?? false,
                            batch: body["batch"]?.bool ?? false)
                    case "cancel": RunID(body["run"]?.string ?? "").map { .cancel($0) }
                    case "pauses": .pausesChanged
                    case "reload": .reload
                    default: nil
                    }
                return kind.map { Request(id: RunID(data: row[0]), kind: $0, at: Instant(milliseconds: row[3])) }
            }
        }
    }
    package func ask(_ requests: [Request]) async throws(StoreError) {
        try await write { db in
            for request in requests {
                let (kind, body): (String, Value) =
                    switch request.kind {
                    case .run(let task, let dependents, let batch):
                        ("run", ["task": .string(task), "dependents": .bool(dependents), "batch": .bool(batch)])
                    case .cancel(let run): ("cancel", ["run": .string(run.description)])
                    case .pausesChanged: ("pauses", [:])
                    case .reload: ("reload", [:])
                    }
                try db.execute(
                    sql: "INSERT OR IGNORE INTO requests(id,kind,body,at) VALUES(?,?,?,?)",
                    arguments: [request.id.data, kind, body.json, request.at.milliseconds])
            }
        }
    }
    package func answer(to request: RequestID) async throws(StoreError) -> RequestAnswer? {
        try await read { db in
            try String.fetchOne(db, sql: "SELECT answer FROM requests WHERE id=?", arguments: [request.data]).flatMap(
                RequestAnswer.init(text:))
        }
    }
    package func prune(task: TaskID, before: Instant, limit: Int) async throws(StoreError) -> Int {
        try await write { db in
            let ids = try Data.fetchAll(
                db,
                sql: """
                    SELECT id FROM runs WHERE task=? AND finished_at<? AND status NOT IN ('queued','running','retrying','interrupted')
                    AND seq<>COALESCE((SELECT seq FROM runs WHERE task=? AND occurrence IS NOT NULL ORDER BY occurrence DESC LIMIT 1),-1) LIMIT ?
                    """, arguments: [task.value, before.milliseconds, task.value, limit])
            for id in ids {
                try db.execute(sql: "DELETE FROM runs WHERE id=?", arguments: [id])
                try db.execute(sql: "DELETE FROM logs WHERE run=?", arguments: [id])
            }
            return ids.count
        }
    }
    package func probe() async throws(StoreError) {
        try await write { db in try db.execute(sql: "UPDATE tasks SET id=id WHERE 0") }
    }

    package func tasks() async throws(StoreError) -> [StoredTask] { try await read { try SQLiteStore.storedTasks($0) } }
    package func setPaused(_ tasks: [String], _ isPaused: Bool) async throws(StoreError) {
        try await write { db in
            for task in tasks {
                try db.execute(sql: "UPDATE tasks SET paused=? WHERE name=?", arguments: [isPaused, task])
            }
        }
    }
    package func runningNode() async throws(StoreError) -> NodeIdentity? { lock.holder() }
    package func close() async { try? queue.close(); try? readers.close() /* nothing to do about a failure */ }

    static let runColumns = "SELECT r.*, t.name AS task_name FROM runs r JOIN tasks t ON t.id=r.task "
    static func record(_ row: Row) -> RunRecord {
        func instant(_ name: String) -> Instant? { (row[name] as Int64?).map { Instant(milliseconds: $0) } }
        let status = RunStatus(rawValue: row["status"]) ?? .failed
        let error = (row["error_code"] as String?).map {
            RunError(
                code: $0, message: row["error_message"] ?? "", isRetryable: row["error_retryable"] ?? false,
                retryAt: instant("error_retry_at"))
        }
        return RunRecord(
            id: RunID(data: row["id"]), task: row["task_name"], uses: row["uses"],
            trigger: Trigger(rawValue: row["trigger"]) ?? .cadence,
            scheduledAt: Instant(milliseconds: row["scheduled_at"]), startedAt: instant("started_at"),
            finishedAt: instant("finished_at"), status: status,
            reason: row["reason"], attempt: row["attempt"], attempts: row["attempts"], node: row["node"],
            duration: (row["duration"] as Int64?).map { .microseconds($0) },
            lateness: (row["lateness"] as Int64?).map { .milliseconds($0) }, samples: row["samples"],
            summary: row["summary"], count: row["count"], until: instant("until"), error: error)
    }
    package func lastRuns() async throws(StoreError) -> [String: RunRecord] {
        try await read { db in
            var last: [String: RunRecord] = [:]
            for row in try Row.fetchAll(
                db,
                sql: SQLiteStore.runColumns
                    + "WHERE r.seq=(SELECT seq FROM runs WHERE task=t.id ORDER BY scheduled_at DESC, seq DESC LIMIT 1)")
            {
                let record = SQLiteStore.record(row); last[record.task] = record
            }
            return last
        }
    }
    package func runs(_ query: RunQuery) async throws(StoreError) -> Page<RunRecord> {
        try await read { db in
            var (sql, arguments): (String, StatementArguments) = ("WHERE 1", [])
            if let task = query.task { sql += " AND t.name=?"; arguments += [task] }
            if let status = query.status { sql += " AND r.status=?"; arguments += [status.rawValue] }
            if let since = query.since { sql += " AND r.scheduled_at>=?"; arguments += [since.milliseconds] }
            if let cursor = query.cursor {
                let parts = cursor.split(separator: ".").compactMap { Int64($0) }
                guard parts.count == 2 else { throw StoreError(.invalid, "the cursor \"\(cursor)\" is none of ours") }
                sql += " AND (r.scheduled_at,r.seq)<(?,?)"; arguments += [parts[0], parts[1]]
            }
            arguments += [query.limit + 1]
            let rows = try Row.fetchAll(
                db, sql: SQLiteStore.runColumns + sql + " ORDER BY r.scheduled_at DESC,r.seq DESC LIMIT ?",
                arguments: arguments)
            let last = rows.count > query.limit ? rows[query.limit - 1] : nil
            return Page(
                items: rows.prefix(query.limit).map(SQLiteStore.record),
                nextCursor: last.map { "\($0["scheduled_at"] as Int64).\($0["seq"] as Int64)" })
        }
    }
    package func run(_ id: RunID) async throws(StoreError) -> RunRecord? {
        try await read { db in
            try Row.fetchOne(db, sql: SQLiteStore.runColumns + "WHERE r.id=?", arguments: [id.data]).map(
                SQLiteStore.record)
        }
    }
    package func log(of run: RunID, offset: Int) async throws(StoreError) -> [LogLine] {
        try await read { db in
            try Row.fetchAll(
                db, sql: "SELECT at,level,message,fields FROM logs WHERE run=? AND line>=? ORDER BY line",
                arguments: [run.data, offset]
            ).map { row in
                LogLine(
                    at: Instant(milliseconds: row[0]), level: row[1], message: row[2],
                    fields: try (row[3] as String?).map { try Value(json: $0.utf8).object ?? [:] } ?? [:])
            }
        }
    }
    package func occurrence(task: String, at: Instant) async throws(StoreError) -> RunRecord? {
        try await read { db in
            try Row.fetchOne(
                db,
                sql: SQLiteStore.runColumns
                    + "WHERE t.name=? AND (r.occurrence=? OR (r.occurrence<=? AND r.until>=?)) ORDER BY r.occurrence DESC LIMIT 1",
                arguments: [task, at.milliseconds, at.milliseconds, at.milliseconds]
            ).map(SQLiteStore.record)
                ?? Row.fetchOne(
                    db, sql: SQLiteStore.runColumns + "WHERE t.name=? AND r.scheduled_at=?",
                    arguments: [task, at.milliseconds]
                ).map(SQLiteStore.record)
        }
    }
    static func subject(_ row: Row, _ db: Database) throws -> SubjectRecord {
        let parent: SubjectReference? = (row["parent_kind"] as String?).map {
            SubjectReference(kind: $0, key: row["parent_key"])
        }
        return SubjectRecord(
            id: row["id"], kind: row["kind"], key: row["key"], name: row["name"] ?? row["key"], url: row["url"],
            parent: parent, state: SubjectState(rawValue: row["state"]) ?? .active,
            aliases: try String.fetchAll(
                db, sql: "SELECT key FROM aliases WHERE subject=? ORDER BY at,key", arguments: [row["id"] as Int64]),
            externalID: row["external_id"])
    }
    static func value(_ stored: DatabaseValue) throws -> SampleValue {
        if let text = String.fromDatabaseValue(stored) {
            return .ranking(
                try Value(json: text.utf8).array?.map {
                    RankedValue(label: $0["label"]?.string ?? "", value: $0["value"]?.number ?? 0)
                } ?? [])
        }
        return .number(Double.fromDatabaseValue(stored) ?? 0)
    }
    static func latestValues(_ subject: SubjectRecord, metric: String?, _ db: Database) throws -> [LatestValue] {
        try Row.fetchAll(
            db,
            sql:
                "SELECT metric,unit,shape,latest,latest_at FROM series WHERE subject=? AND latest_at IS NOT NULL AND (? IS NULL OR metric=?) ORDER BY metric",
            arguments: [subject.id, metric, metric]
        ).map { row in
            LatestValue(
                subject: subject, metric: row[0], unit: row[1], shape: MetricShape(rawValue: row[2]) ?? .gauge,
                value: try value(row[3]), at: Instant(milliseconds: row[4]))
        }
    }
    package func subjects(_ query: SubjectQuery) async throws(StoreError) -> Page<SubjectRecord> {
        try await read { db in
            var (sql, arguments): (String, StatementArguments) = ("WHERE 1", [])
            if let kind = query.kind { sql += " AND s.kind=?"; arguments += [kind] }
            if let parent = query.parent {
                sql += " AND (s.parent_kind,s.parent_key)=(SELECT kind,key FROM subjects WHERE id=?)";
                arguments += [parent]
            }
            if let text = query.text {
                sql += " AND (instr(lower(s.key),lower(?))>0 OR instr(lower(s.name),lower(?))>0)";
                arguments += [text, text]
            }
            let total = try Int.fetchOne(db, sql: "SELECT COUNT(*) FROM subjects s " + sql, arguments: arguments) ?? 0
            var offset = 0
            if let cursor = query.cursor {
                guard let number = Int(cursor), number >= 0 else {
                    throw StoreError(.invalid, "the cursor \"\(cursor)\" is none of ours")
                }
                offset = number
            }
            var order = "s.kind,s.key"
            if let sort = query.sort {
                order =
                    "(SELECT latest FROM series WHERE subject=s.id AND metric=?) \(query.order == .descending ? "DESC" : "ASC") NULLS LAST,s.kind,s.key"
                arguments += [sort]
            }
            arguments += [query.limit, offset]
            let items = try Row.fetchAll(
                db, sql: "SELECT s.* FROM subjects s \(sql) ORDER BY \(order) LIMIT ? OFFSET ?", arguments: arguments
            ).map { row in
                var record = try SQLiteStore.subject(row, db)
                record.values = try SQLiteStore.latestValues(record, metric: nil, db)
                return record
            }
            return Page(
                items: items, nextCursor: offset + items.count < total ? String(offset + items.count) : nil,
                total: total)
        }
    }
    package func subject(_ id: Int64) async throws(StoreError) -> SubjectRecord? {
        try await read { db in
            try Row.fetchOne(db, sql: "SELECT * FROM subjects WHERE id=?", arguments: [id]).map { row in
                var record = try SQLiteStore.subject(row, db)
                record.values = try SQLiteStore.latestValues(record, metric: nil, db)
                return record
            }
        }
    }
    static let byKey = "(s.key=? OR s.id IN (SELECT subject FROM aliases WHERE key=?))"
    package func latest(_ query: LatestQuery) async throws(StoreError) -> [LatestValue] {
        try await read { db in
            var (sql, arguments): (String, StatementArguments) = ("SELECT s.* FROM subjects s WHERE 1", [])
            if let kind = query.kind { sql += " AND s.kind=?"; arguments += [kind] }
            if let key = query.key { sql += " AND " + SQLiteStore.byKey; arguments += [key, key] }
            return try Row.fetchAll(db, sql: sql + " ORDER BY s.kind,s.key", arguments: arguments).flatMap {
                try SQLiteStore.latestValues(SQLiteStore.subject($0, db), metric: query.metric, db)
            }
        }
    }
    package func series(_ query: SeriesQuery) async throws(StoreError) -> SeriesRecord? {
        try await read { db in
            var (sql, arguments): (String, StatementArguments) = ("", [])
            switch query.subject {
            case .id(let id): sql = "s.id=?"; arguments = [id]
            case .key(let key, let kind):
                sql = SQLiteStore.byKey; arguments = [key, key]
                if let kind { sql += " AND s.kind=?"; arguments += [kind] }
            }
            let rows = try Row.fetchAll(
                db, sql: "SELECT s.* FROM subjects s JOIN series x ON x.subject=s.id AND x.metric=? WHERE " + sql,
                arguments: [query.metric] + arguments)
            guard let row = rows.first else { return nil }
            if rows.count > 1 {
                throw StoreError(
                    .invalid,
                    "several kinds have that key: \(rows.map { $0["kind"] as String }.joined(separator: ", "))",
                    help: "name one with --kind")
            }
            guard
                let series = try Row.fetchOne(
                    db, sql: "SELECT * FROM series WHERE subject=? AND metric=?",
                    arguments: [row["id"] as Int64, query.metric])
            else { return nil }
            let shape = MetricShape(rawValue: series["shape"]) ?? .gauge
            let points = try Row.fetchAll(
                db, sql: "SELECT at,value FROM samples WHERE series=? AND at BETWEEN ? AND ? ORDER BY at",
                arguments: [series["id"] as Int64, query.from?.milliseconds ?? .min, query.to?.milliseconds ?? .max]
            )
            .map { SeriesRecord.Point(at: Instant(milliseconds: $0[0]), value: try SQLiteStore.value($0[1])) }
            let gaps = try Row.fetchAll(
                db, sql: "SELECT start,stop FROM gaps WHERE series=? ORDER BY start", arguments: [series["id"] as Int64]
            ).map { (from: Instant(milliseconds: $0[0]), to: Instant(milliseconds: $0[1])) }
            let additive: Bool = series["additive"]
            let sum =
                additive && shape == .daily
                ? points.reduce(0.0) { if case .number(let n) = $1.value { $0 + n } else { $0 } } : nil
            return SeriesRecord(
                subject: try SQLiteStore.subject(row, db), metric: query.metric, unit: series["unit"], shape: shape,
                isAdditive: additive, points: points, gaps: gaps, sum: sum)
        }
    }
    package func state(of task: TaskID, forKey key: String) async throws(StoreError) -> Value? {
        try await read { db in
            try String.fetchOne(
                db, sql: "SELECT value FROM state WHERE task=? AND key=?", arguments: [task.value, key]
            ).map { try Value(json: $0.utf8) }
        }
    }
}

extension RequestAnswer {
    var text: String {
        switch self {
        case .accepted: "accepted"
        case .overlaps(let run): "overlaps \(run)"
        case .refused(let reason): "refused \(reason)"
        }
    }
    init?(text: String) {
        if text == "accepted" {
            self = .accepted
        } else if text.hasPrefix("overlaps "), let run = RunID(text.dropFirst(9)) {
            self = .overlaps(run)
        } else if text.hasPrefix("refused ") {
            self = .refused(String(text.dropFirst(8)))
        } else {
            return nil
        }
    }
}
