import InsightsEngine
import InsightsPlugin

/// What a store must do, in a few lines: unique claims, fences, records that merge, marks, progress. That it is what the
/// real one does is shown by sending both the same writes.
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
        /// That of the attempt which started last.
        var attemptFence: Fence = 0
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
        /// The newest occurrence, and the row that tells it.
        var last: Int64?
        var newest: Int?
        var lastSuccess: Int64?
        var marks: [Int: Int64] = [:]
    }

    private(set) var rows: [Row] = []
    private var index: [RunID: Int] = [:]
    private(set) var tasks: [TaskRow] = []
    /// Tasks whose progress a refused claim of this batch has moved.
    private var moved: Set<Int> = []
    /// The row of each instant that a task's occurrences begin at.
    private var taken: [[Int64: Int]] = []
    /// Applied, whether they added a row, extended one or had nothing to tell.
    private var skips: Set<RunID> = []
    var bug: PlantedBug?

    func row(_ run: RunID) -> Row? { index[run].map { rows[$0] } }
    /// The row that begins at that occurrence.
    func row(of task: Int, at occurrence: Int64) -> Row? { taken[task][occurrence].map { rows[$0] } }
    static func task(_ id: TaskID) -> Int { Int(id.value) - 1 }

    /// Whether a record of several skips covers the instant: of those that begin before it, the last.
    private func isSkipped(_ task: Int, _ occurrence: Int64) -> Bool {
        let records = rows.filter { $0.task == task && $0.count > 1 && $0.scheduledAt < occurrence }
        return (records.max { $0.scheduledAt < $1.scheduledAt }?.until ?? .min) >= occurrence
    }

    mutating func register(_ definitions: [TaskDefinition], at: Int64) -> [StoredTask] {
        definitions.map { definition in
            let number = tasks.firstIndex { $0.name == definition.name } ?? add(definition.name, at)
            let task = tasks[number]
            return StoredTask(
                id: TaskID(Int64(number) + 1), name: definition.name,
                registeredAt: Instant(milliseconds: task.registeredAt), hash: definition.hash, isPaused: task.isPaused,
                lastOccurrence: task.last.map(Instant.init(milliseconds:)),
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
        taken.append([:])
        return tasks.count - 1
    }

    mutating func recover() -> [UnfinishedRun] {
        rows.indices.compactMap { position in
            guard !rows[position].status.isFinal else { return nil }
            if rows[position].status == .running, rows[position].fence == rows[position].attemptFence {
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

    mutating func beginBatch() { moved = [] }

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
        case .setPaused, .answer, .leave, .release: (.done, true)
        }
    }

    private mutating func apply(_ claim: Claim) -> (WriteOutcome, isNew: Bool) {
        let task = ModelStore.task(claim.task)
        if let own = index[claim.run] {
            // Sent again, after what was refused has moved the progress again.
            if let occurrence = rows[own].occurrence, moved.contains(task) { advance(task, to: occurrence, own) }
            return (.done, false)
        }
        if let occurrence = claim.occurrence?.milliseconds, bug != .claimsNotUnique {
            guard taken[task][occurrence] == nil else {
                if claim.startsAnew {
                    move(task, toTaken: occurrence)
                    moved.insert(task)
                }
                if claim.clearsMarks { clearMarks(of: task, through: occurrence) }
                return (.conflict, true)
            }
            let isBehind = tasks[task].last.map { occurrence <= $0 } ?? false
            if isBehind, !claim.startsAnew, isSkipped(task, occurrence) {
                if claim.clearsMarks { clearMarks(of: task, through: occurrence) }
                return (.conflict, true)
            }
        }
        let row = Row(
            run: claim.run, task: task, trigger: claim.trigger, occurrence: claim.occurrence?.milliseconds,
            scheduledAt: claim.scheduledAt.milliseconds, status: claim.starts ? .running : .queued,
            until: claim.scheduledAt.milliseconds, fence: claim.starts ? 1 : 0, attemptFence: claim.starts ? 1 : 0,
            attempt: claim.starts ? 1 : 0, movesDependents: claim.movesDependents)
        add(row)
        if let occurrence = row.occurrence {
            advance(task, to: occurrence, rows.count - 1, startsAnew: claim.startsAnew)
        }
        if claim.clearsMarks { tasks[task].marks = [:] }
        return (.done, true)
    }

    private mutating func add(_ row: Row) {
        index[row.run] = rows.count
        if let occurrence = row.occurrence { taken[row.task][occurrence] = rows.count }
        rows.append(row)
    }

    /// Occurrences only move on, but for the first one after a wrong clock.
    private mutating func advance(_ task: Int, to occurrence: Int64, _ row: Int, startsAnew: Bool = false) {
        guard startsAnew && bug != .keptProgress || tasks[task].last.map({ $0 < occurrence }) ?? true else { return }
        tasks[task].last = occurrence
        tasks[task].newest = row
    }

    private mutating func clearMarks(of task: Int, through occurrence: Int64) {
        tasks[task].marks = tasks[task].marks.filter { $0.value > occurrence }
    }

    private mutating func move(_ task: Int, toTaken occurrence: Int64) {
        guard tasks[task].last != nil, bug != .keptProgress else { return }
        tasks[task].last = occurrence
        tasks[task].newest = taken[task][occurrence]
    }

    private mutating func apply(_ start: AttemptStart) -> (WriteOutcome, isNew: Bool) {
        guard let position = index[start.run], !rows[position].status.isFinal else { return (.conflict, true) }
        let row = rows[position]
        if row.status == .running, row.fence == row.attemptFence {
            let isRepeated = row.fence == start.fence + 1 && row.attempt == start.attempt
            return isRepeated ? (.done, false) : (.conflict, true)
        }
        guard row.fence == start.fence else { return (.conflict, true) }
        rows[position].fence += 1
        rows[position].attemptFence = rows[position].fence
        rows[position].attempt = start.attempt
        rows[position].status = .running
        rows[position].reason = nil
        rows[position].retryAt = nil
        return (.done, true)
    }

    /// Adds a record, or extends the task's newest one if that is a skip for the same reason.
    ///
    /// - Returns: Whether it is here for the first time.
    private mutating func add(_ skip: SkipRecord) -> Bool {
        let task = ModelStore.task(skip.task)
        let isNew = skips.insert(skip.run).inserted
        if skip.startsAnew {
            guard index[skip.run] == nil else { return isNew }
            if taken[task][skip.from.milliseconds] == nil {
                insert(skip, task)
            } else {
                move(task, toTaken: skip.from.milliseconds)
                insertRest(of: skip, task)
            }
        } else {
            let isNewer = tasks[task].last.map { $0 < skip.from.milliseconds } ?? true
            if isNewer, let newest = tasks[task].newest, rows[newest].status == .skipped,
                rows[newest].reason == skip.reason.rawValue, rows[newest].until == tasks[task].last
            {
                rows[newest].until = skip.until.milliseconds
                rows[newest].count += skip.count
                advance(task, to: skip.until.milliseconds, newest)
            } else if taken[task][skip.from.milliseconds] != nil {
                guard isNewer else { return isNew }
                insertRest(of: skip, task)
            } else if isNewer || !isSkipped(task, skip.from.milliseconds) {
                insert(skip, task)
            } else {
                return isNew
            }
        }
        if skip.clearsMarks { tasks[task].marks = [:] }
        return isNew
    }

    /// What follows a first instant that has its row already.
    private mutating func insertRest(of skip: SkipRecord, _ task: Int) {
        var rest = skip
        rest.from = Instant(milliseconds: skip.from.milliseconds + 1)
        rest.count -= 1
        if rest.count > 0, taken[task][rest.from.milliseconds] == nil {
            insert(rest, task)
        } else {
            advance(task, to: skip.from.milliseconds, taken[task][skip.from.milliseconds] ?? 0)
        }
    }

    private mutating func insert(_ skip: SkipRecord, _ task: Int) {
        add(
            Row(
                run: skip.run, task: task, trigger: skip.trigger, occurrence: skip.from.milliseconds,
                scheduledAt: skip.from.milliseconds, status: .skipped, reason: skip.reason.rawValue,
                until: skip.until.milliseconds, count: skip.count))
        advance(task, to: skip.until.milliseconds, rows.count - 1, startsAnew: skip.startsAnew)
    }

    private mutating func apply(_ finish: AttemptFinish) -> (WriteOutcome, isNew: Bool) {
        guard let position = index[finish.run] else { return (.fenced, true) }
        let row = rows[position]
        let (status, reason, retryAt) = ModelStore.state(finish.disposition)
        guard row.fence == finish.fence else {
            // The start that followed this very end may have been in the same batch.
            let isRepeated = !status.isFinal && row.attemptFence == finish.fence + 1
            return isRepeated ? (.done, false) : (.fenced, true)
        }
        if row.status == status { return (.done, false) }
        guard !row.status.isFinal else { return (.fenced, true) }
        rows[position].status = status
        rows[position].reason = reason
        rows[position].retryAt = retryAt
        rows[position].error = finish.error
        if finish.countsAsFailure { rows[position].failures += 1 }
        if status == .succeeded {
            tasks[row.task].lastSuccess = max(tasks[row.task].lastSuccess ?? .min, row.scheduledAt)
        }
        if bug != .lostMarks {
            for mark in finish.marks {
                let (task, upstream) = (ModelStore.task(mark.task), ModelStore.task(mark.upstream))
                tasks[task].marks[upstream] = max(tasks[task].marks[upstream] ?? .min, mark.scheduledAt.milliseconds)
            }
        }
        for skip in finish.skips { _ = add(skip) }
        return (.done, true)
    }

    /// Another node has taken a going attempt over, as this one's lease had run out.
    mutating func takeOver(_ run: RunID) {
        guard let position = index[run] else { return }
        rows[position].fence += 1
        rows[position].losses += 1
    }

    private static func state(_ disposition: Disposition) -> (RunStatus, String?, Int64?) {
        switch disposition {
        case .final(let status, let reason): (status, reason, nil)
        case .retrying(let at): (.retrying, nil, at.milliseconds)
        case .interrupted: (.interrupted, "shutdown", nil)
        }
    }
}
