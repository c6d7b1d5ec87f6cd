import InsightsEngine
import InsightsPlugin

/// What the checker knows of each run: what its attempts did, and so what may and must follow.
struct RunBook {
    struct Book {
        var task: Int
        var trigger: Trigger
        var scheduledAt: Int64
        var movesDependents: Bool
        var group: UInt64?
        var isRefused = false
        /// In this process: an operator cancelled it.
        var isCancelled = false
        /// Its end has been decided.
        var isFinal = false
        var failures = 0
        var attempts = 0
        /// What its code came back with, until something was made of it.
        var result: AttemptResult?
        /// The end of its last attempt has been decided.
        var isAttemptOver = false
        /// Elapsed time before which, in this process, no further attempt may start.
        var notBefore: Int64 = .min
        /// The attempt that a shutdown cut short, while nothing has followed.
        var interruptedAttempt: Int?
        var mayEndByShutdown = false
        // Since it was claimed in this process:
        /// Counts claims; 0 for a run of an earlier process.
        var order = 0
        /// Nothing of its task was going.
        var isFree = false
        /// Since which turn the planner knows that the claim is durable.
        var settledAt: Int?
        var isStarting = false
        /// Another node has it.
        var isForeign = false
    }

    private var claims = 0
    /// In the present call of the planner: runs whose end says that they made way for another.
    private var displaced: [RunID] = []

    private(set) var isAfterRestart = false
    var books: [RunID: Book] = [:]

    mutating func triggered(_ run: RunID, _ task: Int, _ dependents: Bool, _ group: UInt64?) {
        books[run] = Book(
            task: task, trigger: .manual, scheduledAt: 0, movesDependents: dependents, group: group, isRefused: true)
    }

    mutating func claimed(_ claim: Claim, _ task: Int, _ fact: PromiseWatch.Fact) {
        let asked = books[claim.run]
        claims += 1
        books[claim.run] = Book(
            task: task, trigger: claim.trigger, scheduledAt: claim.scheduledAt.milliseconds,
            movesDependents: asked?.movesDependents ?? (claim.trigger != .start), group: asked?.group, order: claims,
            isFree: !fact.isGoing, isStarting: claim.starts)
    }

    /// Nothing that needs only a place, and ranks higher, may be passed by.
    func checkRank(of run: RunID, _ watch: PromiseWatch, _ simulation: Simulation) {
        guard let book = books[run], let policy = watch.known[book.task]?.settings.policy else { return }
        for (other, rival) in books where other != run && rival.order > 0 && rival.isFree && rival.attempts == 0 {
            guard let settledAt = rival.settledAt, settledAt < simulation.turn, !rival.isStarting, !rival.isFinal,
                !rival.isCancelled, !rival.isForeign, rival.group == nil, !watch.isReplay(rival.trigger, rival.task),
                let waiting = watch.known[rival.task]?.settings.policy
            else { continue }
            if waiting.priority > policy.priority, waiting.group == nil || waiting.group == policy.group {
                let names = (Scenario.names[book.task], Scenario.names[rival.task])
                watch.violate("\(names.0) went before \(names.1), which was ready", simulation)
            }
        }
    }

    /// `queue` and `replace` hold one run of a task at most, the newest.
    func checkQueues(_ watch: PromiseWatch, _ simulation: Simulation) {
        for (task, definition) in watch.inForce where [.queue, .replace].contains(definition.settings.policy.overlap) {
            let held = books.values.filter {
                $0.task == task && $0.order > 0 && $0.settledAt != nil && !$0.isFree && $0.attempts == 0
                    && !$0.isStarting && !$0.isFinal
                    && !$0.isRefused && !$0.isForeign && $0.group == nil && $0.trigger != .start
                    && !watch.isReplay($0.trigger, task)
            }
            // One may have had its turn, and wait for no more than a place.
            let isLast = !watch.running.values.contains { $0.task == task }
            if held.count > (isLast ? 2 : 1) {
                watch.violate("\(definition.name) holds \(held.count) runs", simulation)
            }
        }
    }

    /// One call of the planner is over: what made way in it has made way for a newer run, so that the newest stays.
    ///
    /// Members of a group are told of when they are claimed and compete when their turn comes: they prove nothing.
    mutating func checkNewest(_ watch: PromiseWatch, _ simulation: Simulation) {
        for run in displaced {
            guard let book = books[run] else { continue }
            let isNewest = !books.values.contains {
                $0.task == book.task && ($0.order > book.order || $0.group != nil)
            }
            if isNewest { watch.violate("\(Scenario.names[book.task]): the newest run made way", simulation) }
        }
        displaced = []
    }

