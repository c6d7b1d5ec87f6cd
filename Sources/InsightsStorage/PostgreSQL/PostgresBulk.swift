internal import InsightsEngine
internal import InsightsPlugin

/// Claims, starts and ends by the thousand, each kind in one statement over arrays.
///
/// What is taken together neither names one run twice nor claims two occurrences of one task, so that its order does not
/// matter. The common case is that all of it can be done; where some cannot, all is undone, the rest done again, and
/// those are left to be looked at one by one.
final class PostgresBulk: BulkWriting {
    private unowned let statements: PostgresStatements

    init(_ statements: PostgresStatements) { self.statements = statements }

    func together(_ writes: [StoreWrite], from first: Int) -> Int {
        var runs: Set<RunID> = []
        var tasks: Set<TaskID> = []
        var index = first
        while index < writes.count {
            switch writes[index] {
            case .claim(let claim):
                guard claim.occurrence == claim.scheduledAt, !claim.clearsMarks, !claim.startsAnew,
                    claim.group == nil || !claim.starts, runs.insert(claim.run).inserted,
                    tasks.insert(claim.task).inserted
                else { return index - first }
            case .start(let start):
                guard start.group == nil, runs.insert(start.run).inserted else { return index - first }
            case .finish(let finish):
                guard finish.payload.isEmpty, finish.marks.isEmpty, finish.skips.isEmpty,
                    statements.sharing?.mayHavePlace(finish.run) != true, runs.insert(finish.run).inserted
                else { return index - first }
            default: return index - first
            }
            index += 1
        }
        return index - first
    }

    func apply(
        _ writes: ArraySlice<StoreWrite>, node: Int64?, number: (String) throws -> Int64
    ) throws -> [WriteOutcome?] {
        var claims: [(place: Int, claim: Claim)] = []
        var starts: [(place: Int, start: AttemptStart)] = []
        var finishes: [(place: Int, finish: AttemptFinish)] = []
        for (place, write) in writes.enumerated() {
            switch write {
            case .claim(let claim): claims.append((place, claim))
            case .start(let start): starts.append((place, start))
            case .finish(let finish): finishes.append((place, finish))
            default: break
            }
        }
        var outcomes = [WriteOutcome?](repeating: nil, count: writes.count)
        // Names first: one that is new must not be undone with the claims.
        let uses = try claims.map { try number($0.claim.uses) }
        let claimed = try attempt(claims.count) { places, tells in
            try claim(places.map { (claims[$0].claim, uses[$0]) }, node: node, tells)
        }
        for place in claimed { outcomes[claims[place].place] = .done }
        let started = try attempt(starts.count) { places, tells in
            try start(places.map { starts[$0].start }, node: node, tells)
        }
        for place in started { outcomes[starts[place].place] = .done }
        let finished = try attempt(finishes.count) { places, tells in
            try finish(places.map { finishes[$0].finish }, tells)
        }
        for place in finished { outcomes[finishes[place].place] = .done }
        return outcomes
    }

    /// Runs `body` for all, or, if not all can be done, for those that could.
    ///
    /// - Parameter body: Told the places it is for, and whether it is to tell which of these could be done, as positions in
    ///   its list; otherwise `nil` says that all were.
    /// - Returns: The places of those that are done.
    private func attempt(_ count: Int, _ body: (_ places: [Int], _ tells: Bool) throws -> [Int]?) throws -> [Int] {
        guard count > 0 else { return [] }
        var places = Array(0..<count)
        do {
            for _ in 0..<2 where !places.isEmpty {
                try savepoint.post()
                if try body(places, false) == nil {
                    try keep.post()
                    return places
                }
                try undo.run()
                let possible = try body(places, true) ?? []
                try undo.run()
                try keep.post()
                places = possible.map { places[$0] }
            }
        } catch {
            guard statements.problemWithValues(error) != nil else { throw error }
            try undo.run()
            try keep.post()
        }
        return []
    }

    private lazy var savepoint = PostgresStatement(statements.connection, "SAVEPOINT bulk")
    private lazy var undo = PostgresStatement(statements.connection, "ROLLBACK TO bulk")
    private lazy var keep = PostgresStatement(statements.connection, "RELEASE bulk")

