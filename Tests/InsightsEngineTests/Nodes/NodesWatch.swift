import InsightsPlugin

@testable import InsightsEngine

/// Watches nodes that share a store and holds them against the engine's promises, by rules of its own: it knows what the
/// store has applied, what code is going on where, and nothing of what any planner believes.
final class NodesWatch {
    private let scenario: NodesScenario
    private(set) var violations: [String] = []
    /// From here on nothing goes wrong any more.
    var calmSince: Int64 = .max
    private var executed: Set<String> = []
    /// By task: upstreams that succeeded since it last started, and for which instant.
    private var successes: [Int: [Int: Int64]] = [:]
    private var completedAt: [Int: Int64] = [:]
    /// By task: when each upstream last succeeded, whatever that was used for.
    private var lastSuccessAt: [Int: [Int: Int64]] = [:]
    /// When the task's last start after others was decided, and when each that is on its way was.
    private var lastDecidedAt: [Int: Int64] = [:]
    private var decidedAt: [RunID: Int64] = [:]
    private var startedAfter: [Int: [Int64]] = [:]
    private var successCounts: [Int: Int] = [:]
    /// Code that went on at the last look although its node's lease was over, since when.
    private var leaselessSince: [Int: Int64] = [:]
    /// A look at every task of every node is dear, and a node that errs about a task does so for longer than a moment.
    private var holdersCheckedAt: Int64 = .min / 2

    init(_ scenario: NodesScenario) { self.scenario = scenario }

    func violate(_ text: String, _ simulation: NodesSimulation) {
        violations.append("at \(simulation.uptime) ms: \(text)")
    }

    private func definition(_ task: Int) -> TaskDefinition { scenario.tasks[task] }

    // MARK: Writes

    func emitted(_ write: StoreWrite, _ node: SimulatedNode, _ simulation: NodesSimulation) {
        switch write {
        case .claim(let claim):
            // Machines whose clocks agree within a second schedule by their own.
            decidedAt[claim.run] = simulation.uptime
            if claim.occurrence != nil, claim.trigger == .cadence,
                claim.scheduledAt.milliseconds > simulation.wall + NodeClock.tolerance + 100
            {
                violate("an occurrence was claimed before its time", simulation)
            }
        case .skip(let skip): decidedAt[skip.run] = simulation.uptime
        case .start, .finish, .leave, .release, .answer, .checkpoint, .setPaused: break
        }
    }

    func applied(
        _ write: StoreWrite, _ outcome: WriteOutcome, isNew: Bool, _ node: SimulatedNode, _ simulation: NodesSimulation
    ) {
        guard isNew else { return }
        simulation.say(node, "applied \(short(write)): \(outcome)")
        switch write {
        case .claim(let claim):
            let task = ModelStore.task(claim.task)
            if outcome == .conflict {
                // An instant of `after` may have been skipped by the node of an upstream meanwhile.
                if claim.trigger != .after { violate("a claim of \(definition(task).name) was refused", simulation) }
            } else if claim.trigger == .after {
                start(task, claim.scheduledAt.milliseconds, claim.run, simulation)
            }
            if claim.clearsMarks, outcome != .conflict { clear(task) }
        case .skip(let skip):
            let task = ModelStore.task(skip.task)
            if skip.clearsMarks {
                start(task, skip.from.milliseconds, skip.run, simulation)
                clear(task)
            }
        case .finish(let finish):
            if outcome != .done { violate("an end was refused: \(outcome)", simulation) }
            guard case .final(.succeeded, _) = finish.disposition, let row = simulation.store.base.row(finish.run),
                row.movesDependents
            else { return }
            succeed(row.task, row.scheduledAt, simulation)
        case .start: if outcome == .conflict { violate("a start was refused", simulation) }
        case .checkpoint, .setPaused, .answer, .leave, .release: break
        }
    }

    private func short(_ write: StoreWrite) -> String {
        switch write {
        case .claim(let claim):
            "claim \(claim.run) \(scenario.tasks[ModelStore.task(claim.task)].name) "
                + "\(claim.scheduledAt.milliseconds - scenario.origin) \(claim.trigger)\(claim.starts ? " starts" : "")"
        case .start(let start): "start \(start.run) attempt \(start.attempt) fence \(start.fence)"
        case .finish(let finish):
            "finish \(finish.run) \(finish.disposition) fence \(finish.fence) marks \(finish.marks.count) skips \(finish.skips.count)"
        case .skip(let skip):
            "skip \(scenario.tasks[ModelStore.task(skip.task)].name) \(skip.from.milliseconds - scenario.origin)..."
                + "\(skip.until.milliseconds - scenario.origin) x\(skip.count) \(skip.reason)"
        case .release(let task): "release \(scenario.tasks[ModelStore.task(task)].name)"
        default: "\(write)"
        }
    }

    // MARK: After

