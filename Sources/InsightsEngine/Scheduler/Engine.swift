internal import Glibc
package import InsightsPlugin
package import Logging
internal import Synchronization

/// What a process decides about its engine.
package struct EngineConfiguration: Sendable {
    /// Whether tasks start by cadence, and what an earlier process left goes on.
    package var isSchedulerEnabled = true
    /// How long running attempts may go on after ``Engine/shutdown()``.
    package var grace: Duration = .seconds(30)
    package var version = "0.1.0"
    /// Told to the store; unique per process start.
    package var nodeName: String
    /// Where the manifest is looked for changes; `nil`: not at all (`insights run`).
    package var watchedPath: String?
    /// What that file was before the manifest to start with was read; `nil`: what it is when the engine is made.
    package var watchedSignature: FileSignature?
    /// Whether requests of other processes are answered (`serve`).
    package var answersRequests = true

    package init(nodeName: String) { self.nodeName = nodeName }
}

/// A manifest as it was read, or why it cannot be used.
package struct LoadedManifest: Sendable {
    package var manifest: Manifest?
    package var diagnostics: [Diagnostic]

    package init(manifest: Manifest?, diagnostics: [Diagnostic]) {
        self.manifest = manifest
        self.diagnostics = diagnostics
    }
}

/// What a person who watches is told.
package enum EngineObservation: Sendable {
    case observation(Observation)
    case progress(task: String, run: RunID, Progress)
}

