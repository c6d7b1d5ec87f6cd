import InsightsPlugin

@testable import InsightsEngine

/// One seed: two to four nodes, each a planner in a single-threaded shell of its own, one store that they share, and what
/// can go wrong between them. The same seed gives the same simulation, to the letter.
///
/// Each shell does what the engine's does: events wait in an inbox, writes and what is asked between them go in order,
/// one commit at a time, and the lease is kept by the same ``LeaseKeeper``. Times are milliseconds; elapsed time is the
/// same for all, and the database's wall clock is the right one.
final class NodesSimulation {
    private struct Entry {
        var at: Int64
        var order: Int
        /// `nil`: of the world, which never stands still.
        var node: SimulatedNode?
        var process: Int
        var body: () -> Void
    }

    let scenario: NodesScenario
    let bug: NodesBug?
    let watch: NodesWatch
    var random: SplitMix64
    var store = SharedModel()
    private(set) var nodes: [SimulatedNode] = []
    private(set) var uptime: Int64 = 0
    private(set) var isCalm = false
    var storeAwayUntil: Int64 = 0
    var hangs = 0
    private var agenda: [Entry] = []
    private var order = 0
    private var token: UInt64 = 0
    /// Of a seed that is replayed: what happened, for people.
    var isTraced = false

    /// The database's wall clock.
    var wall: Int64 { scenario.origin + uptime }

    init(seed: UInt64, bug: NodesBug? = nil) {
        random = SplitMix64(seed: seed)
        scenario = NodesScenario(&random)
        self.bug = bug
        store.bug = bug
        watch = NodesWatch(scenario)
        nodes = scenario.skews.enumerated().map { SimulatedNode(index: $0, skew: $1) }
    }

    /// Runs to the end and tells which promises were broken.
    func run() -> [String] {
        for node in nodes.prefix(scenario.nodes) {
            let delay = random.chance(0.5) ? 0 : Int64.random(in: 0...20_000, using: &random)
            plan(delay) { [self] in start(node) }
        }
        for (at, fault) in scenario.faults { plan(at) { [self] in inflict(fault) } }
        advance(to: scenario.length)
        calmDown()
        advance(to: uptime + scenario.calm)
        watch.checkEnd(self)
        return watch.violations
    }

    private func calmDown() {
        // Nothing more is inflicted; who stands still comes back in its own time.
        isCalm = true
        advance(to: nodes.map(\.frozenUntil).max() ?? 0)
        storeAwayUntil = 0
        hangs = 0
        watch.calmSince = uptime
        for node in nodes {
            node.cutUntil = 0
            node.commitFault = nil
        }
        if !nodes.contains(where: { $0.planner != nil && !$0.isStopping }) { start(nodes[0]) }
    }

    // MARK: Time

    /// Does `body` after `delay`, for a node only if it has the same process then, and not while that stands still.
    func plan(_ delay: Int64, for node: SimulatedNode? = nil, _ body: @escaping () -> Void) {
        order += 1
        insert(Entry(at: uptime + delay, order: order, node: node, process: node?.process ?? 0, body: body))
    }

    private func insert(_ entry: Entry) {
        var (low, high) = (0, agenda.count)
        while low < high {
            let middle = (low + high) / 2
            if (agenda[middle].at, agenda[middle].order) > (entry.at, entry.order) {
                low = middle + 1
            } else {
                high = middle
            }
        }
        agenda.insert(entry, at: low)
    }

    private func advance(to end: Int64) {
        while watch.violations.isEmpty, var entry = agenda.last, entry.at <= end {
            agenda.removeLast()
            uptime = max(uptime, entry.at)
            if let node = entry.node {
                guard node.process == entry.process else { continue }
                if node.frozenUntil > uptime {
                    entry.at = node.frozenUntil
                    insert(entry)
                    continue
                }
            }
            entry.body()
            watch.look(self)
        }
        uptime = max(uptime, end)
    }

    func say(_ node: SimulatedNode?, _ text: @autoclosure () -> String) {
        if isTraced { print("\(uptime) \(node.map { "node \($0.index)" } ?? "world"): \(text())") }
    }

    // MARK: Processes

    func start(_ node: SimulatedNode) {
        guard node.planner == nil else { return }
        node.forget()
        say(node, "starts")
        ask(node, enter(node, former: nil)) { [self] number in
            guard let number else { return self.plan(1000) { [self] in start(node) } }
            entered(node, number, sentAt: uptime)
            let (tasks, now) = (scenario.tasks, wall(of: node))
            ask(node, { $0.register(tasks.map { TaskRegistration(name: $0.name, hash: $0.hash) }, at: now) }) {
                stored in
                guard let stored else { return self.plan(1000) { self.start(node) } }
                var configuration = PlannerConfiguration(schedulerEnabled: true, seed: self.random.next())
                configuration.isShared = true
                configuration.patience = .seconds(5)
                configuration.admissions = 4
                node.planner = Planner(configuration: configuration)
                node.healthySince = self.uptime
                self.post(node, [.manifest(self.scenario.manifest, stored)])
                self.chores(node)
            }
        }
    }