    /// The runs of tasks that were triggered together with this one and are part of its order.
    func members(with run: RunID) -> [Book] {
        guard let group = books[run]?.group else { return [] }
        return books.values.filter { $0.group == group && !$0.isRefused }
    }

    // MARK: Ends

    mutating func codeEnded(_ run: RunID, _ result: AttemptResult) {
        if books[run]?.isAttemptOver == false { books[run]?.result = result }
    }

    mutating func ending(_ finish: AttemptFinish, _ watch: PromiseWatch, _ simulation: Simulation) {
        guard let book = books[finish.run] else { return watch.violate("an end of an unknown run", simulation) }
        if book.isFinal { watch.violate("a run is ended twice", simulation) }
        if book.isForeign { watch.violate("an end of a run that another node has", simulation) }
        let result = book.result
        books[finish.run]?.result = nil
        books[finish.run]?.isAttemptOver = true
        if finish.countsAsFailure { books[finish.run]?.failures += 1 }
        let policy = watch.known[book.task]?.settings.policy
        switch finish.disposition {
        case .final(let status, let reason):
            books[finish.run]?.isFinal = true
            if reason == SkipReason.overlap.rawValue, book.trigger == .manual, status == .skipped, book.attempts == 0,
                book.group != nil
            {
                books[finish.run]?.isRefused = true
            }
            checkFinal(status, reason, finish, book, result, policy, watch, simulation)
            checkDisplaced(finish.run, status, reason, book, policy, watch, simulation)
        case .retrying(let at):
            checkRetry(at, finish, book, policy, watch, simulation)
            books[finish.run]?.notBefore = simulation.uptime + at.milliseconds - simulation.wall
        case .interrupted:
            if case .succeeded = result { watch.violate("a success was thrown away", simulation) }
        }
    }

    private func checkFinal(
        _ status: RunStatus, _ reason: String?, _ finish: AttemptFinish, _ book: Book, _ result: AttemptResult?,
        _ policy: Policy?, _ watch: PromiseWatch, _ simulation: Simulation
    ) {
        if case .succeeded = result {
            if status != .succeeded { watch.violate("a success was thrown away", simulation) }
        } else if status == .succeeded {
            watch.violate("a run succeeded without its code", simulation)
        }
        if status == .cancelled, reason == "operator", !book.isCancelled {
            watch.violate("cancelled by nobody", simulation)
        }
        if reason == SkipReason.shutdown.rawValue, !book.mayEndByShutdown {
            watch.violate("ended by a shutdown that does not concern it", simulation)
        }
        guard let policy, status == .failed || status == .timedOut, let error = finish.error else { return }
        let isLast = book.failures + 1 >= policy.retry.attempts
        if error.isRetryable, error.code != "lost", !isLast {
            watch.violate("\(Scenario.names[book.task]) gave up after \(book.failures + 1) failures", simulation)
        }
        if error.code == "lost", policy.onLost == .restart, (simulation.store.row(finish.run)?.losses ?? 0) <= 5 {
            watch.violate("a lost run was not started again", simulation)
        }
    }

    /// What gives way to a newer run gives way to one that there is, under the policy that says so.
    private mutating func checkDisplaced(
        _ run: RunID, _ status: RunStatus, _ reason: String?, _ book: Book, _ policy: Policy?, _ watch: PromiseWatch,
        _ simulation: Simulation
    ) {
        let isReplaced = status == .cancelled && reason == "replaced"
        let isDisplaced = status == .skipped && reason == SkipReason.overlap.rawValue && book.group == nil
        guard isReplaced || isDisplaced, let policy else { return }
        displaced.append(run)
        let name = Scenario.names[book.task]
        if policy.overlap != .replace, isReplaced || policy.overlap != .queue {
            watch.violate("\(name) gave way under \(policy.overlap)", simulation)
        }
        if isDisplaced, book.trigger == .start || watch.isReplay(book.trigger, book.task) {
            watch.violate("\(name): a run that must have its turn gave way", simulation)
        }
    }

