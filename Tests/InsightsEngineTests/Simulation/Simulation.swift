import InsightsPlugin

@testable import InsightsEngine

/// One seed: a planner in a single-threaded shell, a model of the store, modules that are only pretended, and
/// everything that can go wrong. The same seed gives the same simulation, to the letter.
///
/// The shell does what the real one does: it carries events and actions, writes in order and one commit at a
/// time, sends a failed commit again, and ticks at the instant that the planner names, or an arm later.
final class Simulation {
    struct Pending {
        var write: StoreWrite
        var slot: RunSlot?
        var step: WriteStep?
    }

    /// An attempt's code, as the shell of one process knows it.
    struct Code {
        var run: RunID
        var task: Int
        var attempt: Int
        var fence: Fence
        var isStubborn: Bool
        /// Tells a plan for its end that was made before it was cancelled.
        var plan = 0
    }

    enum Step {
        case restart
        case fault(Fault)
        case commit
        case ends(RunSlot, plan: Int, AttemptResult)
        case graceOver
        case giveUp
        case resume(String)
        case deadWrite(RunID, task: Int, attempt: Int, Fence)
        case step(Int64)
    }

    /// What the store was asked, and what it made of it.
    enum StoreStep {
        case register([TaskDefinition], Instant, [StoredTask])
        case recover([UnfinishedRun])
        case setPaused(String, Bool)
        case commit([StoreWrite], [WriteOutcome])
    }

    let scenario: Scenario
    let watch: PromiseWatch
    let bug: PlantedBug?
    /// Of a bug that exchanges runs: what the planner calls a run, and which one becomes of it.
    var exchanged: [RunID: RunID] = [:]
    var random: SplitMix64
    var store = ModelStore()
    /// What the file says; in force once a process has read it.
    var file: [TaskDefinition]

    // Clocks: elapsed time, and how far the wall clock is ahead of it.
    var uptime: Int64 = 0
    var offset: Int64
    var wall: Int64 { uptime + offset }

    // The process, if one is up.
    var planner: Planner?
    var epoch = 0
    private(set) var turn = 0
    var queue: [Pending] = []
    var inFlight: [Pending]?
    var codes: [RunSlot: Code] = [:]
    var isStopping = false
    var isStoreDown = false
    /// Whether the process starts anything by itself.
    private(set) var isScheduled = true
    var nextWake = Int64.max

    // What is to happen, and what the next commit or attempt meets.
    private var agenda: [(at: Int64, order: Int, epoch: Int, step: Step)] = []
    private var order = 0
    var outageUntil: Int64 = 0
    var slowUntil: Int64 = 0
    var commitFaults: [Fault] = []
    var moduleFaults: [Fault] = []
    var earlyTimers = 0
    private var actions: [PlannerAction] = []
    private var token: UInt64 = 0
    /// When the wall clock stepped last, unless a process has started since.
    var steppedAt: Int64?
    private var isCalm = false
    private var payloads = 0
    private(set) var isKeepingJournal = false
    var journal: [StoreStep] = []
    /// Of a seed that is replayed: what happened, for people.
    var isTraced = false

    /// Whether more was due than one call of the planner admits, and the rest waits for its turn or for a place.
    var isInBulk: Bool {
        guard let planner else { return false }
        return planner.hasMore || planner.heldUntil != nil
    }

    /// How long the shell waits at most.
    var longestArm: Int64 { scenario.unit * 3 / 2 }

    init(seed: UInt64, bug: PlantedBug? = nil, journal: Bool = false) {
        isKeepingJournal = journal
        random = SplitMix64(seed: seed)
        scenario = Scenario(&random)
        self.bug = bug
        store.bug = bug
        file = scenario.tasks
        offset = scenario.origin
        watch = PromiseWatch(scenario)
    }

    /// Runs to the end and tells which promises were broken.
    func run() -> [String] {
        for (at, fault) in scenario.faults { plan(at, .fault(fault)) }
        plan(0, .restart)
        advance(to: scenario.length)
        calmDown()
        advance(to: uptime + scenario.calm)
        watch.checkOccurrences(at: self)
        retire()
        var limit = 400
        while limit > 0, store.rows.contains(where: { !$0.status.isFinal }) || !codes.isEmpty {
            advance(to: uptime + scenario.unit)
            limit -= 1
        }
        watch.checkEnds(self)
        return watch.violations
    }

