import InsightsEngine
import InsightsPlugin

/// Watches a simulation and holds it against the engine's promises, by rules of its own: it knows the planner's
/// events, actions and nothing else, and keeps its books from what the store has applied.
final class PromiseWatch {
    /// What was true when a claim or skip was emitted.
    struct Fact {
        var uptime: Int64
        var wall: Int64
        var epoch: Int
        /// Counts what the planner was handed: what is decided at once has one turn.
        var turn: Int
        var definition: TaskDefinition
        var isPaused: Bool
        var isGoing: Bool
        var isAfterOutage: Bool
        /// Elapsed time since the last disturbance: a start, a step, a suspend, an outage, a reload.
        var calmFor: Int64
        /// Whether some of what is decided, or due, waits for a later turn.
        var isInBulk: Bool
        /// Whether that was so before this turn: then some of it was decided in an earlier one.
        var wasInBulk: Bool
    }

    /// A claim or skip of a task's occurrence that the store has applied.
    struct Decision {
        var run: RunID
        var fact: Fact
        var trigger: Trigger
        var from: Int64
        var until: Int64
        var count: Int
        /// `nil`: it became a run.
        var reason: SkipReason?
        var lateness: Int64?
        var isCleared: Bool
        /// The claim was refused: an occurrence of before the clock went back.
        var isRefused = false
        var startsAnew: Bool
    }

    /// An instant at which a running planner looked at the clock after it may have stepped, or at a manifest.
    struct Notice {
        var uptime: Int64
        var wall: Int64
    }

    struct Running {
        var run: RunID
        var task: Int
        var started: Int64
        var suspended: Int64
        var timeout: Int64
        var abortedAt: Int64?
        var group: String?
        var overlap: Overlap
    }

    let scenario: Scenario
    private(set) var violations: [String] = []

    // By task.
    var decisions: [[Decision]] = Array(repeating: [], count: Scenario.names.count)
    var notices: [Notice] = []
    /// Reloads that enabled a task or brought it back.
    var revivals: [[Notice]] = Array(repeating: [], count: Scenario.names.count)
    var inForce: [Int: TaskDefinition] = [:]
    /// Those of removed tasks included.
    var known: [Int: TaskDefinition] = [:]
    /// What was known before a reload, in the call that hands it over: there the planner decides what it had put off,
    /// which fell due by these, and nothing else of time.
    private var knownBefore: [Int: TaskDefinition]?
    private var lastSuccess: [Int: Int64] = [:]
    private var paused: Set<Int> = []
    private var going: [Int: Set<RunID>] = [:]
    private var facts: [RunID: Fact] = [:]
    private var tasksOfRuns: [RunID: Int] = [:]

    var running: [RunSlot: Running] = [:]
    var attempts: [RunID: Int] = [:]
    var startsOfProcesses: Set<Int64> = []
    /// In which the process was handed its first manifest.
    private var turnOfStart = 0
    private var disturbedAt: Int64 = 0
    private var lastOffset: Int64 = 0
    /// Whether some of what was due waited for this turn.
    private var wasInBulk = false
    private var suspended: Int64 = 0
    private var isStopping = false
    private var graceOverAt: Int64?
    private var outageSince: Int64?
    private var outageEnd: Int64 = -1
    private var stepsToTell = 0
    /// Runs whose claim was refused, which the planner is about to be told.
    private var refused: [RunID] = []
    private var allRefused: Set<RunID> = []
    /// Tasks whose run of `on_start: always` must come with the process's first call.
    private var startsToCome: Set<Int> = []
    /// What was claimed in one call of the planner.
    private var claimed: [(claim: Claim, task: Int, fact: Fact)] = []
    var runs = RunBook()
    var after: AfterBook

    init(_ scenario: Scenario) {
        self.scenario = scenario
        after = AfterBook()
    }

    func violate(_ text: String, _ simulation: Simulation) {
        violations.append("at \(simulation.uptime) ms (wall \(simulation.wall - scenario.origin)): \(text)")
    }

    func number(_ name: String) -> Int { Scenario.names.firstIndex(of: name)! }

    // MARK: The process

