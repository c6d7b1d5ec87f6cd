internal import InsightsPlugin

/// What an earlier process left without an end.
extension Planner {
    mutating func recover(_ unfinished: [UnfinishedRun]) {
        let slots = unfinished.map { takeOver($0) }
        guard isSchedulerEnabled else {
            for slot in slots { runs[slot].phase = .parked }
            return
        }
        let groups = regroup(slots)
        // What ends at once ends first: it must not let go on what is to be held back.
        let rest = zip(slots, unfinished).filter { resume($0, $1) }.map(\.0)
        for slot in rest {
            runs[slot].phase = .waiting
            linkWaiting(slot)
        }
        for slot in groups where runs[slot].phase == .waiting && runs[slot].attempt == 0 { holdBack(slot) }
        for task in Set(rest.map { runs[$0].task }).sorted() { promote(task) }
    }

    private mutating func takeOver(_ run: UnfinishedRun) -> Int32 {
        var flags: PlannedRun.Flags = []
        if run.occurrence != nil { flags.insert(.hasOccurrence) }
        if run.movesDependents { flags.insert(.movesDependents) }
        if run.trigger == .catchUp { flags.insert(.isReplay) }
        let task = index(of: run.name) ?? -1
        let slot = runs.insert(
            PlannedRun(
                id: run.run, task: task, scheduledAt: run.scheduledAt.milliseconds, trigger: run.trigger, flags: flags))
        runs[slot].fence = run.fence
        runs[slot].attempt = Int32(clamping: run.attempt)
        runs[slot].failures = Int32(clamping: run.failures)
        if task < 0 {
            details[slot, default: RunDetails()].name = run.name
            details[slot]?.taskID = run.task
        }
        return slot
    }

    /// - Returns: Whether the run goes on: then it is to wait for its task, the oldest first.
    private mutating func resume(_ slot: Int32, _ run: UnfinishedRun) -> Bool {
        let task = runs[slot].task
        let isGone = task < 0 || !tasks[Int(task)].flags.contains(.enabled)
        // What was asked for by hand goes on although its task is disabled, unless a shutdown cut it short.
        let isUnwanted = task < 0 || isGone && run.trigger != .manual
        switch run.status {
        case .interrupted where isGone || settings(task).policy.catchUp == .none:
            finish(slot, .final(.cancelled, reason: SkipReason.shutdown.rawValue))
            return false
        case .queued where isUnwanted:
            // It never started, so it is skipped rather than cancelled.
            finish(slot, .final(.skipped, reason: SkipReason.shutdown.rawValue))
            return false
        case .retrying where isUnwanted:
            finish(slot, .final(.cancelled, reason: task < 0 ? "removed" : "disabled"))
            return false
        case .running where task < 0:
            finish(slot, .final(.cancelled, reason: "lost"))
            return false
        case .running where settings(task).policy.onLost == .fail || run.losses > Planner.lossLimit:
            let error = RunError(
                code: "lost", message: "the process that ran it ended without a word", isRetryable: true)
            finish(slot, .final(.failed, reason: nil), error: error)
            return false
        case .running where isUnwanted:
            finish(slot, .final(.cancelled, reason: "lost"))
            return false
        case .retrying: runs[slot].mark = run.retryAt.map(uptime) ?? PlannedTask.none
        default: break
        }
        return true
    }

    /// Runs by hand of one instant were triggered together: those that have not started keep to `after` order.
    ///
    /// - Returns: The runs of all such groups.
    private mutating func regroup(_ slots: [Int32]) -> [Int32] {
        let manual = slots.filter { runs[$0].trigger == .manual && runs[$0].task >= 0 }
        let instants = Dictionary(grouping: manual) { runs[$0].scheduledAt }.filter { $1.count > 1 }
        let grouped = manual.filter { instants[runs[$0].scheduledAt] != nil }
        for slot in grouped { join(UInt64(bitPattern: runs[slot].scheduledAt) ^ 1 << 62, slot) }
        return grouped
    }

    /// Lets a member of a group wait for others of it, if it comes after any.
    private mutating func holdBack(_ slot: Int32) {
        guard !memberUpstreams(of: runs[slot].task, in: details[slot]?.group ?? 0).isEmpty else { return }
        unlink(slot)
        hold(slot)
    }
}