    /// From here on nothing goes wrong any more, and what went wrong is over.
    private func calmDown() {
        outageUntil = 0
        slowUntil = 0
        commitFaults = []
        moduleFaults = []
        earlyTimers = 0
        isCalm = true
        if planner == nil { restart() }
        // A stop that is under way ends in its own time; then comes the next start.
        while isStopping, watch.violations.isEmpty { advance(to: uptime + 1000) }
        // What a process without a scheduler left alone is for the next one.
        if planner != nil, !isScheduled { die() }
        if planner == nil { restart() }
    }

    /// Leaves no task a cadence, so that what is going can end.
    private func retire() {
        file = file.map { old in
            task(old.name, .every(milliseconds: .max / 4, starting: Instant(milliseconds: .max / 2))) {
                $0 = old.settings.policy
            }
        }
        reload()
    }

    // MARK: Time

    func plan(_ at: Int64, _ step: Step) {
        order += 1
        let entry = (at: at, order: order, epoch: epoch, step: step)
        var index = agenda.count
        while index > 0, (agenda[index - 1].at, agenda[index - 1].order) < (at, order) { index -= 1 }
        agenda.insert(entry, at: index)
    }

    private func advance(to end: Int64) {
        while watch.violations.isEmpty {
            let next = min(agenda.last?.at ?? .max, planner == nil ? .max : nextWake)
            guard next <= end else { break }
            uptime = max(uptime, next)
            if let entry = agenda.last, entry.at <= next {
                agenda.removeLast()
                perform(entry.step, entry.epoch)
            } else {
                deliver([])
            }
        }
        uptime = max(uptime, end)
    }

    private func perform(_ step: Step, _ planned: Int) {
        trace(step)
        switch step {
        case .restart: if planner == nil { restart() }
        case .fault(let fault): inflict(fault)
        case .resume(let name): setPaused(name, false)
        case .deadWrite(let run, let task, let attempt, let fence): deadWrite(run, task, attempt, fence)
        case .step(let milliseconds): self.step(by: milliseconds)
        case .commit, .ends, .graceOver, .giveUp:
            guard planned == epoch, planner != nil else { return }
            switch step {
            case .commit: commit()
            case .ends(let slot, let plan, let result): ends(slot, plan, result)
            case .graceOver:
                watch.graceOver(self)
                deliver([.graceOver])
                plan(uptime + 10_000, .giveUp)
            default: die()
            }
        }
    }

    // MARK: The process

    func restart() {
        guard uptime >= outageUntil else { return plan(outageUntil, .restart) }
        epoch += 1
        queue = []
        inFlight = nil
        codes = [:]
        exchanged = [:]
        isStopping = false
        isStoreDown = false
        isScheduled = isCalm || !random.chance(0.08)
        steppedAt = nil
        var configuration = PlannerConfiguration(schedulerEnabled: isScheduled, seed: random.next())
        configuration.patience = .seconds(5)
        // The few tasks of a scenario are to come in pieces as well.
        configuration.admissions = scenario.admissions
        planner = Planner(configuration: configuration)
        let stored = register()
        let unfinished = store.recover()
        keep(.recover(unfinished))
        watch.started(self, unfinished)
        deliver([.manifest(told(file), told(stored)), .recovered(told(unfinished))])
    }

    private func register() -> [StoredTask] {
        let stored = store.register(file, at: wall)
        keep(.register(file, Instant(milliseconds: wall), stored))
        return stored
    }

    private func keep(_ step: @autoclosure () -> StoreStep) { if isKeepingJournal { journal.append(step()) } }

    /// The process is no more, and what it knew is gone; its code may go on for a while, as a child can.
    func die(mayBeSlow: Bool = true) {
        for (_, code) in codes where mayBeSlow && random.chance(0.5) {
            let later = uptime + Int64.random(in: 0...scenario.unit * 2, using: &random)
            plan(later, .deadWrite(code.run, task: code.task, attempt: code.attempt, code.fence))
        }
        watch.died(self)
        planner = nil
        codes = [:]
        isStopping = false
        nextWake = .max
        let downtime = random.chance(0.5) ? 0 : Int64.random(in: 0...scenario.unit * 8, using: &random)
        plan(uptime + downtime, .restart)
    }

