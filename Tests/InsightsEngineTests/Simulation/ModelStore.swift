import InsightsEngine
import InsightsPlugin

/// What a store must do, in a few lines: unique claims, fences, records that merge, marks.
///
/// A value, so that a crash before a commit is a copy that was never taken.
struct ModelStore {
    struct Row {
        var run: RunID
        /// From 0, as ``Scenario/names``.
        var task: Int
        var trigger: Trigger
        var occurrence: Int64?
        var scheduledAt: Int64
        var status: RunStatus
        var reason: String?
        var error: RunError?
        var until: Int64
        var count = 1
        var fence: Fence = 0
        var attempt = 0
        var failures = 0
        var losses = 0
        var retryAt: Int64?
        var movesDependents = false
    }

    struct TaskRow {
        var name: String
        var registeredAt: Int64
        var isPaused = false
        var newest: Int?
        var lastSuccess: Int64?
        var marks: [Int: Int64] = [:]
    }

    private(set) var rows: [Row] = []
    private var index: [RunID: Int] = [:]
    private(set) var tasks: [TaskRow] = []
    /// What each task's occurrences have rows of.
    private var taken: [Set<Int64>] = []
    /// Applied, whether they added a row or extended one.
    private var skips: Set<RunID> = []
    var bug: PlantedBug?

    func row(_ run: RunID) -> Row? { index[run].map { rows[$0] } }
    func isTaken(_ task: Int, _ occurrence: Int64) -> Bool { taken[task].contains(occurrence) }
    static func task(_ id: TaskID) -> Int { Int(id.value) - 1 }

    mutating func register(_ definitions: [TaskDefinition], at: Int64) -> [StoredTask] {
        definitions.map { definition in
            let number = tasks.firstIndex { $0.name == definition.name } ?? add(definition.name, at)
            let task = tasks[number]
            let newest = task.newest.map { rows[$0].until }
            return StoredTask(
                id: TaskID(Int64(number) + 1), name: definition.name,
                registeredAt: Instant(milliseconds: task.registeredAt), hash: definition.hash, isPaused: task.isPaused,
                lastOccurrence: newest.map(Instant.init(milliseconds:)),
                lastSuccessAt: task.lastSuccess.map(Instant.init(milliseconds:)),
                marks: task.marks.map {
                    AfterMark(
                        task: TaskID(Int64(number) + 1), upstream: TaskID(Int64($0) + 1),
                        scheduledAt: Instant(milliseconds: $1))
                })
        }
    }

    private mutating func add(_ name: String, _ at: Int64) -> Int {
        tasks.append(TaskRow(name: name, registeredAt: at))
        taken.append([])
        return tasks.count - 1
    }

    mutating func recover() -> [UnfinishedRun] {
        rows.indices.compactMap { position in
            guard !rows[position].status.isFinal else { return nil }
            if rows[position].status == .running {
                rows[position].fence += 1
                rows[position].losses += 1
            }
            let row = rows[position]
            return UnfinishedRun(
                run: row.run, task: TaskID(Int64(row.task) + 1), name: tasks[row.task].name, trigger: row.trigger,
                occurrence: row.occurrence.map(Instant.init(milliseconds:)),
                scheduledAt: Instant(milliseconds: row.scheduledAt), status: row.status, startedAt: nil,
                retryAt: row.retryAt.map(Instant.init(milliseconds:)), attempt: row.attempt, failures: row.failures,
                losses: row.losses, fence: row.fence, movesDependents: row.movesDependents)
        }
    }

    mutating func setPaused(_ name: String, _ isPaused: Bool) {
        if let number = tasks.firstIndex(where: { $0.name == name }) { tasks[number].isPaused = isPaused }
    }

    /// - Returns: The outcome, and whether the write was new: a repeated one is answered as the first time.
    mutating func apply(_ write: StoreWrite) -> (WriteOutcome, isNew: Bool) {
        switch write {
        case .claim(let claim): apply(claim)
        case .start(let start): apply(start)
        case .skip(let skip): (.done, add(skip))
        case .checkpoint(let checkpoint):
            row(checkpoint.run).map { $0.status == .running && $0.fence == checkpoint.fence } ?? false
                || bug == .ignoredFence ? (.done, true) : (.fenced, true)
        case .finish(let finish): apply(finish)
        case .setPaused, .answer: (.done, true)
        }
    }