    private func upstreams(_ task: Int) -> [Int] {
        guard case .after(let names) = definition(task).cadence else { return [] }
        return names.map { NodesScenario.names.firstIndex(of: $0)! }
    }

    private func succeed(_ upstream: Int, _ scheduledAt: Int64, _ simulation: NodesSimulation) {
        successCounts[upstream, default: 0] += 1
        for task in scenario.tasks.indices where upstreams(task).contains(upstream) {
            let known = successes[task]?[upstream] ?? .min
            let former = successes[task]?.values.max() ?? .min
            successes[task, default: [:]][upstream] = max(known, scheduledAt)
            lastSuccessAt[task, default: [:]][upstream] = simulation.uptime
            // What was complete for an instant that was skipped is complete for another now.
            let isOld = former <= simulation.store.base.tasks[task].last ?? .min
            if isComplete(task), completedAt[task] == nil || isOld { completedAt[task] = simulation.uptime }
        }
    }

    private func isComplete(_ task: Int) -> Bool {
        let needed = upstreams(task)
        return !needed.isEmpty && needed.allSatisfy { successes[task]?[$0] != nil }
    }

    /// A success that came while the last start was on its way to the store may count for that, or for the next.
    private func start(_ task: Int, _ instant: Int64, _ run: RunID, _ simulation: NodesSimulation) {
        startedAfter[task, default: []].append(instant)
        let before = lastDecidedAt[task] ?? -1
        lastDecidedAt[task] = decidedAt[run]
        let isComplete = upstreams(task).allSatisfy {
            lastSuccessAt[task]?[$0] ?? .min >= before - 5000 && lastSuccessAt[task]?[$0] != nil
        }
        if !isComplete { violate("\(definition(task).name) started before all that it comes after", simulation) }
        let rows = simulation.store.base.rows
        let isOfUpstream = rows.contains {
            upstreams(task).contains($0.task) && $0.scheduledAt == instant && $0.status == .succeeded
        }
        if !isOfUpstream { violate("\(definition(task).name) started for an instant of nobody", simulation) }
        let bound = upstreams(task).map { successCounts[$0] ?? 0 }.min() ?? 0
        if startedAfter[task]!.count > bound { violate("\(definition(task).name) followed twice", simulation) }
    }

    private func clear(_ task: Int) {
        successes[task] = [:]
        completedAt[task] = nil
    }

    // MARK: Code

    func executing(_ spec: AttemptSpec, _ node: SimulatedNode, _ simulation: NodesSimulation) {
        let name = spec.definition.name
        if !executed.insert("\(spec.run) \(spec.attempt)").inserted {
            violate("an attempt of \(name) was started twice", simulation)
        }
        // A node that another has just buried may have had its answer before.
        guard let number = node.number, simulation.store.isAlive(number) else { return }
        let row = simulation.store.base.row(spec.run)
        if row?.status != .running || row?.fence != spec.fence || row?.attempt != spec.attempt {
            violate("code of an attempt of \(name) that is not durable", simulation)
        }
        if node.codes.count >= scenario.concurrency { violate("more code than concurrency allows", simulation) }
        let going = simulation.nodes.filter { isAlive($0, simulation) }.flatMap(\.codes.values)
        if let group = spec.definition.settings.policy.group,
            going.count(where: { $0.group == group }) >= scenario.groups[group]!
        {
            violate("more code than the group allows", simulation)
        }
        if spec.definition.settings.policy.overlap != .allow,
            going.contains(where: { $0.spec.definition.name == name })
        {
            violate("\(name) runs beside itself", simulation)
        }
    }

    private func isAlive(_ node: SimulatedNode, _ simulation: NodesSimulation) -> Bool {
        node.number.map { simulation.store.isAlive($0) } ?? false
    }

    func checkpointed(_ spec: AttemptSpec, _ number: Int, isAccepted: Bool, _ simulation: NodesSimulation) {
        guard isAccepted, let row = simulation.store.base.row(spec.run) else { return }
        if !simulation.store.isAlive(number) { violate("a write of a dead node was taken", simulation) }
        if row.fence != spec.fence || row.status != .running {
            violate("a write of an older attempt was taken", simulation)
        }
    }

    // MARK: At every step

    func look(_ simulation: NodesSimulation) {
        for (task, node) in simulation.store.holders where taken[task]?.node != node {
            taken[task] = (simulation.uptime, node)
        }
        if simulation.uptime >= holdersCheckedAt + 20 {
            holdersCheckedAt = simulation.uptime
            checkHolders(simulation)
        }
        checkLeases(simulation)
        checkFollowers(simulation)
    }