    func reload() {
        guard planner != nil, uptime >= outageUntil, !isStopping else { return }
        let stored = register()
        watch.reloaded(self)
        deliver([.manifest(told(file), told(stored))])
    }

    /// Hands events to the planner, then a tick, and does what it wants.
    func deliver(_ events: [PlannerEvent]) {
        guard planner != nil else { return }
        let now = Moment(wall: Instant(milliseconds: wall), uptime: uptime)
        watch.noticed(self)
        turn += 1
        for event in told(events) + [.tick] {
            guard planner != nil else { return }
            trace(event)
            actions.removeAll(keepingCapacity: true)
            planner?.handle(event, at: now, into: &actions)
            for action in told(actions) { perform(action) }
            watch.called(self)
        }
        watch.delivered(self)
        startCommit()
        arm()
    }

    private func arm() {
        guard let wake = planner?.wake else { return }
        var next = uptime + (bug == .longArms ? .max / 4 : longestArm)
        if let due = wake.uptime { next = min(next, due) }
        if let due = wake.wall { next = min(next, uptime + (due.milliseconds - wall)) }
        if bug == .endlessHold, planner?.heldUntil != nil { next = uptime + longestArm }
        if earlyTimers > 0, next > uptime + 2 {
            earlyTimers -= 1
            next = uptime + (next - uptime) / 2
        }
        nextWake = max(next, uptime)
    }

    private func perform(_ action: PlannerAction) {
        trace(action)
        switch action {
        case .write(let write, let slot, let step):
            watch.emitted(write, self)
            queue.append(Pending(write: write, slot: slot, step: step))
        case .execute(let slot, let spec): execute(slot, spec)
        case .abort(let slot): abort(slot)
        case .abandon(let slot): abandon(slot)
        case .answer(_, let answer): watch.answered(answer, self)
        case .observe(let observation): watch.observed(observation, self)
        case .drained:
            watch.drained(self)
            if planner != nil { die(mayBeSlow: false) }
        case .readNews, .forgetWrites: watch.violate("it shares its store with nobody", self)
        }
    }

    // MARK: Commits

    private func startCommit() {
        guard inFlight == nil, !queue.isEmpty, planner != nil else { return }
        inFlight = queue
        queue = []
        plan(uptime + latency(), .commit)
    }

    private func latency() -> Int64 {
        let longest = uptime < slowUntil ? scenario.unit : 12
        return Int64.random(in: 1...longest, using: &random)
    }

    private func commit() {
        guard let batch = inFlight else { return }
        let fault = commitFaults.popLast()
        guard uptime >= outageUntil, fault != .storeErrorBeforeCommit else { return failCommit() }
        if fault == .crashBeforeCommit { return die() }
        store.beginBatch()
        let outcomes = batch.map { pending in
            let (outcome, isNew) = store.apply(pending.write)
            watch.applied(pending.write, outcome, isNew: isNew, self)
            return outcome
        }
        keep(.commit(batch.map(\.write), outcomes))
        if fault == .crashAfterCommit { return die() }
        if fault == .storeErrorAfterCommit { return failCommit() }
        inFlight = nil
        var events: [PlannerEvent] = []
        if isStoreDown {
            isStoreDown = false
            events.append(.storeAvailable(true))
            watch.storeIsBack(self)
        }
        for (pending, outcome) in zip(batch, outcomes) {
            if let slot = pending.slot, let step = pending.step { events.append(.settled(slot, step, outcome)) }
            if case .claim(let claim) = pending.write, outcome == .done {
                watch.runs.books[claim.run]?.settledAt = turn + 1
            }
        }
        deliver(events)
    }

    /// The same batch will be sent again.
    private func failCommit() {
        plan(max(uptime + Int64.random(in: 50...2000, using: &random), min(outageUntil, uptime + 2000)), .commit)
        guard !isStoreDown else { return }
        isStoreDown = true
        watch.storeIsDown(self)
        deliver([.storeAvailable(false)])
    }

