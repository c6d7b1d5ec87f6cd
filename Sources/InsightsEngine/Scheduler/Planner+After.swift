internal import InsightsPlugin

/// Tasks with `after`: what an upstream's end means to them.
extension Planner {
    /// Puts into a run's last write what tasks after it must learn with it: a mark for each when it succeeded, the
    /// skips down the chain when it did not.
    ///
    /// Atomic with the end, so that no crash can part them.
    mutating func tellDependents(
        of slot: Int32, _ status: RunStatus, _ reason: String?, in finish: inout AttemptFinish
    ) {
        let task = runs[slot].task
        guard task >= 0, runs[slot].flags.contains(.movesDependents), tasks[Int(task)].flags.contains(.isFollowed)
        else { return }
        if status == .succeeded {
            let scheduledAt = Instant(milliseconds: runs[slot].scheduledAt)
            finish.marks = followers(of: slot).map {
                AfterMark(task: tasks[Int($0)].id, upstream: tasks[Int(task)].id, scheduledAt: scheduledAt)
            }
        } else if status != .skipped || reason == SkipReason.upstreamFailed.rawValue {
            passFailure(of: slot)
            finish.skips = details[slot]?.skips ?? []
        }
    }

    /// The enabled tasks after the run's, less those that were triggered by hand together with it: these have a run
    /// of their own.
    private func followers(of slot: Int32) -> [Int32] {
        let members = details[slot].flatMap { manualGroups[$0.group] }?.members
        return (dependents[runs[slot].task] ?? []).filter {
            tasks[Int($0)].flags.contains(.enabled) && members?[$0] == nil
        }
    }

    /// `upstream_failed` passes down the chain, to each task once, at the instant of the run that failed: what other
    /// upstreams have had since stays for an occurrence to come.
    private mutating func passFailure(of slot: Int32) {
        guard details[slot]?.skips.isEmpty ?? true else { return }
        let members = details[slot].flatMap { manualGroups[$0.group] }?.members
        let occurrence = runs[slot].scheduledAt
        let at = Instant(milliseconds: occurrence)
        var skips: [SkipRecord] = []
        var labels: [TaskLabel] = []
        var reached: Set<Int32> = []
        var open = followers(of: slot)
        while let task = open.popLast() {
            guard reached.insert(task).inserted else { continue }
            open += (dependents[task] ?? []).filter {
                tasks[Int($0)].flags.contains(.enabled) && members?[$0] == nil
            }
            // Two upstreams that fail at one instant make one occurrence.
            if tasks[Int(task)].flags.contains(.held) {
                guard tasks[Int(task)].last != occurrence else { continue }
                noteFollower(task, at: occurrence)
            }
            skips.append(
                SkipRecord(
                    run: ids.next(at: now.wall), task: tasks[Int(task)].id, uses: settings(task).uses, trigger: .after,
                    from: at, until: at, count: 1, reason: .upstreamFailed, at: now.wall, clearsMarks: false,
                    startsAnew: takeAnew(task)))
            labels.append(label(task))
        }
        guard !skips.isEmpty else { return }
        details[slot, default: RunDetails()].skips = skips
        details[slot]?.skippedTasks = labels
    }

    /// A success is durable: tasks for which it was the last one missing are due.
    mutating func followSuccess(of slot: Int32) {
        let run = runs[slot]
        guard run.task >= 0, run.flags.contains(.movesDependents), tasks[Int(run.task)].flags.contains(.isFollowed)
        else { return }
        // Another's is told by the mark alone.
        for task in followers(of: slot) where tasks[Int(task)].flags.contains(.held) {
            guard let position = chains[task]?.upstreams.firstIndex(of: run.task) else { continue }
            let known = chains[task]?.marks[position] ?? PlannedTask.none
            chains[task]?.marks[position] = max(known, run.scheduledAt)
            considerFollower(task)
        }
    }

    /// Starts a task with `after` whose marks are complete, or puts it into the queue of what is due.
    mutating func considerFollower(_ task: Int32) {
        guard !tasks[Int(task)].flags.contains(.leaving) else { return }
        // Skipped already, with an upstream that failed at this instant: the marks stand for another.
        guard let occurrence = chains[task]?.occurrence, occurrence != tasks[Int(task)].last else { return }
        tasks[Int(task)].next = occurrence
        guard !tasks[Int(task)].flags.contains(.isQueued) else { return }
        let isDelayed = tasks[Int(task)].flags.contains(.jittered)
        guard isDelayed || !isStoreAvailable || isStopping else { return startFollower(task) }
        let delay = isDelayed ? dueTime(task, occurrence) - occurrence : 0
        tasks[Int(task)].flags.insert(.isQueued)
        due.insert(DueEntry(due: now.wall.milliseconds + delay, task: task))
    }

    /// Decides the occurrence of a task with `after` whose upstreams have all succeeded.
    mutating func startFollower(_ task: Int32) {
        let index = Int(task)
        let occurrence = tasks[index].next
        let fellDueBefore = tasks[index].flags.contains(.atStart)
        let policy = settings(task).policy
        tasks[index].flags.subtract([.isQueued, .atStart])
        tasks[index].next = PlannedTask.never
        guard occurrence != tasks[index].last else { return }
        chains[task]?.clear()
        noteChain(task)
        noteFollower(task, at: occurrence)
        if fellDueBefore, policy.onStart == .never || policy.catchUp == .none {
            skip(
                task, from: occurrence, until: occurrence, count: 1, .catchUp, trigger: .after, clearsMarks: true)
        } else {
            admit(task, occurrence, .after, clearsMarks: true)
        }
    }

    /// A task with `after` has no grid that could start anew: it goes back when its upstreams do, or when an older
    /// run of theirs ends late. Either way the instant is due, whatever record of skips may span it.
    private mutating func noteFollower(_ task: Int32, at occurrence: Int64) {
        let index = Int(task)
        tasks[index].flags.remove(.isNew)
        if occurrence < tasks[index].last { tasks[index].flags.insert(.isAnew) }
        tasks[index].last = max(tasks[index].last, occurrence)
    }

    /// Finds the upstreams of each task with `after`, keeping what is known of them.
    ///
    /// - Parameter marks: Of a task, the scheduled instants of its upstreams' successes.
    mutating func rebuildChains(marks: (Int32) -> [TaskID: Int64]) {
        chains = [:]
        dependents = [:]
        for index in definitions.indices {
            guard case .after(let names) = definitions[index].cadence else { continue }
            let task = Int32(index)
            let upstreams = names.compactMap { self.index(of: $0) }
            let known = marks(task)
            let chain = AfterChain(
                upstreams: upstreams, marks: upstreams.map { known[tasks[Int($0)].id] ?? PlannedTask.none })
            for upstream in upstreams {
                dependents[upstream, default: []].append(task)
                tasks[Int(upstream)].flags.insert(.isFollowed)
            }
            chains[task] = chain
            noteChain(task)
            queueComplete(task, chain)
        }
    }

    mutating func queueComplete(_ task: Int32, _ chain: AfterChain) {
        let index = Int(task)
        guard isSchedulerEnabled, tasks[index].flags.isSuperset(of: [.enabled, .held]),
            let occurrence = chain.occurrence,
            occurrence != tasks[index].last
        else {
            tasks[index].next = PlannedTask.never
            tasks[index].flags.subtract([.isQueued, .atStart])
            return
        }
        tasks[index].next = occurrence
        tasks[index].flags.insert(.isQueued)
    }
}