    /// Whoever decides about a task holds it in the store, so nobody else does.
    private func checkHolders(_ simulation: NodesSimulation) {
        for node in simulation.nodes {
            guard let number = node.number, node.frozenUntil <= simulation.uptime,
                node.lease.isTrusted(at: simulation.uptime), let held = node.planner?.heldIDs()
            else { continue }
            // The planner's numbers are those of the store, as all registered the same.
            for task in held.map(ModelStore.task) where simulation.store.holders[task] != number {
                let name = simulation.store.base.tasks[task].name
                violate("node \(node.index) decides about \(name) without holding it", simulation)
            }
        }
    }

    /// No code goes on where the lease is over, but for the moment in which that is found out.
    private func checkLeases(_ simulation: NodesSimulation) {
        for node in simulation.nodes {
            guard !node.codes.isEmpty, let number = node.number, node.frozenUntil <= simulation.uptime,
                simulation.store.nodes[number].isDead || simulation.store.nodes[number].expiresAt < simulation.wall
            else {
                leaselessSince[node.index] = nil
                continue
            }
            let since = leaselessSince[node.index] ?? simulation.uptime
            leaselessSince[node.index] = since
            if simulation.uptime - since > 600 { violate("code goes on without a lease", simulation) }
        }
    }

    /// A follower whose time has come starts, once there is a node that could start it.
    private func checkFollowers(_ simulation: NodesSimulation) {
        guard calmSince < .max, simulation.uptime > calmSince + 60_000 else { return }
        for (task, at) in completedAt where simulation.uptime - max(at, calmSince + 60_000) > 10_000 {
            // An instant that was skipped with an upstream's failure is not run.
            let instant = successes[task]?.values.max()
            guard let instant, simulation.store.base.tasks[task].last ?? .min < instant else { continue }
            violate("\(definition(task).name) never followed", simulation)
        }
    }

    // MARK: Takeover

    /// Whoever took its tasks over may have been kept from its work in turn.
    private var failures: [Int64] = []
    /// By task, when which node took it last.
    private var taken: [Int: (at: Int64, node: Int)] = [:]

    /// The node is about to be kept from its work: what it has is others' within 30 s, if there is one all the while.
    func failed(_ node: SimulatedNode, _ simulation: NodesSimulation) {
        guard let number = node.number else { return }
        let at = simulation.uptime
        failures.append(at)
        let tasks = simulation.store.holders.filter { $0.value == number }.map(\.key).sorted()
        let entry = (process: node.process, lease: node.lease.entry)
        node.healthySince = nil
        simulation.plan(30_000) { [self] in
            // It was back in time, and still has its lease.
            if node.process == entry.process, node.lease.entry == entry.lease, simulation.store.isAlive(number) {
                return
            }
            let witness = simulation.nodes.contains {
                $0 !== node && $0.planner != nil && ($0.healthySince ?? .max) <= at
            }
            // Also this one, which may have been back in time and gone again: that has a check of its own.
            let isDisturbed = failures.contains { $0 > at }
            guard witness, !isDisturbed, simulation.storeAwayUntil < at else { return }
            for task in tasks {
                if taken[task].map({ $0.at <= at }) ?? true {
                    violate("\(definition(task).name) was not taken over within 30 s", simulation)
                }
            }
        }
    }

    func answered(_ answer: TriggerAnswer, _ simulation: NodesSimulation) {
        if case .accepted(let run) = answer, simulation.store.base.row(run) == nil {
            violate("a run was promised that is not durable", simulation)
        }
    }

    // MARK: At the end

    func checkEnd(_ simulation: NodesSimulation) {
        guard violations.isEmpty else { return }
        for row in simulation.store.base.rows where !row.status.isFinal {
            if row.scheduledAt < scenario.origin + calmSince {
                violate("a run of \(definition(row.task).name) never ended: \(row.status)", simulation)
            }
        }
        for task in scenario.tasks.indices { checkOccurrences(task, simulation) }
    }

    /// Every instant of the grid has one run or lies in one record, up to a moment ago.
    private func checkOccurrences(_ task: Int, _ simulation: NodesSimulation) {
        guard case .every(let every, _) = definition(task).cadence,
            let number = simulation.store.base.tasks.firstIndex(where: { $0.name == definition(task).name })
        else { return }
        let name = definition(task).name
        let rows = simulation.store.base.rows.filter { $0.task == number && $0.occurrence != nil }
            .sorted { $0.scheduledAt < $1.scheduledAt }
        var expected = simulation.store.base.tasks[number].registeredAt
        for row in rows {
            if row.scheduledAt > expected {
                return violate("\(name): an occurrence vanished at \(expected - scenario.origin)", simulation)
            }
            if row.scheduledAt < expected {
                return violate("\(name): an occurrence is told twice, or of none", simulation)
            }
            if row.until - row.scheduledAt != Int64(row.count - 1) * every {
                return violate("\(name): a record of \(row.count) spans another number", simulation)
            }
            expected = row.until + every
        }
        if expected < simulation.wall - every - 10_000 {
            violate("\(name) stopped at \(expected - scenario.origin)", simulation)
        }
    }
}
