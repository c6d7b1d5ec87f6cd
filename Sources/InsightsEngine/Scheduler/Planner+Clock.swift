internal import InsightsPlugin

/// What the clocks decide: when a task is due next, and what a step of the wall clock changes.
extension Planner {
    /// Compares the two clocks since the last event: elapsed time cannot step, so a difference is the wall's.
    mutating func noteClock() {
        defer { lastMoment = now }
        guard let last = lastMoment else { return }
        let elapsed = now.uptime - last.uptime
        let step = now.wall.milliseconds - last.wall.milliseconds - elapsed
        guard abs(step) >= Planner.step else { return }
        observe(.clockStepped(.milliseconds(step)))
        guard step < 0 else { return }
        // Decided by the former clock: what a grid that starts anew tells the store is for the next decision.
        startCandidates()
        startGridsAnew()
    }

    /// After the wall clock went back: tasks whose last occurrence lies too far ahead would wait for it in vain.
    private mutating func startGridsAnew() {
        // What falls due from here on did not fall due before the start.
        startedAt = startedAt.map { min($0, now.wall.milliseconds) }
        var hasChanged = false
        for task in Int32(0)..<Int32(definitions.count) {
            let flags = tasks[Int(task)].flags
            guard flags.contains(.held) else { continue }
            // A delayed task with `after` would wait for the clock that was wrong.
            if flags.contains(.follows) ? flags.contains(.isQueued) : aimIfAhead(task) { hasChanged = true }
        }
        if hasChanged { rebuildDueQueue() }
    }

    /// Sets the task's next occurrence from its last one: strictly after it, whenever that was decided.
    ///
    /// - Returns: Whether the last one lay so far ahead that the wall clock must have been wrong.
    @discardableResult
    mutating func aim(_ task: Int32) -> Bool {
        if aimIfAhead(task) { return true }
        let index = Int(task)
        let state = tasks[index]
        let cadence = definitions[index].cadence
        if state.last != PlannedTask.none {
            tasks[index].next = cadence.next(after: state.last, anchor: state.anchor)
            return false
        }
        switch cadence {
        case .every(_, let starting):
            // Never ran, so due at once: at the registration, or at the newest point of the grid of `starting`.
            let newest = starting.map { cadence.latest(at: now.wall.milliseconds, anchor: 0) ?? $0.milliseconds }
            tasks[index].next = newest ?? state.anchor
        case .cron: tasks[index].next = cadence.next(after: state.anchor, anchor: 0)
        case .after: break
        }
        return false
    }

    /// The rule for a clock that went back: more than an interval ahead, the grid of `every` starts anew at now
    /// (that of `starting` goes on from now); more than 3 h ahead, `cron` counts from now. Otherwise they wait.
    private mutating func aimIfAhead(_ task: Int32) -> Bool {
        let index = Int(task)
        let wall = now.wall.milliseconds
        let last = tasks[index].last
        let lead = (last != PlannedTask.none ? last : tasks[index].anchor).subtractingReportingOverflow(wall)
        guard !lead.overflow else { return false }
        switch definitions[index].cadence {
        case .every(let every, let starting):
            if starting != nil {
                guard last != PlannedTask.none, lead.partialValue > every else { return false }
                tasks[index].next = definitions[index].cadence.next(after: wall, anchor: 0)
            } else {
                guard lead.partialValue > every else { return false }
                // In step with the former grid it would meet instants that have a run already.
                let anchor = lead.partialValue % every == 0 ? wall + 1 : wall
                tasks[index].anchor = anchor
                tasks[index].last = PlannedTask.none
                tasks[index].next = anchor
            }
        case .cron(let schedule):
            guard lead.partialValue > Planner.cronLead else { return false }
            tasks[index].next = schedule.next(after: now.wall)?.milliseconds ?? PlannedTask.never
        case .after: return false
        }
        tasks[index].flags.insert(.isAnew)
        return true
    }

    /// When an occurrence is due, jitter included.
    func dueTime(_ task: Int32, _ occurrence: Int64) -> Int64 {
        guard tasks[Int(task)].flags.contains(.jittered), occurrence != PlannedTask.never else { return occurrence }
        let definition = definition(task)
        var bound = definition.settings.policy.jitter.wholeMilliseconds
        switch definition.cadence {
        case .every(let every, _): bound = min(bound, every - 1)
        case .cron(let schedule):
            if let next = schedule.next(after: Instant(milliseconds: occurrence)) {
                bound = min(bound, next.milliseconds - occurrence - 1)
            }
        case .after: break
        }
        return occurrence + Jitter.delay(task: definition.name, occurrence: occurrence, bound: bound)
    }

    /// - Complexity: O(*n*).
    mutating func rebuildDueQueue() {
        var entries: [DueEntry] = []
        if isSchedulerEnabled { entries.reserveCapacity(definitions.count) }
        for index in definitions.indices {
            guard let entry = dueEntry(Int32(index)) else {
                tasks[index].flags.remove(.isQueued)
                continue
            }
            tasks[index].flags.insert(.isQueued)
            entries.append(entry)
        }
        due = MinHeap(heapifying: entries)
    }

    /// The task's place in the queue, if time, or what it comes after, is to start it here.
    func dueEntry(_ task: Int32) -> DueEntry? {
        let (flags, next) = (tasks[Int(task)].flags, tasks[Int(task)].next)
        let isStarted = flags.contains(.follows) ? flags.contains(.isQueued) : isSchedulerEnabled
        guard isStarted, flags.isSuperset(of: [.enabled, .held]), !flags.contains(.leaving),
            next != PlannedTask.never
        else { return nil }
        let lead = flags.contains(.follows) ? max(0, next - now.wall.milliseconds) : 0
        return DueEntry(due: dueTime(task, next) - lead, task: task)
    }

    /// Puts the task's next occurrence into the place of the one at the head of the queue, which is its own.
    mutating func requeueFirst(_ task: Int32) {
        let next = tasks[Int(task)].next
        if next == PlannedTask.never {
            due.removeFirst()
            tasks[Int(task)].flags.remove(.isQueued)
        } else {
            due.replaceFirst(with: DueEntry(due: dueTime(task, next), task: task))
        }
    }

    mutating func fireTimers() {
        while let timer = timers.first, timer.due <= now.uptime {
            timers.remove(timer.slot)
            timeUp(timer.slot)
        }
    }
}