    // MARK: Claims

    private func claim(_ claims: [(claim: Claim, uses: Int64)], node: Int64?, _ tells: Bool) throws -> [Int]? {
        let count = claims.count
        var (rows, ids) = (PostgresArray.integers(capacity: count), PostgresArray.ids(capacity: count))
        // Task, instant, module, trigger, start, attempts, dependents, started at, lateness.
        var columns = Array(repeating: PostgresArray.integers(capacity: count), count: 9)
        var places: [Int64: Int] = [:]
        for (place, (claim, uses)) in claims.enumerated() {
            let row = try statements.nextRow()
            if tells { places[row] = place }
            rows.append(row)
            ids.append(claim.run)
            columns[0].append(claim.task.value)
            columns[1].append(claim.scheduledAt.milliseconds)
            columns[2].append(uses)
            columns[3].append(claim.trigger.code)
            columns[4].append(claim.starts)
            columns[5].append(Int64(claim.attempts))
            columns[6].append(claim.movesDependents)
            columns[7].append(claim.starts ? claim.at.milliseconds : nil)
            columns[8].append(claim.starts ? claim.lateness?.wholeNanoseconds : nil)
        }
        let values =
            [.array(rows), .array(ids)] + columns.map(PostgresValue.array) + [node.map(PostgresValue.integer) ?? .null]
        let result = try run(PostgresBulk.claims, values, tells)
        if tells { return try result.rows.compactMap { places[try $0.integer(0)] } }
        return try result.first?.int(0) == count ? nil : []
    }

    /// A claim is in when its run has a row and is its task's newest occurrence.
    private static let claims = """
        WITH x AS (
            SELECT * FROM unnest(?1::bigint[], ?2::uuid[], ?3::bigint[], ?4::bigint[], ?5::bigint[], ?6::bigint[],
                ?7::bigint[], ?8::bigint[], ?9::bigint[], ?10::bigint[], ?11::bigint[])
            AS x (row, id, task_id, scheduled_at, uses, trigger, starts, attempts, moves, started_at, lateness)
        ), i AS (
            INSERT INTO runs (row, id, task_id, is_occurrence, scheduled_at, uses, trigger, status, fence, attempt_fence,
                attempt, attempts, moves_dependents, node, started_at, lateness)
            SELECT row, id, task_id, 1, scheduled_at, uses, trigger, starts, starts, starts, starts, attempts, moves,
                CASE WHEN starts = 1 THEN ?12::bigint END, started_at, lateness
            FROM x ON CONFLICT DO NOTHING RETURNING row, task_id, scheduled_at
        ), done AS (
            UPDATE progress p SET last_occurrence = i.scheduled_at, last_row = i.row FROM i
            WHERE p.task_id = i.task_id AND (p.last_occurrence IS NULL OR p.last_occurrence < i.scheduled_at)
            RETURNING i.row AS place
        )
        """

    // MARK: Starts

    private func start(_ starts: [AttemptStart], node: Int64?, _ tells: Bool) throws -> [Int]? {
        let count = starts.count
        var ids = PostgresArray.ids(capacity: count)
        // Place, fence, attempt, started at, lateness.
        var columns = Array(repeating: PostgresArray.integers(capacity: count), count: 5)
        for (place, start) in starts.enumerated() {
            ids.append(start.run)
            columns[0].append(Int64(place))
            columns[1].append(start.fence)
            columns[2].append(Int64(start.attempt))
            columns[3].append(start.at.milliseconds)
            columns[4].append(start.lateness?.wholeNanoseconds)
        }
        let values =
            [.array(ids)] + columns.map(PostgresValue.array) + [node.map(PostgresValue.integer) ?? .null]
        let result = try run(PostgresBulk.starts, values, tells)
        if tells { return try result.rows.map { try $0.int(0) } }
        return try result.first?.int(0) == count ? nil : []
    }