/// The generic scheduler: a thin shell around ``Planner``.
///
/// Events go into an inbox; one loop, on a thread of its own, hands them to the planner and does what it
/// wants done. Writes go through ``StoreWriter`` in groups, module code runs on ``ModulePool``s, and both
/// answer with further events. So nothing here decides when or whether: it only carries.
package final class Engine: Daemon {
    /// What is in force and what is known, beside the planner.
    struct Knowledge {
        var manifest: Manifest
        var reloadProblem: String?
        var storeProblem: StoreError?
        /// Names of tasks, as of the last look.
        var tasksAtRisk: [String] = []
        var isStopping = false
        var hasStarted = false
        /// Uptime in milliseconds.
        var lastTick: Int64 = 0
        var nextToken: UInt64 = 1
        var waiters: [UInt64: CheckedContinuation<TriggerAnswer, Never>] = [:]
        /// Answers that came before somebody waited for them.
        var early: [UInt64: TriggerAnswer] = [:]
        var hasEnded = false
        /// Requests of other processes, by the token of their trigger.
        var requests: [UInt64: RequestID] = [:]
        var watched: [RunID: Bool] = [:]
        var observers: [UInt64: AsyncStream<EngineObservation>.Continuation] = [:]
        var dirtyLogs: [Attempt] = []
    }

    package let reader: any StoreReader
    package let registry: Registry
    let store: any Store
    let load: @Sendable () async -> LoadedManifest
    let configuration: EngineConfiguration
    let clock: any EngineClock
    /// Those of a store that several processes share.
    let shared: (any SharedStore)?
    let nodeClock: NodeClock?
    let sharing = Mutex(Sharing())
    let balancing = SingleFlight()
    let keepingLease = SingleFlight()
    let answeringRequests = SingleFlight()
    let commands: any CommandRunner
    let http: any HTTPAccess
    let logger: Logger
    let counters = EngineMetrics()
    let writer = StoreWriter()
    let knowledge: Mutex<Knowledge>
    let planner: Mutex<Planner>
    let inbox: EventInbox
    /// Ends when a shutdown begins.
    let untilShutdown: AsyncStream<Void>
    private let beginShutdown: AsyncStream<Void>.Continuation
    let reloads = ReloadDesk()
    let watch: ManifestWatch
    /// Keeps time; no module ever runs here.
    private let loopPool = ModulePool(core: 1, limit: 1)
    let waitingPool: ModulePool
    let blockingPool: ModulePool

    /// - Parameters:
    ///   - manifest: The one to start with.
    ///   - load: Reads it anew.
    ///   - commands: Runs programs for module code.
    ///   - http: Asks servers for it.
    package init(
        store: any Store, registry: Registry, manifest: Manifest, load: @escaping @Sendable () async -> LoadedManifest,
        configuration: EngineConfiguration, clock: any EngineClock, commands: any CommandRunner,
        http: any HTTPAccess = NoHTTP(), logger: Logger
    ) {
        self.store = store
        self.reader = store
        self.registry = registry
        self.load = load
        self.configuration = configuration
        shared = store as? any SharedStore
        nodeClock = shared.map { _ in NodeClock(clock) }
        self.clock = nodeClock ?? clock
        self.commands = commands
        self.http = http
        self.logger = logger
        let inbox = EventInbox()
        self.inbox = inbox
        (untilShutdown, beginShutdown) = AsyncStream.makeStream()
        watch = ManifestWatch(path: configuration.watchedPath, read: configuration.watchedSignature)
        knowledge = Mutex(Knowledge(manifest: manifest))
        var random = SystemRandomNumberGenerator()
        var plannerConfiguration = PlannerConfiguration(
            schedulerEnabled: configuration.isSchedulerEnabled, seed: random.next())
        plannerConfiguration.isShared = shared != nil
        planner = Mutex(Planner(configuration: plannerConfiguration))
        let processors = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
        waitingPool = ModulePool(core: processors, limit: 256, onDrained: { inbox.nudge() })
        blockingPool = ModulePool(core: min(256, max(4, manifest.concurrency)), limit: 512, niceness: 5)
    }

    deinit {
        loopPool.stop()
        waitingPool.stop()
        blockingPool.stop()
    }

    package var manifest: Manifest { knowledge.withLock { $0.manifest } }

    /// Takes the store, registers the manifest's tasks, and takes over what an earlier process left.
    ///
    /// - Throws: ``StoreError``, `alreadyRunning` among them; nothing runs then.
    package func start() async throws(StoreError) {
        let manifest = manifest
        let stored = try await takePart(manifest)
        post([.manifest(manifest, stored)])
        // A node among others takes tasks one by one, with what is left of them.
        if shared == nil { post([.recovered(try await store.recover())]) }
        let now = clock.moment.uptime
        knowledge.withLock { knowledge in
            knowledge.hasStarted = true
            knowledge.lastTick = now
        }
    }

    /// Takes the store, or enters among the nodes, and registers the tasks.
    ///
    /// A node that stands still for longer than its lease in the middle of this enters anew, a few times.
    private func takePart(_ manifest: Manifest) async throws(StoreError) -> [StoredTask] {
        var tries = 3
        while true {
            do throws(StoreError) {
                if let shared { try await enter(shared) } else { try await store.acquire(identity) }
                return try await store.register(manifest.tasks.map { TaskRegistration($0) }, at: clock.now)
            } catch {
                tries -= 1
                guard error.kind == .leaseLost, tries > 0 else { throw error }
            }
        }
    }

    /// Begins the graceful shutdown: nothing new starts, what runs has the grace period. May be called from
    /// anywhere, any number of times.
    package func shutdown() {
        let isFirst = knowledge.withLock { knowledge in
            defer { knowledge.isStopping = true }
            return !knowledge.isStopping
        }
        guard isFirst else { return }
        post([.shutdown])
        beginShutdown.finish()
    }

    /// Keeps time until a shutdown has drained; every attempt is over or given up when it returns.
    package func run() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.write() }
            group.addTask { await self.answerReloads() }
            for chore in chores { group.addTask { await self.repeatedly(every: chore.interval, chore.work) } }
            group.addTask { await self.keepGrace() }
            if let shared {
                group.addTask { await self.balance(shared) }
                group.addTask { await self.takeNotices(shared) }
            }
            let timer = group.addTaskUnlessCancelled(executorPreference: loopPool) { await self.loop() }
            if timer { await waitUntilStopped() }
            group.cancelAll()
        }
        await store.release()
    }

    // MARK: The loop

    func post(_ events: [PlannerEvent]) { inbox.post(events) }

    /// Ends the loop at once, whatever is left.
    func giveUp() { inbox.stop() }

    private func waitUntilStopped() async {
        let (stream, stop) = AsyncStream<Void>.makeStream()
        stopped.withLock { $0 = stop }
        if inbox.isStopped { stop.finish() }
        for await _ in stream {}
    }

    private let stopped = Mutex<AsyncStream<Void>.Continuation?>(nil)

    private func loop() async {
        // No event: every pass ends with a tick, after what came of attempts before.
        var timer = LoopTimer(clock: clock) { [inbox] in inbox.nudge() }
        var state = LoopState(services: services)
        for await _ in inbox.signal {
            if state.isBusy, !state.hasMore, !state.lacksPlaces, !state.isStartingMany { Engine.gather() }
            let now = clock.moment
            let holdsEnds = state.endsHold.isOn(
                at: now.uptime, isWanted: state.wantsEndsHeld(waitingPool), timer: state.nextTimer)
            guard inbox.take(&state.events, withEnds: !holdsEnds) else { break }
            forgetLogs(&state)
            state.output.removeAll()
            var wakeAt = planner.withLock { planner in
                for event in state.events { planner.handle(event, at: now, into: &state.output) }
                planner.handle(.tick, at: now, into: &state.output)
                state.hasMore = planner.hasMore
                state.isBusy = planner.attemptsGoing >= Planner.many
                state.isStartingMany = planner.isStartingMany
                state.lacksPlaces = planner.lacksPlaces
                state.nextTimer = planner.nextTimer
                return planner.wake
            }
            if let end = state.endsHold.end { wakeAt.uptime = min(wakeAt.uptime ?? .max, end) }
            knowledge.withLock { $0.lastTick = now.uptime }
            waitingPool.gathering { perform(&state) }
            if state.isDrained { break }
            // Ends that wait for nothing more are taken at once: nobody else calls for them.
            if state.hasMore || holdsEnds && !state.wantsEndsHeld(waitingPool) { inbox.nudge() }
            timer.arm(wakeAt, now: now)
        }
        timer.cancel()
        report(state.observations)
        for attempt in state.attempts { attempt?.close() }
        writer.close()
        inbox.stop()
        refuseWaiters()
        stopped.withLock { $0 }?.finish()
    }

    /// Lets events come together: a pass of the loop for each of thousands of ends would cost more than the runs.
    private static func gather() {
        var moment = timespec(tv_sec: 0, tv_nsec: 200_000)
        nanosleep(&moment, nil)
    }

    /// The loop's own memory.
    private struct LoopState {
        let services: AttemptServices
        /// Whether many attempts are going.
        var isBusy = false
        var isStartingMany = false
        var lacksPlaces = false
        /// Uptime of the planner's next timer.
        var nextTimer: Int64?
        var endsHold = EndsHold()
        /// Whether the planner has more to do at once.
        var hasMore = false
        var events: [PlannerEvent] = []
        var output = PlannerOutput()
        var observations: [Observation] = []
        /// By slot index.
        var attempts: [Attempt?] = []
        /// Attempts that are about to be handed to their pool.
        var waiting: [Attempt] = []
        /// Runs whose end, with what they handed over, is on its way to the store.
        var handedOver: Set<RunSlot> = []
        var isDrained = false

        /// How many observations are kept until nothing more is about to start.
        static let mostUntold = 16_384
        /// How many attempts come together to their pool, so that its threads are called for enough to do.
        static let mostWaiting = 256

        /// Whether many starts are to go before the ends of attempts, and none of them needs a place.
        func wantsEndsHeld(_ pool: ModulePool) -> Bool {
            !lacksPlaces && (isStartingMany || isBusy && pool.waitingAttempts >= Planner.many)
        }
    }

    /// Does what the planner wants, in order.
    private func perform(_ state: inout LoopState) {
        state.output.end()
        var writes = WriteCursor(state.output.units)
        state.output.units = []
        for step in state.output.steps {
            switch step {
            case .write:
                if let unit = writes.next() { writer.submit(unit) }
                if case .run(let slot, .finish) = writes.waiter { handOver(slot, to: &writes, &state) }
            case .execute: execute(&state)
            case .observe: break
            case .other: perform(state.output.others.removeFirst(), &writes, &state)
            }
        }
        if let unit = writes.last() { writer.submit(unit) }
        startWaiting(&state)
        state.observations.append(contentsOf: state.output.observations)
        // Telling of what has started makes what is about to start late as well.
        guard !state.isStartingMany || state.observations.count > LoopState.mostUntold else { return }
        report(state.observations)
        state.observations.removeAll(keepingCapacity: state.observations.count <= LoopState.mostUntold)
    }

    private func perform(_ action: PlannerAction, _ writes: inout WriteCursor, _ state: inout LoopState) {
        switch action {
        case .abort(let slot): attempt(slot, in: state)?.cancel()
        case .abandon(let slot): attempt(slot, in: state)?.close()
        case .answer(let token, let answer):
            // In the transaction of what was written last, the claim that it answers to.
            if let write = self.answer(token, answer) { writes.append(write) }
        case .readNews(let stamp):
            var unit = writes.take()
            unit.reading = readNews(stamp)
            writer.submit(unit)
        case .forgetWrites:
            _ = writes.take()
            state.handedOver.removeAll()
            forgotEverything()
        case .drained: state.isDrained = true
        case .write, .execute, .observe: break
        }
    }

    /// Puts what an attempt leaves into the write that ends it.
    private func handOver(_ slot: RunSlot, to writes: inout WriteCursor, _ state: inout LoopState) {
        guard let attempt = attempt(slot, in: state), !attempt.closeEmpty(), case .finish(var finish) = writes.write
        else { return }
        let succeeded = if case .final(.succeeded, _) = finish.disposition { true } else { false }
        guard let payload = attempt.takePayload(everything: succeeded) else { return }
        finish.payload = payload
        state.handedOver.insert(slot)
        writes.write = .finish(finish)
    }

    private func execute(_ state: inout LoopState) {
        let start = state.output.starts.removeFirst()
        let index = Int(start.slot.index)
        while state.attempts.count <= index { state.attempts.append(nil) }
        let isBlocking = start.spec.definition.settings.policy.isBlocking
        let attempt = Attempt(slot: start.slot, spec: start.spec, services: state.services)
        state.attempts[index] = attempt
        guard !isBlocking else { return blockingPool.start([attempt]) }
        state.waiting.append(attempt)
        // Some are executed while the rest is being made.
        if state.waiting.count == LoopState.mostWaiting { startWaiting(&state) }
    }

    private func startWaiting(_ state: inout LoopState) {
        waitingPool.start(state.waiting)
        state.waiting.removeAll(keepingCapacity: true)
    }

    /// What the store has taken is not needed a second time.
    private func forgetLogs(_ state: inout LoopState) {
        guard !state.handedOver.isEmpty else { return }
        for case .settled(let slot, .finish, let outcome) in state.events where state.handedOver.contains(slot) {
            if case .rejected = outcome { continue }
            attempt(slot, in: state)?.forgetLog()
            state.handedOver.remove(slot)
        }
    }

    private func attempt(_ slot: RunSlot, in state: LoopState) -> Attempt? { state.attempts.at(slot) }

    private var services: AttemptServices {
        AttemptServices(
            clock: clock, commands: commands, http: http, store: store, writer: writer, inbox: inbox, logger: logger,
            onLog: { [weak self] attempt in self?.knowledge.withLock { $0.dirtyLogs.append(attempt) } },
            onProgress: { [weak self] spec, progress in
                self?.broadcast(.progress(task: spec.definition.name, run: spec.run, progress))
            })
    }
}