    func enter(_ node: SimulatedNode, former: Int?) -> (inout SharedModel) -> Int {
        let report = NodeReport(manifest: scenario.manifest.hash, running: 0, takesShare: true)
        return { [self] in $0.enter("node-\(node.index)-\(node.process)", former: former, report: report, at: wall) }
    }

    func entered(_ node: SimulatedNode, _ number: Int, sentAt: Int64) {
        node.number = number
        node.lease.entered(sentAt: sentAt - 20, duration: .milliseconds(lease))
        node.living = store.living(at: wall)
        noteClock(node)
        say(node, "is node number \(number)")
    }

    /// How long a node believes in a lease.
    private var lease: Int64 { bug == .longTrust ? 60_000 : SharedModel.lease }

    private func noteClock(_ node: SimulatedNode) {
        let difference = -node.skew + Int64.random(in: -20...20, using: &random)
        if bug != .ignoredClock { node.clockOffset = NodeClock.offset(for: difference, former: node.clockOffset) }
    }

    func wall(of node: SimulatedNode) -> Int64 { wall + node.skew + node.clockOffset }

    /// The process is no more, and its code with it.
    func die(_ node: SimulatedNode, restart: Bool = true) {
        say(node, "dies")
        node.forget()
        guard restart, node.index < scenario.nodes || isCalm else { return }
        plan(random.chance(0.3) ? 0 : Int64.random(in: 0...60_000, using: &random)) { [self] in start(node) }
    }

    // MARK: The store

    /// Asks the store for something: what is asked, and its answer, can get lost on the way.
    ///
    /// - Parameters:
    ///   - witness: Told the answer when it is given, whatever becomes of it then.
    ///   - then: Told `nil` when no answer came in time.
    func ask<Answer>(
        _ node: SimulatedNode, fault: NodeFault? = nil, _ body: @escaping (inout SharedModel) -> Answer,
        witness: @escaping (Answer) -> Void = { _ in },
        _ then: @escaping (Answer?) -> Void
    ) {
        func lose() { plan(Int64.random(in: 500...4000, using: &random), for: node) { then(nil) } }
        guard node.cutUntil <= uptime, storeAwayUntil <= uptime, fault != .commitFails else { return lose() }
        plan(Int64.random(in: 1...8, using: &random)) { [self] in
            let answer = body(&store)
            witness(answer)
            guard node.cutUntil <= uptime, fault != .answerLost else { return lose() }
            plan(Int64.random(in: 1...8, using: &random), for: node) { then(answer) }
        }
    }

    // MARK: The loop

    func post(_ node: SimulatedNode, _ events: [PlannerEvent]) {
        node.inbox += events
        guard !node.isLoopPlanned else { return }
        node.isLoopPlanned = true
        plan(Int64.random(in: 0...2, using: &random), for: node) { [self] in
            node.isLoopPlanned = false
            loop(node)
        }
    }

    private func loop(_ node: SimulatedNode) {
        guard node.planner != nil else { return }
        watchLease(node)
        let events = node.inbox + [.tick]
        node.inbox = []
        let now = Moment(wall: Instant(milliseconds: wall(of: node)), uptime: uptime)
        var actions: [PlannerAction] = []
        for event in events {
            if bug == .ignoredLoss, case .leaseLost = event {
                actions.append(.forgetWrites)
                continue
            }
            if case .held(let held) = event { say(node, "holds \(held.map(\.task.name))") }
            node.planner?.handle(event, at: now, into: &actions)
        }
        perform(actions, node)
        arm(node)
    }

    private func arm(_ node: SimulatedNode) {
        guard let wake = node.planner?.wake else { return }
        var next = uptime + 5000
        if let due = wake.uptime { next = min(next, due) }
        if let due = wake.wall { next = min(next, uptime + due.milliseconds - wall(of: node)) }
        node.tickPlan += 1
        let number = node.tickPlan
        plan(max(0, next - uptime), for: node) { [self] in
            if number == node.tickPlan { loop(node) }
        }
    }

