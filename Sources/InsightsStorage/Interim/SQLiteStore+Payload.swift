internal import Foundation
internal import GRDB
internal import InsightsEngine
internal import InsightsPlugin

extension SQLiteStore {
    static func apply(_ finish: AttemptFinish, _ db: Database) throws -> WriteOutcome {
        let row = try Row.fetchOne(
            db.cachedStatement(sql: "SELECT fence,status FROM runs WHERE id=?"), arguments: [finish.run.data])
        guard let row, row[0] == finish.fence, let status = RunStatus(rawValue: row[1]) else { return .fenced }
        let (target, reason, retryAt): (RunStatus, String?, Instant?) =
            switch finish.disposition {
            case .final(let status, let reason): (status, reason, nil)
            case .retrying(let at): (.retrying, nil, at)
            case .interrupted: (.interrupted, "shutdown", nil)
            }
        if status == target, status.isFinal || status != .running { return .done }
        guard !status.isFinal else { return .fenced }
        if !finish.payload.isEmpty {
            let outcome = try payload(finish.payload, run: finish.run, task: finish.task, at: finish.at, db)
            guard outcome == .done else { return outcome }
        }
        try db.cachedStatement(
            sql: """
                UPDATE runs SET status=?,reason=?,retry_at=?,finished_at=?,duration=?,summary=?,failures=failures+?,
                error_code=?,error_message=?,error_retryable=?,error_retry_at=? WHERE id=?
                """
        ).execute(arguments: [
            target.rawValue, reason, retryAt?.milliseconds, target.isFinal ? finish.at.milliseconds : nil,
            finish.duration.map { Int64($0.inSeconds * 1e6) },
            finish.summary, finish.countsAsFailure ? 1 : 0, finish.error?.code, finish.error?.message,
            finish.error?.isRetryable,
            finish.error?.retryAt?.milliseconds, finish.run.data,
        ])
        if target == .succeeded {
            try db.cachedStatement(
                sql:
                    "UPDATE tasks SET last_success=MAX(COALESCE(last_success,-9e18),(SELECT scheduled_at FROM runs WHERE id=?)) WHERE id=?"
            )
            .execute(arguments: [finish.run.data, finish.task.value])
        }
        for mark in finish.marks {
            try db.execute(
                sql: "INSERT INTO marks VALUES(?,?,?) ON CONFLICT DO UPDATE SET scheduled_at=excluded.scheduled_at",
                arguments: [mark.task.value, mark.upstream.value, mark.scheduledAt.milliseconds])
        }
        for skip in finish.skips { try apply(skip, db) }
        return .done
    }

    static func payload(_ payload: AttemptPayload, run: RunID, task: TaskID, at: Instant, _ db: Database) throws
        -> WriteOutcome
    {
        var rejected: RunError?
        try db.inSavepoint {
            do {
                try store(payload, run: run, task: task, at: at, db)
                return .commit
            } catch let error as RunError2 {
                rejected = error.error
                return .rollback
            }
        }
        return rejected.map(WriteOutcome.rejected) ?? .done
    }
    struct RunError2: Error { let error: RunError }

    private static func store(_ payload: AttemptPayload, run: RunID, task: TaskID, at: Instant, _ db: Database) throws {
        for (key, value) in payload.state {
            if let value {
                try db.execute(
                    sql: "INSERT INTO state VALUES(?,?,?) ON CONFLICT DO UPDATE SET value=excluded.value",
                    arguments: [task.value, key, value.json])
            } else {
                try db.execute(sql: "DELETE FROM state WHERE task=? AND key=?", arguments: [task.value, key])
            }
        }
        if !payload.log.isEmpty {
            var line =
                try Int.fetchOne(db, sql: "SELECT COALESCE(MAX(line)+1,0) FROM logs WHERE run=?", arguments: [run.data])
                ?? 0
            let insert = try db.cachedStatement(sql: "INSERT INTO logs VALUES(?,?,?,?,?,?)")
            for entry in payload.log {
                try insert.execute(arguments: [
                    run.data, line, entry.at.milliseconds, entry.level, entry.message,
                    entry.fields.isEmpty ? nil : Value.object(entry.fields).json,
                ])
                line += 1
            }
        }
        let metrics = Dictionary(payload.metrics.map { ($0.name, $0) }) { _, last in last }
        var samples = 0
        for emission in payload.emissions {
            switch emission {
            case .subject(let subject): _ = try upsert(subject, at: at, db)
            case .sample(let sample): try insert(sample, metrics: metrics, at: at, db); samples += 1
            case .gap(let gap):
                guard let series = try series(gap.subject, gap.metric, metrics: metrics, db) else { continue }
                try db.execute(
                    sql: "INSERT INTO gaps VALUES(?,?,?) ON CONFLICT DO UPDATE SET stop=MAX(stop,excluded.stop)",
                    arguments: [series.id, gap.from.milliseconds, gap.to.milliseconds])
            }
        }
        if samples > 0 {
            try db.execute(sql: "UPDATE runs SET samples=samples+? WHERE id=?", arguments: [samples, run.data])
        }
    }