    /// Those that are over, going on, or fenced off are left alone; so is one that is sent again.
    private static let starts = """
        WITH x AS (
            SELECT * FROM unnest(?1::uuid[], ?2::bigint[], ?3::bigint[], ?4::bigint[], ?5::bigint[], ?6::bigint[])
            AS x (id, place, fence, attempt, started_at, lateness)
        ), done AS (
            UPDATE runs r SET status = \(RunStatus.running.code), fence = x.fence + 1, attempt_fence = x.fence + 1,
                attempt = x.attempt, started_at = coalesce(r.started_at, x.started_at),
                lateness = coalesce(r.lateness, x.lateness), node = ?7::bigint, retry_at = NULL, reason = NULL
            FROM x WHERE r.id = x.id AND r.fence = x.fence AND r.status < \(StoredCodes.firstFinal)
                AND NOT (r.status = \(RunStatus.running.code) AND r.attempt_fence = r.fence)
            RETURNING x.place
        )
        """

    // MARK: Ends

    private func finish(_ finishes: [AttemptFinish], _ tells: Bool) throws -> [Int]? {
        let count = finishes.count
        var ids = PostgresArray.ids(capacity: count)
        // Place, fence, status, finished at, duration, retry at, failures, retryable, the error's retry at.
        var columns = Array(repeating: PostgresArray.integers(capacity: count), count: 9)
        // Reason, error code, error message, summary.
        var texts = Array(repeating: PostgresArray.texts(capacity: count), count: 4)
        for (place, finish) in finishes.enumerated() {
            let end = StoredEnd(finish)
            ids.append(finish.run)
            columns[0].append(Int64(place))
            columns[1].append(finish.fence)
            columns[2].append(end.status.code)
            columns[3].append(end.finishedAt)
            columns[4].append(finish.duration?.wholeNanoseconds)
            columns[5].append(end.retryAt)
            columns[6].append(finish.countsAsFailure)
            columns[7].append(finish.error.map { $0.isRetryable ? 1 : 0 })
            columns[8].append(finish.error?.retryAt?.milliseconds)
            texts[0].append(end.reason)
            texts[1].append(StoredText.clean(finish.error?.code))
            texts[2].append(StoredText.clean(finish.error?.message))
            texts[3].append(StoredText.clean(finish.summary))
        }
        let values = [.array(ids)] + columns.map(PostgresValue.array) + texts.map(PostgresValue.array)
        let result = try run(PostgresBulk.finishes, values, tells)
        if tells { return try result.rows.map { try $0.int(0) } }
        return try result.first?.int(0) == count ? nil : []
    }

    /// Those that are over, fenced off, or sent again are left alone.
    private static let finishes = """
        WITH x AS (
            SELECT * FROM unnest(?1::uuid[], ?2::bigint[], ?3::bigint[], ?4::bigint[], ?5::bigint[], ?6::bigint[],
                ?7::bigint[], ?8::bigint[], ?9::bigint[], ?10::bigint[], ?11::text[], ?12::text[], ?13::text[], ?14::text[])
            AS x (id, place, fence, status, finished_at, duration, retry_at, failures, error_retryable, error_retry_at,
                reason, error_code, error_message, summary)
        ), done AS (
            UPDATE runs r SET status = x.status, reason = x.reason, finished_at = x.finished_at, duration = x.duration,
                retry_at = x.retry_at, error_code = x.error_code, error_message = x.error_message,
                error_retryable = x.error_retryable, error_retry_at = x.error_retry_at, summary = x.summary,
                failures = coalesce(r.failures, 0) + x.failures, samples = coalesce(r.samples, 0)
            FROM x WHERE r.id = x.id AND r.fence = x.fence AND r.status < \(StoredCodes.firstFinal)
                AND r.status <> x.status
            RETURNING x.place, r.task_id, r.scheduled_at, r.status
        ), successes AS (
            UPDATE progress p SET last_success_at = m.at
            FROM (SELECT task_id, max(scheduled_at) AS at FROM done WHERE status = \(RunStatus.succeeded.code) GROUP BY task_id) m
            WHERE p.task_id = m.task_id AND (p.last_success_at IS NULL OR p.last_success_at < m.at)
        )
        """

    private func run(_ sql: String, _ values: [PostgresValue], _ tells: Bool) throws -> PostgresResult {
        try statements.run(sql + (tells ? "SELECT place FROM done" : "SELECT count(*) FROM done"), values)
    }
}