extension [Attempt?] {
    /// The attempt that holds `slot`, unless the slot has another run by now.
    fileprivate func at(_ slot: RunSlot) -> Attempt? {
        guard Int(slot.index) < count, let attempt = self[Int(slot.index)], attempt.slot == slot else { return nil }
        return attempt
    }
}

/// Where in the planner's writes the engine is.
private struct WriteCursor {
    /// The units to come, the next one last.
    private var rest: [WriteUnit]
    private var unit = WriteUnit()
    /// How many of the unit's writes are the planner's, and which of them is the present one.
    private var count = 0
    private var position = 0

    init(_ units: [WriteUnit]) { rest = units.reversed() }

    /// Goes on to the next write.
    ///
    /// - Returns: The unit that is complete by that.
    mutating func next() -> WriteUnit? {
        position += 1
        guard position >= count else { return nil }
        let complete = last()
        unit = rest.removeLast()
        (count, position) = (unit.count, 0)
        return complete
    }

    /// The unit that is complete once no write follows.
    mutating func last() -> WriteUnit? {
        let unit = take()
        return unit.isEmpty ? nil : unit
    }

    /// Takes out the present unit, complete by what the planner wants before the next write.
    mutating func take() -> WriteUnit {
        defer { (unit, count, position) = (WriteUnit(), 0, 0) }
        return unit
    }

