package import InsightsPlugin

/// What a process decides about its planner.
package struct PlannerConfiguration: Sendable {
    /// Whether tasks start by cadence, and what an earlier process left goes on; runs by hand, and what follows
    /// those that ask for it, start in any case.
    package var isSchedulerEnabled: Bool
    /// For run ids and the jitter of retries; from the system's random source but in tests.
    package var seed: UInt64
    /// How long cancelled code may take to come back before it is given up. Longer than a program that ignores SIGTERM
    /// goes on (5 s until SIGKILL, and at most 2 s for what is left then): it is dead before its attempt is given up.
    package var patience: Duration = .seconds(8)
    /// Due runs that one call admits: a million that are due at once come in pieces, so that the first start while the
    /// last are still being decided, and none needs memory for all. At least 1; less in a simulation of few tasks.
    package var admissions = 2048

    package init(schedulerEnabled: Bool, seed: UInt64) {
        isSchedulerEnabled = schedulerEnabled
        self.seed = seed
    }
}

/// Decides what starts when, what is skipped and why, and what follows an attempt's end.
///
/// A pure state machine: events in, actions out. It has no clock, does no I/O, never waits, and its only
/// randomness is a generator of its own with a given seed, so that a year of scheduling can be simulated in
/// a second and repeated to the letter.
///
/// Order of events: ``PlannerEvent/manifest(_:_:)``, then ``PlannerEvent/recovered(_:)``, then a tick; what is
/// due is decided by ticks, and by the store's return. Every write that must not be torn from another comes
/// out of the same call. A late or doubled event is ignored.
///
/// Rules that the contract leaves open, decided here:
/// - An occurrence counts as *missed*, and `catch_up` decides, when a later one of the task is due as well, when
///   it is more than 30 s late (one arm of the timer), or when it fell due before this process or while the store
///   was away. The newest due occurrence of a task that never ran is not missed.
/// - Jitter is cut so that an occurrence never starts after the next one falls due.
/// - A run is *going*, for `overlap`, from its claim until its end is decided and its code is back or given up.
///   Replays of `catch_up: all`, the run of `on_start: always` and what `queue` and `replace` hold wait until
///   nothing of the task is going; under `allow`, replays wait for each other only.
/// - While a backlog is replayed, `replace` behaves like `queue`.
/// - An upstream's skip for `overlap`, `catch_up` or `paused` moves nothing; `upstream_failed` leaves marks as
///   they are, as the task has not started.
package struct Planner: Sendable {
    /// One arm of the timer in milliseconds: what is later than this was missed.
    static let arm: Int64 = 30_000
    /// From this on, in milliseconds, a difference of the two clocks is a step and not the discipline of the clock.
    static let step: Int64 = 1000
    /// How far the last occurrence of a `cron` task may lie ahead before the clock was wrong: 3 h, as in cron(8).
    static let cronLead: Int64 = 3 * 3_600_000
    /// What is done for this many runs at once is done for them together.
    static let many = 64
    /// How long, in milliseconds, the rest of so many waits for places that come free within ``lull`` of each other: a
    /// run that starts with its claim needs two writes, one that is claimed first and started later three.
    static let hold: Int64 = 1000
    static let lull: Int64 = 20
    /// How many lost attempts of a run are started again.
    static let lossLimit = 5

    let isSchedulerEnabled: Bool
    let patience: Int64
    let admissions: Int
    var ids: RunIDSource
    var random: SplitMix64

    /// Of the call that is being handled.
    var now = Moment(wall: Instant(milliseconds: 0), uptime: 0)
    var out = PlannerOutput()
    var lastMoment: Moment?

    /// Of the manifest in force, sorted by name; ``tasks`` begins with these, in this order.
    var definitions: [TaskDefinition] = []
    /// Of removed tasks that have runs left; ``tasks`` ends with these.
    var retired: [TaskDefinition] = []
    var tasks: [PlannedTask] = []
    var chains: [Int32: AfterChain] = [:]
    /// By upstream: the tasks that have it in their `after`.
    var dependents: [Int32: [Int32]] = [:]
    var groups: [PlaceGroup] = []
    var concurrency = 0
    var isOfOnePriority = true
    var placesTaken = 0

    var due = MinHeap<DueEntry>()
    var timers = TimerHeap()
    /// Wall time of the first manifest.
    var startedAt: Int64?
    /// Tasks whose `on_start: always` run is still to come.
    var extras: [Int32] = []
    /// What is due and not yet a run or a skip, from ``admitted`` on; empty once all is.
    var candidates: [Candidate] = []
    var admitted = 0
    /// Whether more was due than one call admits, and the uptime at which that was found.
    var isBulk = false
    var bulkSince: Int64 = 0
    /// Uptime at which a place last came free.
    var lastRelease = PlannedTask.none

    var runs = RunTable()
    var details: [Int32: RunDetails] = [:]
    /// By group, those without one first.
    var ready = [MinHeap<ReadyEntry>()]
    var readySequence: UInt32 = 0
    /// Entries in ``ready``, those of runs that were cancelled included.
    var readyCount = 0
    var manualGroups: [UInt64: ManualGroup] = [:]

    var isStoreAvailable = true
    var isStopping = false
    var hasDrained = false
    var attemptsGoing = 0
    var writesPending = 0
    /// Of those: claims, and starts of attempts.
    var startsPending = 0

    package init(configuration: PlannerConfiguration) {
        isSchedulerEnabled = configuration.isSchedulerEnabled
        patience = configuration.patience.wholeMilliseconds
        admissions = max(1, configuration.admissions)
        ids = RunIDSource(seed: configuration.seed)
        random = SplitMix64(seed: ~configuration.seed)
    }

    /// Takes one event and appends what is to be done, in order.
    ///
    /// - Parameter now: The present; wall time may step between calls, uptime may not go back.
    /// - Complexity: O(log *n*) for what concerns one run; O(*n*) in the number of tasks for a manifest and for a
    ///   clock that went back.
    package mutating func handle(_ event: PlannerEvent, at now: Moment, into output: inout PlannerOutput) {
        swap(&out, &output)
        self.now = now
        noteClock()
        switch event {
        case .tick, .settled, .ended: break
        // What fell due of a task that is no more, or has another cadence, would never be decided.
        case .manifest: finishBulk()
        // Nothing of it is written yet, so the next process finds it due.
        case .shutdown: dropCandidates()
        // Whatever else happens may change the tasks that these are of, or whether they may start at all.
        default: startCandidates()
        }
        switch event {
        case .tick:
            fireTimers()
            if candidates.isEmpty { startDue() } else { startPiece() }
        case .manifest(let manifest, let stored): take(manifest, stored)
        case .recovered(let unfinished): recover(unfinished)
        case .settled(let slot, let step, let outcome): settle(slot, step, outcome)
        case .ended(let slot, let result): end(slot, result)
        case .trigger(let trigger): start(byHand: trigger)
        case .cancel(let run):
            if let slot = runs.index(of: run) { cancel(slot, .operator) }
        case .setPaused(let task, let isPaused):
            if let index = index(of: task) { setPaused(index, isPaused) }
        case .leaseLost(let lost): for run in lost { giveUpLease(of: run) }
        case .storeAvailable(let isAvailable): noteStore(isAvailable)
        case .shutdown: isStopping = true
        case .graceOver: cutShort()
        }
        startReady()
        noteDrained()
        out.endEvent()
        swap(&out, &output)
    }

    /// Whether the next tick has more to do, however soon it comes.
    package var hasMore: Bool {
        if !candidates.isEmpty { return heldUntil == nil }
        return isBulk && isStoreAvailable && !isStopping && due.first.map { $0.due <= now.wall.milliseconds } ?? false
    }

    /// Whether many runs are about to start: the ends of others, which have only to be written, can wait.
    package var isStartingMany: Bool { startsPending >= Planner.many || candidates.count > Planner.many }

    /// Whether runs wait for a place, their group's perhaps, which the end of another frees.
    package var lacksPlaces: Bool { readyCount > 0 || placesTaken >= concurrency && !candidates.isEmpty }

    /// The uptime of the first deadline, retry or end of patience to come: what came of code before must be told before.
    package var nextTimer: Int64? { timers.first?.due }

    /// The earliest instants at which a tick changes something, by either clock; a past one asks for a tick now.
    package var wake: (wall: Instant?, uptime: Int64?) {
        let canStart = isStoreAvailable && !isStopping
        if let heldUntil { return (nil, min(heldUntil, timers.first?.due ?? heldUntil)) }
        let isDueNow = hasMore || !extras.isEmpty
        let wall = canStart ? (isDueNow ? now.wall.milliseconds : due.first?.due) : nil
        return (wall.map(Instant.init(milliseconds:)), timers.first?.due)
    }

    // MARK: Small words

    mutating func observe(_ observation: consuming Observation) { out.observe(observation) }

    func definition(_ task: Int32) -> TaskDefinition {
        let index = Int(task)
        return index < definitions.count ? definitions[index] : retired[index - definitions.count]
    }

    func settings(_ task: Int32) -> TaskSettings {
        let index = Int(task)
        return index < definitions.count
            ? definitions[index].settings : retired[index - definitions.count].settings
    }

    func label(_ task: Int32) -> TaskLabel {
        let index = Int(task)
        return TaskLabel(
            id: tasks[index].id,
            name: index < definitions.count ? definitions[index].name : retired[index - definitions.count].name)
    }

    /// The run's task, also when the manifest has none.
    func label(of slot: Int32) -> TaskLabel {
        let task = runs[slot].task
        return task >= 0 ? label(task) : TaskLabel(id: taskID(of: slot), name: details[slot]?.name ?? "")
    }

    /// The task of that name in the manifest in force, by bisection: a dictionary of a million names would cost
    /// more than all else that is kept of them.
    func index(of name: String) -> Int32? {
        var (low, high) = (0, definitions.count)
        while low < high {
            let middle = (low + high) / 2
            if definitions[middle].name < name { low = middle + 1 } else { high = middle }
        }
        return low < definitions.count && definitions[low].name == name ? Int32(low) : nil
    }
}