    // MARK: Code

    private func execute(_ slot: RunSlot, _ spec: AttemptSpec) {
        let fault = moduleFaults.popLast()
        let code = Code(
            run: spec.run, task: ModelStore.task(spec.task), attempt: spec.attempt, fence: spec.fence,
            isStubborn: fault == .moduleStubborn || random.chance(0.05))
        watch.executing(slot, spec, self)
        codes[slot] = code
        guard fault != .moduleHang, fault != .moduleStubborn else { return }
        let longest = random.chance(0.2) ? scenario.unit * 4 : scenario.unit / 2
        let after = Int64.random(in: 0...longest, using: &random)
        plan(uptime + after, .ends(slot, plan: 0, result(fails: fault == .moduleFailure)))
        if random.chance(0.2) {
            let later = uptime + Int64.random(in: 0...max(1, after), using: &random)
            plan(later, .deadWrite(code.run, task: code.task, attempt: code.attempt, code.fence))
        }
    }

    private func result(fails: Bool) -> AttemptResult {
        guard fails || random.chance(0.2) else { return .succeeded(summary: nil) }
        let retryAt = random.chance(0.2) ? wall + Int64.random(in: -1000...scenario.unit, using: &random) : nil
        return .failed(
            RunError(
                code: "broken", message: "", isRetryable: random.chance(0.8),
                retryAt: retryAt.map(Instant.init(milliseconds:))))
    }

    private func abort(_ slot: RunSlot) {
        guard let code = codes[slot] else { return watch.violate("abort of code that is not going", self) }
        watch.aborted(slot, self)
        codes[slot]?.plan += 1
        let patience = code.isStubborn ? 5001...20_000 : 0...4000 as ClosedRange<Int64>
        let result: AttemptResult = random.chance(0.2) ? .succeeded(summary: nil) : .cancelled
        plan(uptime + Int64.random(in: patience, using: &random), .ends(slot, plan: code.plan + 1, result))
    }

    private func abandon(_ slot: RunSlot) {
        guard let code = codes.removeValue(forKey: slot) else {
            return watch.violate("abandon of code that is not going", self)
        }
        watch.codeGone(slot, self)
        let later = uptime + Int64.random(in: 0...scenario.unit, using: &random)
        plan(later, .deadWrite(code.run, task: code.task, attempt: code.attempt, code.fence))
    }

    private func ends(_ slot: RunSlot, _ plan: Int, _ result: AttemptResult) {
        guard let code = codes[slot] else {
            // Given up before: the planner must take no notice of it.
            return deliver([.ended(slot, result)])
        }
        guard code.plan == plan else { return }
        codes[slot] = nil
        watch.codeEnded(slot, code, result, self)
        deliver([.ended(slot, result)])
    }

    /// An attempt, dead or alive, tries to make something durable.
    func deadWrite(_ run: RunID, _ task: Int, _ attempt: Int, _ fence: Fence) {
        let checkpoint = AttemptCheckpoint(
            run: run, task: TaskID(Int64(task) + 1), fence: fence, at: Instant(milliseconds: wall),
            // The store knows a repeated one by what is in it.
            payload: AttemptPayload(state: ["payload": .string("\(payloads)")]))
        payloads += 1
        let (outcome, _) = store.apply(.checkpoint(checkpoint))
        keep(.commit([.checkpoint(checkpoint)], [outcome]))
        watch.wrote(run, attempt: attempt, accepted: outcome == .done, self)
    }

    // MARK: Wishes

    func trigger(_ name: String, dependents: Bool, group: UInt64?) -> PlannerEvent {
        token += 1
        let run = RunID(high: 1 << 60 | token, low: UInt64(epoch))
        watch.triggered(name, run: run, dependents: dependents, group: group, self)
        return .trigger(ManualTrigger(token: token, run: run, task: name, movesDependents: dependents, group: group))
    }

    func setPaused(_ name: String, _ isPaused: Bool) {
        guard uptime >= outageUntil else { return }
        store.setPaused(name, isPaused)
        keep(.setPaused(name, isPaused))
        deliver([.setPaused(task: name, isPaused)])
    }
}