    var waiter: WriteUnit.Waiter { unit.waiters[position] }

    var write: StoreWrite {
        get { unit.writes[position] }
        set { unit.replace(position, with: newValue) }
    }

    /// Adds a write to the present unit.
    mutating func append(_ write: StoreWrite) { unit.append(write) }
}

extension TaskRegistration {
    init(_ definition: TaskDefinition, isNew: Bool = true) {
        self.init(name: definition.name, hash: definition.hash, isNew: isNew)
    }
}

/// Wakes the loop at the planner's next instant, and every five seconds at the latest: so that a stepped
/// clock is noticed within one arm, and that the loop's own pulse can be told from a standstill.
private struct LoopTimer {
    private static let longestArm: Int64 = 5000
    private let clock: any EngineClock
    private let fire: @Sendable () -> Void
    private var armedUptime: Int64?
    private var sleeper: Task<Void, Never>?

    init(clock: any EngineClock, fire: @escaping @Sendable () -> Void) {
        self.clock = clock
        self.fire = fire
    }

    mutating func arm(_ wake: (wall: Instant?, uptime: Int64?), now: Moment) {
        var due = now.uptime + LoopTimer.longestArm
        if let uptime = wake.uptime { due = min(due, uptime) }
        if let wall = wake.wall { due = min(due, now.uptime + max(0, wall.milliseconds - now.wall.milliseconds)) }
        if let armedUptime, armedUptime <= due, armedUptime > now.uptime { return }
        sleeper?.cancel()
        armedUptime = due
        // Unstructured, as it is cancelled by itself; it holds nothing but the way to the inbox.
        sleeper = Task { [clock, fire] in
            do {
                try await clock.sleep(untilUptime: due)
                fire()
            } catch {
                // Cancelled: armed anew, or the loop has ended.
            }
        }
    }

    mutating func cancel() { sleeper?.cancel() }
}