    static func upsert(_ subject: Subject, at: Instant, _ db: Database) throws -> Int64 {
        let key = subject.reference.key
        let byKey = try Row.fetchOne(
            db, sql: "SELECT id,external_id FROM subjects WHERE kind=? AND key=?",
            arguments: [subject.reference.kind, key])
        var id: Int64? = byKey?[0]
        if let external = subject.externalID {
            let known = try Int64.fetchOne(
                db, sql: "SELECT id FROM subjects WHERE kind=? AND external_id=?",
                arguments: [subject.reference.kind, external])
            if let byKey, let other: String = byKey[1], other != external {
                try db.execute(
                    sql: "UPDATE subjects SET key=key||'#'||external_id,state='gone',state_at=? WHERE id=?",
                    arguments: [at.milliseconds, byKey[0] as Int64])
                id = nil
            }
            if let known, known != id {
                try db.execute(
                    sql: "INSERT OR IGNORE INTO aliases SELECT kind,key,id,? FROM subjects WHERE id=?",
                    arguments: [at.milliseconds, known])
                try db.execute(sql: "UPDATE subjects SET key=? WHERE id=?", arguments: [key, known])
                id = known
            }
        }
        if let id {
            try db.execute(
                sql: """
                    UPDATE subjects SET name=COALESCE(?,name),url=COALESCE(?,url),parent_kind=COALESCE(?,parent_kind),parent_key=COALESCE(?,parent_key),
                    state_at=CASE WHEN state=? THEN state_at ELSE ? END,state=?,external_id=COALESCE(?,external_id) WHERE id=?
                    """,
                arguments: [
                    subject.name, subject.url, subject.parent?.kind, subject.parent?.key, subject.state.rawValue,
                    at.milliseconds, subject.state.rawValue, subject.externalID, id,
                ])
            return id
        }
        try db.execute(
            sql:
                "INSERT INTO subjects(kind,key,name,url,parent_kind,parent_key,state,state_at,external_id) VALUES(?,?,?,?,?,?,?,?,?)",
            arguments: [
                subject.reference.kind, key, subject.name, subject.url, subject.parent?.kind, subject.parent?.key,
                subject.state.rawValue, at.milliseconds, subject.externalID,
            ])
        return db.lastInsertedRowID
    }

    struct SeriesRow { let id: Int64; let latestAt: Int64? }
    static func series(
        _ subject: SubjectReference, _ metric: String, metrics: [String: MetricDeclaration], _ db: Database
    ) throws -> SeriesRow? {
        guard let declaration = metrics[metric] else {
            throw RunError2(error: RunError(code: "undeclared_metric", message: metric, isRetryable: false))
        }
        let id =
            try Int64.fetchOne(
                db.cachedStatement(sql: "SELECT id FROM subjects WHERE kind=? AND key=?"),
                arguments: [subject.kind, subject.key])
            ?? upsert(Subject(kind: subject.kind, key: subject.key), at: Instant(milliseconds: 0), db)
        if let row = try Row.fetchOne(
            db.cachedStatement(sql: "SELECT id,shape,latest_at FROM series WHERE subject=? AND metric=?"),
            arguments: [id, metric])
        {
            guard row[1] == declaration.shape.rawValue else {
                throw RunError2(
                    error: RunError(
                        code: "metric_conflict",
                        message: "\(metric) was \(row[1] as String), now \(declaration.shape.rawValue)",
                        isRetryable: false))
            }
            return SeriesRow(id: row[0], latestAt: row[2])
        }
        try db.execute(
            sql: "INSERT INTO series(subject,metric,unit,shape,additive) VALUES(?,?,?,?,?)",
            arguments: [id, metric, declaration.unit, declaration.shape.rawValue, declaration.additive])
        return SeriesRow(id: db.lastInsertedRowID, latestAt: nil)
    }

    static func insert(_ sample: Sample, metrics: [String: MetricDeclaration], at now: Instant, _ db: Database) throws {
        guard let series = try series(sample.subject, sample.metric, metrics: metrics, db),
            let declaration = metrics[sample.metric]
        else { return }
        let value: DatabaseValue
        switch sample.value {
        case .number(let number): value = Int64(exactly: number).map(\.databaseValue) ?? number.databaseValue
        case .ranking: value = sample.value.json.json.databaseValue
        }
        let at = declaration.shape == .ranking ? sample.at.startOfDay.milliseconds : sample.at.milliseconds
        switch declaration.shape {
        case .gauge, .total:
            let last = try Row.fetchOne(
                db.cachedStatement(
                    sql: "SELECT at,value FROM samples WHERE series=? AND at<=? ORDER BY at DESC LIMIT 1"),
                arguments: [series.id, at])
            if let last, last[1] as DatabaseValue == value,
                Instant(milliseconds: last[0]).startOfDay == sample.at.startOfDay
            {
                return
            }
            fallthrough
        case .ranking:
            try db.cachedStatement(
                sql: "INSERT INTO samples VALUES(?,?,?) ON CONFLICT DO UPDATE SET value=excluded.value"
            ).execute(arguments: [series.id, at, value])
        case .daily:
            let completed = !declaration.rewritable && sample.at < now.startOfDay
            try db.cachedStatement(
                sql:
                    "INSERT INTO samples VALUES(?,?,?) ON CONFLICT DO UPDATE SET value=\(completed ? "MAX(value,excluded.value)" : "excluded.value")"
            ).execute(arguments: [series.id, at, value])
        }
        if (series.latestAt ?? .min) <= at {
            try db.cachedStatement(
                sql:
                    "UPDATE series SET latest_at=?,latest=(SELECT value FROM samples WHERE series=? AND at=?) WHERE id=?"
            ).execute(arguments: [at, series.id, at, series.id])
        }
    }
}