    func started(_ simulation: Simulation, _ unfinished: [UnfinishedRun]) {
        startsOfProcesses.insert(simulation.uptime)
        turnOfStart = simulation.turn + 1
        disturb(simulation)
        isStopping = false
        graceOverAt = nil
        outageSince = nil
        outageEnd = -1
        stepsToTell = 0
        going = [:]
        inForce = [:]
        facts = [:]
        for definition in simulation.file { inForce[number(definition.name)] = definition }
        known.merge(inForce) { $1 }
        for run in unfinished {
            let task = number(run.name)
            tasksOfRuns[run.run] = task
            if inForce[task] != nil { going[task, default: []].insert(run.run) }
        }
        runs.recovered(unfinished, inForce)
        after.restarted()
        after.checkMarks(self, simulation)
        notices.append(Notice(uptime: simulation.uptime, wall: simulation.wall))
        lastOffset = simulation.offset
        lastSuccess = [:]
        defer {
            startsToCome = Set(
                inForce.keys.filter {
                    simulation.isScheduled && inForce[$0]!.settings.isEnabled && !paused.contains($0)
                        && inForce[$0]!.settings.policy.onStart == .always
                })
        }
        for task in simulation.store.tasks.indices {
            let name = simulation.store.tasks[task].name
            lastSuccess[number(name)] = simulation.store.tasks[task].lastSuccess
            if simulation.store.tasks[task].isPaused {
                paused.insert(number(name))
            } else {
                paused.remove(number(name))
            }
        }
    }

    func died(_ simulation: Simulation) {
        running = [:]
        if stepsToTell != 0 { violate("a step of the clock was not told", simulation) }
    }

    func reloaded(_ simulation: Simulation) {
        disturb(simulation)
        let notice = Notice(uptime: simulation.uptime, wall: simulation.wall)
        notices.append(notice)
        let former = inForce
        inForce = [:]
        for definition in simulation.file {
            let task = number(definition.name)
            inForce[task] = definition
            if definition.settings.isEnabled, !(former[task]?.settings.isEnabled ?? false) {
                revivals[task].append(notice)
            }
        }
        knownBefore = known
        known.merge(inForce) { $1 }
        after.reloaded()
    }

    /// Events are about to be handed over: whatever stepped is noticed now.
    func noticed(_ simulation: Simulation) {
        wasInBulk = simulation.isInBulk
        if simulation.offset != lastOffset {
            if let at = simulation.steppedAt, simulation.uptime - at > simulation.longestArm + 1000 {
                violate("a step of the clock was not noticed for \(simulation.uptime - at) ms", simulation)
            }
            if abs(simulation.offset - lastOffset) >= 1000 { stepsToTell += 1 }
            notices.append(Notice(uptime: simulation.uptime, wall: simulation.wall))
            disturb(simulation)
        }
        lastOffset = simulation.offset
        for task in simulation.store.tasks {
            if task.isPaused { paused.insert(number(task.name)) } else { paused.remove(number(task.name)) }
        }
    }

    private func disturb(_ simulation: Simulation) { disturbedAt = simulation.uptime }

    func delivered(_ simulation: Simulation) {
        for run in refused { over(run) }
        refused = []
        // While more is due, what is due of their task goes first; and nothing starts without the store or in a shutdown.
        guard !simulation.isInBulk, !simulation.isStoreDown, !simulation.isStopping else {
            return runs.checkQueues(self, simulation)
        }
        for task in startsToCome { violate("\(Scenario.names[task]) was not run at the start", simulation) }
        startsToCome = []
        runs.checkQueues(self, simulation)
    }

    /// One call of the planner is over: of what fell due together the higher priority has gone first.
    func called(_ simulation: Simulation) {
        runs.checkNewest(self, simulation)
        let due = claimed.filter { [.cadence, .catchUp].contains($0.claim.trigger) && !$0.fact.isGoing }
        for first in due where first.claim.starts {
            let policy = first.fact.definition.settings.policy
            for other in due where !other.claim.starts && !isReplay(other.claim.trigger, other.task) {
                let rival = other.fact.definition.settings.policy
                if rival.priority > policy.priority, rival.group == nil || rival.group == policy.group {
                    violate("\(Scenario.names[first.task]) went before \(Scenario.names[other.task])", simulation)
                }
            }
        }
        claimed = []
        knownBefore = nil
    }