    private mutating func apply(_ claim: Claim) -> (WriteOutcome, isNew: Bool) {
        if index[claim.run] != nil { return (.done, false) }
        let task = ModelStore.task(claim.task)
        if let occurrence = claim.occurrence?.milliseconds {
            guard taken[task].insert(occurrence).inserted || bug == .claimsNotUnique else { return (.conflict, true) }
            tasks[task].newest = rows.count
        }
        index[claim.run] = rows.count
        rows.append(
            Row(
                run: claim.run, task: task, trigger: claim.trigger, occurrence: claim.occurrence?.milliseconds,
                scheduledAt: claim.scheduledAt.milliseconds, status: claim.starts ? .running : .queued,
                until: claim.scheduledAt.milliseconds, fence: claim.starts ? 1 : 0, attempt: claim.starts ? 1 : 0,
                movesDependents: claim.movesDependents))
        if claim.clearsMarks { tasks[task].marks = [:] }
        return (.done, true)
    }

    private mutating func apply(_ start: AttemptStart) -> (WriteOutcome, isNew: Bool) {
        guard let position = index[start.run] else { return (.conflict, true) }
        let row = rows[position]
        if row.fence == start.fence + 1, row.attempt == start.attempt, row.status == .running { return (.done, false) }
        guard row.fence == start.fence, !row.status.isFinal else { return (.conflict, true) }
        rows[position].fence += 1
        rows[position].attempt = start.attempt
        rows[position].status = .running
        rows[position].retryAt = nil
        return (.done, true)
    }

    /// Adds a record, or extends the task's newest one if that is a skip for the same reason.
    private mutating func add(_ skip: SkipRecord) -> Bool {
        let task = ModelStore.task(skip.task)
        if skip.clearsMarks { tasks[task].marks = [:] }
        guard skips.insert(skip.run).inserted else { return false }
        if let newest = tasks[task].newest, rows[newest].status == .skipped, rows[newest].reason == skip.reason.rawValue
        {
            if rows[newest].until < skip.from.milliseconds {
                rows[newest].until = skip.until.milliseconds
                rows[newest].count += skip.count
                return true
            }
        }
        tasks[task].newest = rows.count
        taken[task].insert(skip.from.milliseconds)
        rows.append(
            Row(
                run: skip.run, task: task, trigger: skip.trigger, occurrence: skip.from.milliseconds,
                scheduledAt: skip.from.milliseconds, status: .skipped, reason: skip.reason.rawValue,
                until: skip.until.milliseconds, count: skip.count))
        return true
    }

    private mutating func apply(_ finish: AttemptFinish) -> (WriteOutcome, isNew: Bool) {
        guard let position = index[finish.run] else { return (.fenced, true) }
        let row = rows[position]
        let (status, reason, retryAt) = ModelStore.state(finish.disposition)
        if row.fence == finish.fence, row.status == status, row.retryAt == retryAt { return (.done, false) }
        guard row.fence == finish.fence, !row.status.isFinal else { return (.fenced, true) }
        rows[position].status = status
        rows[position].reason = reason
        rows[position].retryAt = retryAt
        rows[position].error = finish.error
        if finish.countsAsFailure { rows[position].failures += 1 }
        if status == .succeeded { tasks[row.task].lastSuccess = row.scheduledAt }
        if bug != .lostMarks {
            for mark in finish.marks {
                let (task, upstream) = (ModelStore.task(mark.task), ModelStore.task(mark.upstream))
                tasks[task].marks[upstream] = max(tasks[task].marks[upstream] ?? .min, mark.scheduledAt.milliseconds)
            }
        }
        for skip in finish.skips { _ = add(skip) }
        return (.done, true)
    }

    private static func state(_ disposition: Disposition) -> (RunStatus, String?, Int64?) {
        switch disposition {
        case .final(let status, let reason): (status, reason, nil)
        case .retrying(let at): (.retrying, nil, at.milliseconds)
        case .interrupted: (.interrupted, "shutdown", nil)
        }
    }
}
