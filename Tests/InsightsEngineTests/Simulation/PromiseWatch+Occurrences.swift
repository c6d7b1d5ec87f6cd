import InsightsEngine
import InsightsPlugin

/// Occurrences, recomputed: each ends as one run or in one skip, none is doubled, lost or invented.
///
/// What was decided of a task is read in the order in which the store took it. Each decision must begin exactly
/// where the one before ended; only a clock that went back, or a task that was not there, excuses a leap.
extension PromiseWatch {
    func checkOccurrences(at simulation: Simulation) {
        guard violations.isEmpty, simulation.planner != nil else { return }
        for (task, log) in decisions.enumerated() where task < scenario.tasks.count {
            guard case .after = scenario.tasks[task].cadence else {
                check(task, log, simulation)
                continue
            }
        }
        after.checkFollowed(self, simulation)
    }

    func checkEnds(_ simulation: Simulation) {
        guard violations.isEmpty else { return }
        runs.checkEnds(self, simulation)
    }

    private func check(_ task: Int, _ log: [Decision], _ simulation: Simulation) {
        let registered = simulation.store.tasks.first { $0.name == Scenario.names[task] }?.registeredAt
        guard let registered else { return }
        var last: Int64?
        var lastStored: Int64?
        var lastUptime: Int64 = 0
        var firstTurn: Int?
        for (index, decision) in log.enumerated() {
            // A refused claim leaves no trace for the next process, but that the task went back to it.
            if index > 0, log[index - 1].fact.epoch != decision.fact.epoch { last = lastStored }
            let grid = OracleGrid(decision.fact.definition.cadence)
            let name = decision.fact.definition.name
            let expected = starts(task, grid, after: last, registered, from: lastUptime, to: decision.fact.uptime)
            if !expected.contains(decision.from) {
                let wanted = expected.map { "\($0 - scenario.origin)" }.joined(separator: " or ")
                let actual = "\(decision.from - scenario.origin) at \(decision.fact.uptime)"
                violate("\(name): \(actual) was decided instead of \(wanted)", simulation)
            }
            let count = grid.count(from: decision.from, through: decision.until)
            if count != decision.count || !grid.contains(decision.until, anchor: decision.from) {
                violate("\(name): \(decision.count) occurrences are told of \(count)", simulation)
            }
            if last == nil { firstTurn = decision.fact.turn }
            checkTime(grid, decision, isFirst: last == nil, simulation)
            // Before the last one: the grid started anew, and nothing of before is due.
            let isAnew = last.map { decision.from < $0 } ?? false
            let isNew = firstTurn == decision.fact.turn && !grid.isCron
            checkPolicy(grid, log, index, isNew: isNew, isAnew: isAnew, simulation)
            last = decision.until
            if !decision.isRefused || decision.startsAnew { lastStored = last }
            lastUptime = decision.fact.uptime
        }
        checkTail(task, last, registered, lastUptime, simulation)
    }

    /// Where the next decision may begin.
    private func starts(
        _ task: Int, _ grid: OracleGrid, after last: Int64?, _ registered: Int64, from: Int64, to: Int64
    ) -> Set<Int64> {
        var starts: Set<Int64> = []
        let notices = notices.filter { $0.uptime >= from && $0.uptime <= to }
        if let last { starts.insert(grid.next(after: last)) }
        // Anew, for a clock that went back.
        let base = last ?? registered
        for notice in notices where base - notice.wall > grid.patience {
            if grid.isMovable {
                starts.formUnion([notice.wall, notice.wall + 1])
            } else if last != nil || grid.isCron {
                starts.insert(grid.next(after: notice.wall))
            }
        }
        if last == nil {
            if grid.isMovable {
                starts.insert(registered)
            } else if grid.isCron {
                starts.insert(grid.next(after: registered))
            } else {
                for notice in notices { starts.insert(grid.latest(at: notice.wall) ?? grid.next(after: notice.wall)) }
            }
        }
        for revival in revivals[task] where revival.uptime >= from && revival.uptime <= to {
            starts.insert(grid.isMovable && last == nil ? revival.wall : grid.firstOfRevival(revival.wall, last))
        }
        return starts
    }