    private func checkRetry(
        _ at: Instant, _ finish: AttemptFinish, _ book: Book, _ policy: Policy?, _ watch: PromiseWatch,
        _ simulation: Simulation
    ) {
        guard let policy, let error = finish.error else { return watch.violate("a retry without a cause", simulation) }
        if !error.isRetryable { watch.violate("a failure that is not retryable is retried", simulation) }
        if book.failures + 1 >= policy.retry.attempts { watch.violate("a run is retried too often", simulation) }
        if book.isCancelled { watch.violate("a cancelled run is retried", simulation) }
        let delay = at.milliseconds - simulation.wall
        let retry = policy.retry
        var bound = retry.delay.wholeMilliseconds
        for _ in 0..<book.failures { bound *= Int64(retry.factor) }
        bound = min(bound, retry.maxDelay.wholeMilliseconds)
        if delay < 0 || delay > max(bound, (error.retryAt?.milliseconds ?? 0) - simulation.wall) {
            watch.violate("a retry after \(delay) ms, at most \(bound)", simulation)
        }
        if let earliest = error.retryAt, at < earliest { watch.violate("a retry before its time", simulation) }
    }

    // MARK: Starts

    mutating func starting(_ start: AttemptStart, _ watch: PromiseWatch, _ simulation: Simulation) {
        guard let book = books[start.run] else { return watch.violate("a start of an unknown run", simulation) }
        if book.isFinal { watch.violate("a start of a run that is over", simulation) }
        if book.isCancelled { watch.violate("a start of a cancelled run", simulation) }
        if book.isForeign { watch.violate("a start of a run that another node has", simulation) }
        if simulation.uptime < book.notBefore { watch.violate("a retry before its time", simulation) }
        if let row = simulation.store.row(start.run), row.attempt + 1 != start.attempt {
            watch.violate("attempt \(start.attempt) follows \(row.attempt)", simulation)
        }
        books[start.run]?.isStarting = true
    }

    mutating func executing(_ spec: AttemptSpec, _ watch: PromiseWatch, _ simulation: Simulation) {
        books[spec.run]?.attempts += 1
        books[spec.run]?.interruptedAttempt = nil
        books[spec.run]?.isAttemptOver = false
        guard let book = books[spec.run] else { return watch.violate("code of an unknown run", simulation) }
        if let policy = watch.known[book.task]?.settings.policy, book.failures >= policy.retry.attempts {
            watch.violate("one attempt too many", simulation)
        }
        // A group keeps to `after` order; another one of the same instant has an order of its own.
        guard book.attempts == 1, let group = book.group, let definition = watch.inForce[book.task],
            case .after(let names) = definition.cadence
        else { return }
        for (run, member) in books where member.group == group && names.contains(Scenario.names[member.task]) {
            guard !member.isRefused, let row = simulation.store.row(run) else { continue }
            if row.status != .succeeded, row.reason != SkipReason.overlap.rawValue {
                watch.violate("\(definition.name) ran before one that it comes after", simulation)
            }
        }
    }

    // MARK: Processes

    mutating func recovered(_ unfinished: [UnfinishedRun], _ inForce: [Int: TaskDefinition]) {
        let living = Set(unfinished.map(\.run))
        for run in books.keys {
            books[run]?.isCancelled = false
            books[run]?.notBefore = .min
            books[run]?.result = nil
            books[run]?.order = 0
            books[run]?.isForeign = false
            // Those that have ended are no longer part of any order.
            if !living.contains(run) { books[run]?.group = nil }
        }
        for run in unfinished {
            guard let book = books[run.run] else { continue }
            let definition = inForce[book.task]
            let isUnwanted = !(definition?.settings.isEnabled ?? false)
            let isNever = definition?.settings.policy.catchUp == CatchUp.none && run.status == .interrupted
            books[run.run]?.mayEndByShutdown = isUnwanted || isNever
            books[run.run]?.isFinal = false
            books[run.run]?.failures = run.failures
            books[run.run]?.interruptedAttempt =
                run.status == .interrupted && !isUnwanted && !isNever ? run.attempt : nil
        }
    }

    /// At the very end: everything has its end, and nothing that was cut short was forgotten.
    func checkEnds(_ watch: PromiseWatch, _ simulation: Simulation) {
        for row in simulation.store.rows where !row.status.isFinal {
            watch.violate("a run of \(Scenario.names[row.task]) never ended: \(row.status)", simulation)
        }
        for (run, book) in books where book.interruptedAttempt != nil {
            let row = simulation.store.row(run)
            if row?.status == .succeeded || row?.status == .failed || row?.status == .timedOut {
                watch.violate("an interrupted run was not started again", simulation)
            }
        }
    }
}