    /// One of several missed occurrences, which go one after the other.
    func isReplay(_ trigger: Trigger, _ task: Int) -> Bool {
        trigger == .catchUp && known[task]!.settings.policy.catchUp == .all
    }

    func slept(_ length: Int64, _ simulation: Simulation) {
        suspended += length
        disturb(simulation)
    }

    func stopping(_ simulation: Simulation) { isStopping = true }

    func graceOver(_ simulation: Simulation) { graceOverAt = simulation.uptime }

    func drained(_ simulation: Simulation) {
        if !isStopping { violate("drained without a shutdown", simulation) }
        if !running.isEmpty { violate("drained while code is going", simulation) }
        let waiting = (simulation.inFlight ?? []) + simulation.queue
        if waiting.contains(where: { $0.slot != nil }) { violate("drained while answers are awaited", simulation) }
        let mayTake = 5000 + 100 + suspended
        if let graceOverAt, !simulation.isStoreDown, simulation.slowUntil + scenario.unit < graceOverAt,
            outageEnd < graceOverAt,
            simulation.uptime - graceOverAt > mayTake
        {
            violate("a shutdown took \(simulation.uptime - graceOverAt) ms after its grace", simulation)
        }
    }

    func storeIsDown(_ simulation: Simulation) { outageSince = simulation.uptime }

    func storeIsBack(_ simulation: Simulation) {
        outageSince = nil
        outageEnd = simulation.uptime
        disturb(simulation)
    }

    // MARK: Writes

    func emitted(_ write: StoreWrite, _ simulation: Simulation) {
        switch write {
        case .claim(let claim):
            let task = number(simulation.store.tasks[ModelStore.task(claim.task)].name)
            let fact = fact(task, simulation)
            facts[claim.run] = fact
            tasksOfRuns[claim.run] = task
            runs.claimed(claim, task, fact)
            claimed.append((claim, task, fact))
            checkTrigger(claim, task, simulation)
            if claim.starts { runs.checkRank(of: claim.run, self, simulation) }
            going[task, default: []].insert(claim.run)
            if isStopping { violate("a claim after the shutdown", simulation) }
            // What was decided before is claimed with the news that the store is away.
            if simulation.isStoreDown, claim.trigger != .manual, !wasInBulk {
                violate("a claim while the store is away", simulation)
            }
        case .skip(let skip):
            facts[skip.run] = fact(number(simulation.store.tasks[ModelStore.task(skip.task)].name), simulation)
        case .finish(let finish):
            for skip in finish.skips {
                facts[skip.run] = fact(number(simulation.store.tasks[ModelStore.task(skip.task)].name), simulation)
            }
            runs.ending(finish, self, simulation)
            after.ending(finish, runs.books[finish.run], self)
            guard case .final = finish.disposition else { return }
            if !running.values.contains(where: { $0.run == finish.run }) { over(finish.run) }
        case .start(let start):
            if isStopping { violate("a start after the shutdown", simulation) }
            if simulation.isStoreDown { violate("a start while the store is away", simulation) }
            runs.starting(start, self, simulation)
            runs.checkRank(of: start.run, self, simulation)
        case .checkpoint, .setPaused, .answer, .leave, .release: violate("an unexpected write", simulation)
        }
    }

    private func checkTrigger(_ claim: Claim, _ task: Int, _ simulation: Simulation) {
        switch claim.trigger {
        case .cadence, .catchUp:
            if !simulation.isScheduled { violate("time starts something although the scheduler is off", simulation) }
        case .start:
            if startsToCome.remove(task) == nil { violate("a run at start that nobody asked for", simulation) }
            if claim.occurrence != nil { violate("a run at start takes an occurrence", simulation) }
        case .manual, .after: break
        }
    }