    /// Never early; not late either, unless something was in the way.
    private func checkTime(
        _ grid: OracleGrid, _ decision: Decision, isFirst: Bool, _ simulation: Simulation
    ) {
        let delay = jitter(decision.fact.definition, decision.until)
        let late = decision.fact.wall - decision.until - delay
        let name = decision.fact.definition.name
        // What waited for its turn was due by the clock of before it went back.
        if late < 0, !decision.fact.wasInBulk { violate("\(name) was decided \(-late) ms early", simulation) }
        if !isFirst, decision.fact.calmFor > late + 1000, late > 1000 {
            violate("\(name) was decided \(late) ms late for no reason", simulation)
        }
        if let lateness = decision.lateness, lateness != max(0, late) {
            violate("\(name) tells a lateness of \(lateness) ms, it is \(late)", simulation)
        }
    }

    private func checkPolicy(
        _ grid: OracleGrid, _ log: [Decision], _ index: Int, isNew: Bool, isAnew: Bool, _ simulation: Simulation
    ) {
        let decision = log[index]
        let policy = decision.fact.definition.settings.policy
        let name = decision.fact.definition.name
        let late = decision.fact.wall - decision.until - jitter(decision.fact.definition, decision.until)
        let next = grid.next(after: decision.until)
        let isFollowedByDue = next + jitter(decision.fact.definition, next) <= decision.fact.wall
        let isFirstOfProcess = index == 0 || log[index - 1].fact.epoch != decision.fact.epoch
        let isFromBefore = !isAnew && isFirstOfProcess && decision.fact.wall - late <= wallOfStart(decision)
        let isMissed =
            late > 30_000 || isFollowedByDue || isFromBefore || decision.fact.isAfterOutage
            || decision.count > 1 || hasSibling(log, index)
        switch decision.reason {
        case .paused:
            if !decision.fact.isPaused { violate("\(name) was not paused", simulation) }
        case .overlap:
            if policy.overlap != .skip || !decision.fact.isGoing {
                violate("\(name) overlaps nothing at \(decision.fact.uptime)", simulation)
            }
        case .catchUp:
            if !isMissed { violate("\(name) was skipped although it is on time", simulation) }
            let isRun = policy.catchUp != CatchUp.none && policy.onStart != .never
            let isAlone = index + 1 >= log.count || log[index + 1].fact.turn != decision.fact.turn
            if isRun, isAlone, !decision.fact.isInBulk {
                violate("\(name): the newest missed occurrence was skipped at \(decision.fact.uptime)", simulation)
            }
        case .upstreamFailed, .shutdown: violate("\(name): a wrong reason", simulation)
        case nil:
            // What waited for its turn was due before the pause.
            if decision.fact.isPaused, !decision.fact.wasInBulk { violate("\(name) is paused", simulation) }
            // What was decided on time, and waited for its turn while the clock jumped, was on time.
            if decision.trigger == .cadence, isMissed, !isNew, !decision.fact.wasInBulk {
                violate("\(name) was missed by \(late) ms, and called on time at \(decision.fact.uptime)", simulation)
            }
            if decision.trigger == .catchUp, policy.catchUp == CatchUp.none {
                violate("\(name) catches up", simulation)
            }
        }
        checkStorm(log, index, simulation)
    }

    private func hasSibling(_ log: [Decision], _ index: Int) -> Bool {
        let turn = log[index].fact.turn
        return index > 0 && log[index - 1].fact.turn == turn
            || index + 1 < log.count && log[index + 1].fact.turn == turn
    }

    /// Wall time at the start of the process, or what a clock that went back since then made of it.
    private func wallOfStart(_ decision: Decision) -> Int64 {
        let since = notices.filter { $0.uptime <= decision.fact.uptime }
        guard let start = since.lastIndex(where: { startsOfProcesses.contains($0.uptime) }) else { return .min }
        return since[start...].map(\.wall).min() ?? .min
    }

    /// However much was missed, it is decided once and within bounds.
    private func checkStorm(_ log: [Decision], _ index: Int, _ simulation: Simulation) {
        let decision = log[index]
        guard !isWithFormer(log, index) else { return }
        let following = log.indices[(index + 1)...].prefix { isWithFormer(log, $0) }
        let runs = ([index] + following).count { log[$0].reason == nil }
        let policy = decision.fact.definition.settings.policy
        let bound = policy.catchUp == .all ? policy.catchUpLimit : 1
        if runs > bound {
            violate("\(decision.fact.definition.name): \(runs) runs at once, at \(decision.fact.uptime)", simulation)
        }
    }

