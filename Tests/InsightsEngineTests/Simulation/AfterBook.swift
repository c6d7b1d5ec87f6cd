import InsightsEngine
import InsightsPlugin

/// A second opinion on `after`: which successes each task has had since it last started, and which failures it must
/// be told of, kept from what the store has applied.
struct AfterBook {
    private struct Success {
        var scheduledAt: Int64
        var at: Int64
        /// Counts what the store has applied.
        var order: Int
    }

    /// By task, by upstream.
    private var successes: [Int: [Int: [Success]]] = [:]
    private var order = 0
    private var lastDecided: [Int: Int64] = [:]
    private var decided: [Int: Set<Int64>] = [:]
    private var lastDecidedAt: [Int: Int64] = [:]
    /// By run, when its end was emitted: the tasks that follow it, and all down the chain.
    private var followers: [RunID: (direct: [Int], all: Set<Int>)] = [:]

    // MARK: Ends of upstreams

    mutating func ending(_ finish: AttemptFinish, _ book: RunBook.Book?, _ watch: PromiseWatch) {
        guard case .final = finish.disposition, let book, book.movesDependents else { return }
        let members = Set(watch.runs.members(with: finish.run).map(\.task))
        let direct = AfterBook.followers(of: book.task, watch.inForce).filter { !members.contains($0) }
        var all: Set<Int> = []
        var open = direct
        while let task = open.popLast() {
            guard all.insert(task).inserted else { continue }
            open += AfterBook.followers(of: task, watch.inForce).filter { !members.contains($0) && !all.contains($0) }
        }
        followers[finish.run] = (direct, all)
    }

    private static func followers(of task: Int, _ inForce: [Int: TaskDefinition]) -> [Int] {
        inForce.keys.sorted().filter { other in
            guard let definition = inForce[other], definition.settings.isEnabled,
                case .after(let names) = definition.cadence
            else { return false }
            return names.contains(Scenario.names[task])
        }
    }

    mutating func ended(
        _ finish: AttemptFinish, _ book: RunBook.Book?, _ watch: PromiseWatch, _ simulation: Simulation
    ) {
        guard case .final(let status, let reason) = finish.disposition, let book else { return }
        let expected = followers[finish.run] ?? ([], [])
        let told = Set(
            finish.skips.map { ModelStore.task($0.task) }.map { watch.number(simulation.store.tasks[$0].name) })
        guard status != .succeeded else {
            if !told.isEmpty { watch.violate("a success skips what follows", simulation) }
            order += 1
            for task in expected.direct {
                let success = Success(scheduledAt: book.scheduledAt, at: simulation.uptime, order: order)
                successes[task, default: [:]][book.task, default: []].append(success)
            }
            return
        }
        let isPassed = status != .skipped || reason == SkipReason.upstreamFailed.rawValue
        let due = isPassed ? expected.all : []
        for task in due.subtracting(told) where lastDecided[task] ?? .min < book.scheduledAt {
            watch.violate("\(Scenario.names[task]) was not told that it waits in vain", simulation)
        }
        if !told.isSubset(of: due) { watch.violate("upstream_failed where nothing failed", simulation) }
    }

    // MARK: Decisions

    mutating func decided(
        _ task: Int, _ decision: PromiseWatch.Decision, _ watch: PromiseWatch, _ simulation: Simulation
    ) {
        let name = Scenario.names[task]
        lastDecided[task] = max(lastDecided[task] ?? .min, decision.from)
        decided[task, default: []].insert(decision.from)
        guard decision.reason != .upstreamFailed else { return }
        let before = lastDecidedAt.updateValue(simulation.uptime, forKey: task) ?? -1
        if !decision.isCleared { watch.violate("\(name) kept its marks", simulation) }
        if decision.reason == .paused, !decision.fact.isPaused { watch.violate("\(name) was not paused", simulation) }
        if decision.reason == nil, decision.fact.isPaused { watch.violate("\(name) is paused", simulation) }
        if decision.reason == .overlap, !decision.fact.isGoing { watch.violate("\(name) overlaps nothing", simulation) }
        guard case .after(let names) = decision.fact.definition.cadence else {
            return watch.violate("\(name) follows nothing", simulation)
        }
        let lists = names.map { successes[task]?[watch.number($0)] ?? [] }
        // What was there at the last decision may have gone into it, when that was delayed.
        let fresh = lists.map { $0.filter { $0.at > before } }
        guard let last = AfterBook.end(of: decision.from, lists) ?? AfterBook.end(of: decision.from, fresh) else {
            return watch.violate("\(name) started before all that it comes after, or for another instant", simulation)
        }
        for upstream in names { successes[task]?[watch.number(upstream)]?.removeAll { $0.order <= last } }
    }

    /// Up to which success the occurrence at `instant` uses them up: it is due with the first success of the last
    /// upstream, and what comes before its start moves its instant.
    private static func end(of instant: Int64, _ lists: [[Success]]) -> Int? {
        guard lists.allSatisfy({ !$0.isEmpty }) else { return nil }
        let all = lists.flatMap { $0 }.sorted { $0.order < $1.order }
        let complete = lists.map { $0[0].order }.max()!
        return all.first { success in
            success.order >= complete && all.prefix { $0.order <= success.order }.map(\.scheduledAt).max() == instant
        }?.order
    }

    // MARK: Processes

    /// A claim that was applied uses up what had succeeded before it, also what the process was not told of any more.
    mutating func restarted() {
        followers = [:]
        for (task, at) in lastDecidedAt {
            for upstream in successes[task].map({ Array($0.keys) }) ?? [] {
                successes[task]?[upstream]?.removeAll { $0.at <= at }
            }
        }
    }

    mutating func reloaded() {}

    /// What a new process is told: each success since the last decision has left its mark.
    func checkMarks(_ watch: PromiseWatch, _ simulation: Simulation) {
        for (task, definition) in watch.inForce where definition.settings.isEnabled {
            guard case .after(let names) = definition.cadence,
                let row = simulation.store.tasks.first(where: { $0.name == definition.name })
            else { continue }
            for upstream in names {
                guard let newest = successes[task]?[watch.number(upstream)]?.map(\.scheduledAt).max() else { continue }
                let number = simulation.store.tasks.firstIndex { $0.name == upstream }
                if number.flatMap({ row.marks[$0] }) ?? .min < newest {
                    watch.violate("\(definition.name): the success of \(upstream) left no mark", simulation)
                }
            }
        }
    }

    /// Before the tasks are retired: nothing may wait whose time has come.
    func checkFollowed(_ watch: PromiseWatch, _ simulation: Simulation) {
        for (task, definition) in watch.inForce where definition.settings.isEnabled {
            guard case .after(let names) = definition.cadence else { continue }
            let known = names.map { successes[task]?[watch.number($0)] ?? [] }
            let latest = known.compactMap(\.last?.at).max() ?? 0
            // What was applied together with the last decision may have gone into it.
            let isOpen = known.allSatisfy { $0.contains { $0.at > lastDecidedAt[task] ?? -1 } }
            // An instant that was skipped with an upstream's failure is not run.
            let instant = known.flatMap { $0.map(\.scheduledAt) }.max()
            if isOpen, let instant, decided[task]?.contains(instant) != true,
                simulation.uptime - latest > scenarioSlack(watch)
            {
                watch.violate("\(definition.name) never followed", simulation)
            }
        }
    }

    private func scenarioSlack(_ watch: PromiseWatch) -> Int64 { watch.scenario.unit + 2000 }
}