    private func perform(_ actions: [PlannerAction], _ node: SimulatedNode) {
        let mayRun = node.lease.isTrusted(at: uptime)
        var unit = SimulatedNode.Unit()
        for action in actions {
            switch action {
            case .write(let write, let slot, let step):
                var write = write
                if bug == .forgottenMarks, case .finish(var finish) = write {
                    finish.marks.removeAll {
                        node.planner?.isHeld(store.base.tasks[ModelStore.task($0.task)].name) != true
                    }
                    write = .finish(finish)
                }
                watch.emitted(write, node, self)
                unit.writes.append((write, slot, step))
            case .execute(let slot, let spec): if mayRun { execute(slot, spec, node) }
            case .abort(let slot): abort(slot, node)
            case .abandon(let slot): node.codes[slot] = nil
            case .answer(_, let answer): watch.answered(answer, self)
            case .observe(let observation): say(node, "\(observation)")
            case .readNews(let stamp):
                if bug == .hastyNews {
                    // As it stands now, and not once what was decided is written.
                    let news = store.news(of: stamp.tasks)
                    plan(300, for: node) { [self] in
                        node.isAskingNews = false
                        post(node, [.news(news, node.planner?.stampOfNow ?? stamp)])
                    }
                    continue
                }
                unit.reading = .news(stamp)
                submit(unit, node)
                unit = SimulatedNode.Unit()
            case .forgetWrites:
                say(node, "forgets everything")
                unit = SimulatedNode.Unit()
                node.isWriterLost = false
                node.lease.forgot()
                if bug != .ignoredLoss { node.codes = [:] }
            case .drained:
                // What was written comes first.
                submit(unit, node)
                return leave(node)
            }
        }
        submit(unit, node)
    }

    private func leave(_ node: SimulatedNode) {
        say(node, "is drained")
        if let number = node.number, node.cutUntil <= uptime { store.bury(number) }
        die(node)
    }

    // MARK: Code

    private func execute(_ slot: RunSlot, _ spec: AttemptSpec, _ node: SimulatedNode) {
        watch.executing(spec, node, self)
        say(node, "runs \(spec.definition.name) \(spec.run) attempt \(spec.attempt) fence \(spec.fence)")
        node.codes[slot] = SimulatedNode.Code(spec: spec, group: spec.definition.settings.policy.group)
        if hangs > 0 {
            hangs -= 1
            return
        }
        let longest: Int64 = random.chance(0.2) ? 40_000 : 6000
        let isFailure = random.chance(0.2)
        let result: AttemptResult =
            isFailure
            ? .failed(RunError(code: "broken", message: "", isRetryable: random.chance(0.8))) : .succeeded(summary: nil)
        let delay = Int64.random(in: 0...longest, using: &random)
        plan(delay, for: node) { [self] in ends(slot, 0, result, node) }
        if random.chance(0.1) {
            // What it hands over meanwhile, or after it was given up.
            let number = node.number
            plan(Int64.random(in: 0...60_000, using: &random), for: node) { [self] in
                guard let number else { return }
                checkpoint(spec, number, node)
            }
        }
    }

    private func checkpoint(_ spec: AttemptSpec, _ number: Int, _ node: SimulatedNode) {
        let write = StoreWrite.checkpoint(
            AttemptCheckpoint(
                run: spec.run, task: spec.task, fence: spec.fence, at: Instant(milliseconds: wall),
                payload: AttemptPayload()))
        ask(
            node, { $0.commit(number, [write])?.first?.outcome },
            witness: { [self] in watch.checkpointed(spec, number, isAccepted: $0 == .done, self) }
        ) { _ in }
    }

    private func ends(_ slot: RunSlot, _ plan: Int, _ result: AttemptResult, _ node: SimulatedNode) {
        guard let code = node.codes[slot], code.plan == plan else { return }
        node.codes[slot] = nil
        post(node, [.ended(slot, result)])
    }

    private func abort(_ slot: RunSlot, _ node: SimulatedNode) {
        guard let code = node.codes[slot] else { return }
        node.codes[slot]?.plan += 1
        let isStubborn = random.chance(0.2)
        let delay = Int64.random(in: isStubborn ? 5001...9000 : 0...3000, using: &random)
        plan(delay, for: node) { [self] in ends(slot, code.plan + 1, .cancelled, node) }
    }

    // MARK: Wishes

    func nextToken() -> UInt64 {
        token += 1
        return token
    }
}

extension Planner {
    /// A stamp as if the question had been asked now: what a shell that pays no heed to order would make of an answer.
    fileprivate var stampOfNow: NewsStamp {
        NewsStamp(
            followers: Dictionary(
                chains.map { (tasks[Int($0.key)].id, $0.value.version) }, uniquingKeysWith: { first, _ in first }),
            pauses: pausesSet)
    }
}