    /// Whether it was decided as one with what was decided before it: in one turn, and by one clock. What had waited for
    /// its turn when the clock went back was decided by the clock of before, and the first of a grid anew is none of it.
    private func isWithFormer(_ log: [Decision], _ index: Int) -> Bool {
        guard index > 0, log[index - 1].fact.turn == log[index].fact.turn else { return false }
        return !log[index].fact.wasInBulk || log[index].from >= log[index - 1].until
    }

    /// At the end nothing is due and undecided.
    private func checkTail(
        _ task: Int, _ last: Int64?, _ registered: Int64, _ lastUptime: Int64, _ simulation: Simulation
    ) {
        guard let definition = inForce[task], definition.settings.isEnabled else { return }
        let grid = OracleGrid(definition.cadence)
        let starts = starts(task, grid, after: last, registered, from: lastUptime, to: simulation.uptime)
        let revived = revivals[task].contains { $0.uptime >= lastUptime }
        let anew = notices.contains { $0.uptime >= lastUptime && (last ?? registered) - $0.wall > grid.patience }
        // With a leap behind it the task may wait for either instant; without one there is exactly one.
        let next = revived || anew ? starts.max() : starts.min()
        guard let next, next + jitter(definition, next) < simulation.wall - 2000 else { return }
        violate("\(definition.name): nothing became of \(next - scenario.origin)", simulation)
    }

    /// FNV-1a of the name and SplitMix64, written down a second time.
    func jitter(_ definition: TaskDefinition, _ occurrence: Int64) -> Int64 {
        let grid = OracleGrid(definition.cadence)
        let bound = min(
            definition.settings.policy.jitter.wholeMilliseconds, grid.next(after: occurrence) - occurrence - 1)
        guard bound > 0 else { return 0 }
        var state = definition.name.utf8.reduce(14_695_981_039_346_656_037 as UInt64) {
            ($0 ^ UInt64($1)) &* 1_099_511_628_211
        }
        state ^= UInt64(bitPattern: occurrence)
        state &+= 0x9E37_79B9_7F4A_7C15
        state = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
        state = (state ^ (state >> 27)) &* 0x94D0_49BB_1331_11EB
        return Int64((state ^ (state >> 31)) % UInt64(bound + 1))
    }
}

/// The occurrences of a cadence, by plain arithmetic.
struct OracleGrid {
    private let every: Int64
    private let starting: Int64?
    private let table: CronTable?

    init(_ cadence: Cadence) {
        switch cadence {
        case .every(let every, let starting): (self.every, self.starting, table) = (every, starting?.milliseconds, nil)
        case .cron(let schedule): (every, starting, table) = (0, nil, CronTable.table(of: schedule))
        case .after: (every, starting, table) = (0, nil, nil)
        }
    }

    /// The grid of `every` without `starting` goes on from wherever the last occurrence was.
    var isMovable: Bool { table == nil && starting == nil }
    var isCron: Bool { table != nil }
    /// How far ahead a last occurrence may lie before the clock was wrong.
    var patience: Int64 { isCron ? 3 * 3_600_000 : every }

    func next(after last: Int64) -> Int64 {
        if let table { return table.next(after: last) }
        guard let starting else { return last + every }
        return last < starting ? starting : last + every - (last - starting) % every
    }

    func latest(at instant: Int64) -> Int64? {
        if let table { return table.latest(at: instant) }
        guard let starting else { return instant }
        return instant < starting ? nil : instant - (instant - starting) % every
    }

    func count(from first: Int64, through last: Int64) -> Int {
        if let table { return table.count(from: first, through: last) }
        return Int((last - first) / every) + 1
    }

    func contains(_ instant: Int64, anchor: Int64) -> Bool {
        if let table { return table.contains(instant) }
        return (instant - (starting ?? anchor)) % every == 0
    }

    /// The first occurrence of a task that was enabled, or came back, at `wall`.
    func firstOfRevival(_ wall: Int64, _ last: Int64?) -> Int64 {
        guard isMovable, let last else {
            return last == nil && !isCron ? latest(at: wall) ?? next(after: wall) : next(after: max(wall, last ?? wall))
        }
        return last > wall ? last + every : last + ((wall - last) / every + 1) * every
    }
}