    private func fact(_ task: Int, _ simulation: Simulation) -> Fact {
        Fact(
            uptime: simulation.uptime, wall: simulation.wall, epoch: simulation.epoch, turn: simulation.turn,
            definition: (knownBefore ?? known)[task]!,
            isPaused: paused.contains(task), isGoing: !(going[task] ?? []).isEmpty,
            isAfterOutage: outageEnd == simulation.uptime, calmFor: simulation.uptime - disturbedAt,
            isInBulk: simulation.isInBulk, wasInBulk: wasInBulk)
    }

    private func over(_ run: RunID) { if let task = tasksOfRuns[run] { going[task]?.remove(run) } }

    func applied(_ write: StoreWrite, _ outcome: WriteOutcome, isNew: Bool, _ simulation: Simulation) {
        guard isNew else { return }
        switch write {
        case .claim(let claim):
            if outcome != .done {
                // Sent again, it is refused again.
                guard allRefused.insert(claim.run).inserted else { return }
                refused.append(claim.run)
                runs.books[claim.run]?.isForeign = true
                checkRefusal(claim, simulation)
            }
            if claim.trigger == .after, !claim.clearsMarks { violate("a claim left its marks", simulation) }
            let moves = claim.trigger == .manual ? runs.books[claim.run]?.movesDependents : claim.trigger != .start
            if outcome == .done, claim.movesDependents != moves, runs.books[claim.run]?.isRefused == false {
                violate("a run moves what it should not, or does not", simulation)
            }
            guard let occurrence = claim.occurrence?.milliseconds, let fact = facts[claim.run] else { return }
            decide(
                claim.task,
                Decision(
                    run: claim.run, fact: fact, trigger: claim.trigger, from: occurrence, until: occurrence, count: 1,
                    reason: nil, lateness: claim.lateness?.wholeMilliseconds, isCleared: claim.clearsMarks,
                    isRefused: outcome != .done, startsAnew: claim.startsAnew), simulation)
        case .skip(let skip): decide(skip, simulation)
        case .finish(let finish):
            guard outcome == .done else { return violate("an end was refused", simulation) }
            for skip in finish.skips { decide(skip, simulation) }
            after.ended(finish, runs.books[finish.run], self, simulation)
        case .start:
            if outcome != .done { violate("a start was refused", simulation) }
        case .checkpoint, .setPaused, .answer, .leave, .release: break
        }
    }

    private func decide(_ skip: SkipRecord, _ simulation: Simulation) {
        guard let fact = facts[skip.run] else { return }
        decide(
            skip.task,
            Decision(
                run: skip.run, fact: fact, trigger: skip.trigger, from: skip.from.milliseconds,
                until: skip.until.milliseconds, count: skip.count, reason: skip.reason, lateness: nil,
                isCleared: skip.clearsMarks, startsAnew: skip.startsAnew), simulation)
    }

    private func decide(_ id: TaskID, _ decision: Decision, _ simulation: Simulation) {
        let task = number(simulation.store.tasks[ModelStore.task(id)].name)
        if decision.trigger == .after {
            after.decided(task, decision, self, simulation)
        } else if decision.trigger != .manual {
            decisions[task].append(decision)
        }
    }

    /// Only for an instant that has its run or record: a clock that went back meets one, and `after` when an older
    /// upstream comes late. What was skipped ahead by a wrong clock takes nothing.
    private func checkRefusal(_ claim: Claim, _ simulation: Simulation) {
        let taken = simulation.store.row(of: ModelStore.task(claim.task), at: claim.scheduledAt.milliseconds)
        if claim.occurrence == nil || taken == nil { violate("a claim was refused for no reason", simulation) }
    }

    // MARK: Code

    func executing(_ slot: RunSlot, _ spec: AttemptSpec, _ simulation: Simulation) {
        let task = ModelStore.task(spec.task)
        let policy = known[task]!.settings.policy
        if isStopping { violate("code started after the shutdown", simulation) }
        let row = simulation.store.row(spec.run)
        if row?.status != .running || row?.fence != spec.fence || row?.attempt != spec.attempt {
            violate("code of an attempt that is not durable", simulation)
        }
        if spec.attempt <= attempts[spec.run] ?? 0 { violate("an attempt was started twice", simulation) }
        attempts[spec.run] = spec.attempt
        if running.count >= scenario.concurrency { violate("more code than concurrency allows", simulation) }
        if let group = policy.group, running.values.filter({ $0.group == group }).count >= scenario.groups[group]! {
            violate("more code than the group allows", simulation)
        }
        if policy.overlap != .allow, running.values.contains(where: { $0.task == task }) {
            violate("\(spec.definition.name) runs beside itself", simulation)
        }
        if spec.lastSuccessAt?.milliseconds != lastSuccess[task] {
            violate("it was told a wrong last success", simulation)
        }
        running[slot] = Running(
            run: spec.run, task: task, started: simulation.uptime, suspended: suspended,
            timeout: policy.timeout.wholeMilliseconds, group: policy.group, overlap: policy.overlap)
        runs.executing(spec, self, simulation)
    }

    func aborted(_ slot: RunSlot, _ simulation: Simulation) {
        if running[slot]?.abortedAt != nil { violate("code was cancelled twice", simulation) }
        running[slot]?.abortedAt = simulation.uptime
    }

    func codeEnded(_ slot: RunSlot, _ code: Simulation.Code, _ result: AttemptResult, _ simulation: Simulation) {
        checkTimes(slot, simulation)
        runs.codeEnded(code.run, result)
        codeGone(slot, simulation)
    }

    func codeGone(_ slot: RunSlot, _ simulation: Simulation) {
        guard let gone = running.removeValue(forKey: slot) else { return }
        if runs.books[gone.run]?.isFinal ?? false { over(gone.run) }
    }

    /// Deadlines and patience hold, but for what a sleeping machine adds.
    private func checkTimes(_ slot: RunSlot, _ simulation: Simulation) {
        guard let code = running[slot] else { return }
        let slack = 100 + suspended - code.suspended
        if code.abortedAt == nil, simulation.uptime - code.started > code.timeout + slack {
            violate("code went on past its deadline", simulation)
        }
        if let abortedAt = code.abortedAt, simulation.uptime - abortedAt > 5000 + slack {
            violate("cancelled code was not given up", simulation)
        }
    }

    func wrote(_ run: RunID, attempt: Int, accepted: Bool, _ simulation: Simulation) {
        guard accepted else { return }
        if attempts[run] ?? 0 > attempt { violate("a write of an older attempt was taken", simulation) }
        if simulation.store.row(run)?.status.isFinal ?? true { violate("a write after the end was taken", simulation) }
    }

    // MARK: Wishes and observations

    func triggered(
        _ name: String, run: RunID, dependents: Bool, group: UInt64?, _ simulation: Simulation
    ) { runs.triggered(run, number(name), dependents, group) }

    func answered(_ answer: TriggerAnswer, _ simulation: Simulation) {
        switch answer {
        case .accepted(let run), .skipped(let run, _):
            if simulation.store.row(run) == nil { violate("a run was promised that is not durable", simulation) }
        case .storeUnavailable:
            if !simulation.isStoreDown { violate("refused for a store that is there", simulation) }
        case .stopping: break
        case .overlaps(let run):
            if let task = tasksOfRuns[run], going[task]?.contains(run) ?? false { return }
            violate("refused for a run that is not going", simulation)
        case .unknownTask: violate("a task of the manifest is unknown", simulation)
        case .elsewhere: violate("a task is another node's", simulation)
        }
    }

    func cancelled(_ run: RunID, _ simulation: Simulation) { runs.books[run]?.isCancelled = true }

    func observed(_ observation: Observation, _ simulation: Simulation) {
        switch observation {
        case .clockStepped:
            // At its start a process can only tell by how much the stored instants lie ahead.
            if simulation.turn != turnOfStart { stepsToTell -= 1 }
        case .finished(let task, let run, _, let status, _, _, _):
            if status == .succeeded, let at = runs.books[run]?.scheduledAt {
                lastSuccess[number(task.name)] = max(lastSuccess[number(task.name)] ?? .min, at)
            }
            if simulation.store.row(run)?.status != status {
                violate("an end was told that is not durable", simulation)
            }
        default: break
        }
    }
}
