internal import InsightsPlugin

/// Who may start: `overlap` within a task, places among all of them.
extension Planner {
    /// A run that is about to be claimed.
    struct NewRun {
        var task: Int32
        var scheduledAt: Int64
        var trigger: Trigger
        var flags: PlannedRun.Flags
        var id: RunID?
        var clearsMarks = false
    }

    /// What a claimed run does next.
    enum Admission {
        /// Starts with its claim if there is a place, else as soon as there is one.
        case startable
        /// Waits for runs of its task.
        case waiting
        /// Waits for members of its group.
        case held
    }

    /// Makes a run, or a skip, of an occurrence that is due.
    mutating func admit(_ task: Int32, _ occurrence: Int64, _ trigger: Trigger, clearsMarks: Bool = false) {
        let run = NewRun(
            task: task, scheduledAt: occurrence, trigger: trigger, flags: [.hasOccurrence, .movesDependents],
            clearsMarks: clearsMarks)
        if tasks[Int(task)].flags.contains(.paused) {
            skip(
                task, from: occurrence, until: occurrence, count: 1, .paused, trigger: trigger,
                clearsMarks: clearsMarks)
        } else if !tasks[Int(task)].isGoing {
            claim(run, .startable)
        } else if settings(task).policy.overlap == .skip {
            skip(
                task, from: occurrence, until: occurrence, count: 1, .overlap, trigger: trigger,
                clearsMarks: clearsMarks)
        } else {
            claim(run, makeWay(in: task))
        }
    }

    /// Settles a task's former runs with one that is due while they go on, as `overlap` says.
    mutating func makeWay(in task: Int32) -> Admission {
        switch settings(task).policy.overlap {
        case .allow: return .startable
        case .skip: return tasks[Int(task)].isGoing ? .waiting : .startable
        case .queue: endHeld(of: task, .displaced)
        case .replace:
            if hasBacklog(task) {
                endHeld(of: task, .displaced)
            } else {
                endHeld(of: task, .replaced)
                for slot in list(from: tasks[Int(task)].live) { cancel(slot, .replaced) }
            }
        }
        return tasks[Int(task)].isGoing ? .waiting : .startable
    }

    /// Ends what waits for the task's going run, but neither replays nor the run of `on_start`.
    private mutating func endHeld(of task: Int32, _ cause: CancelCause) {
        for slot in list(from: tasks[Int(task)].waiting) {
            let run = runs[slot]
            if !run.flags.contains(.isReplay), run.trigger != .start, run.attempt == 0 { cancel(slot, cause) }
        }
    }

    private func hasBacklog(_ task: Int32) -> Bool {
        let state = tasks[Int(task)]
        return (list(from: state.live) + list(from: state.waiting)).contains { runs[$0].flags.contains(.isReplay) }
    }

    /// Takes a run into the books and writes its claim.
    @discardableResult
    mutating func claim(_ new: NewRun, _ admission: Admission) -> Int32 {
        let task = Int(new.task)
        let id = new.id ?? ids.next(at: now.wall)
        let starts =
            admission == .startable && isStoreAvailable && !isStopping && hasPlace(new.task) && !isOutranked(new)
        let slot = runs.insert(
            PlannedRun(
                id: id, task: new.task, scheduledAt: new.scheduledAt, trigger: new.trigger,
                flags: starts ? new.flags.union(.startsWithClaim) : new.flags))
        switch admission {
        case .startable: linkLive(slot)
        case .waiting: linkWaiting(slot)
        case .held: break
        }
        if starts { takePlace(slot) }
        let settings = settings(new.task)
        let claim = Claim(
            run: id, task: tasks[task].id, uses: settings.uses,
            occurrence: new.flags.contains(.hasOccurrence) ? Instant(milliseconds: new.scheduledAt) : nil,
            scheduledAt: Instant(milliseconds: new.scheduledAt), trigger: new.trigger,
            attempts: settings.policy.retry.attempts, at: now.wall, starts: starts,
            lateness: starts ? lateness(of: slot) : nil,
            movesDependents: new.flags.contains(.movesDependents), clearsMarks: new.clearsMarks,
            startsAnew: new.flags.contains(.hasOccurrence) && takeAnew(new.task))
        write(.claim(claim), slot, .claim)
        return slot
    }

    mutating func write(_ write: consuming StoreWrite, _ slot: Int32, _ step: WriteStep) {
        writesPending += 1
        if step != .finish { startsPending += 1 }
        out.write(write, .run(runs.name(of: slot), step))
    }

    /// The first start less the scheduled instant and its jitter; never negative, as a clock may have gone back.
    func lateness(of slot: Int32) -> Duration {
        let run = runs[slot]
        let isScheduled = run.flags.contains(.hasOccurrence) && run.trigger != .after
        let due = isScheduled ? dueTime(run.task, run.scheduledAt) : run.scheduledAt
        return .milliseconds(max(0, now.wall.milliseconds - due))
    }

    // MARK: Within a task

    /// Lets the oldest waiting runs of a task go on, as far as nothing of the task stands in their way.
    mutating func promote(_ task: Int32) {
        guard task >= 0 else { return }
        while tasks[Int(task)].waiting >= 0 {
            let slot = tasks[Int(task)].waiting
            guard runs[slot].phase == .waiting, !isBlocked(slot) else { return }
            unlink(slot)
            activate(slot)
        }
    }

    private func isBlocked(_ slot: Int32) -> Bool {
        let state = tasks[Int(runs[slot].task)]
        guard settings(runs[slot].task).policy.overlap == .allow else { return state.live >= 0 }
        guard runs[slot].flags.contains(.isReplay) else { return false }
        return list(from: state.live).contains { runs[$0].flags.contains(.isReplay) }
    }

    /// Nothing of its task stands in the run's way any more: it needs a place, or its time.
    mutating func activate(_ slot: Int32) {
        linkLive(slot)
        if runs[slot].mark > now.uptime {
            runs[slot].phase = .retrying
            timers.set(slot, due: runs[slot].mark)
        } else {
            makeReady(slot)
        }
    }

    func list(from first: Int32) -> [Int32] {
        var slots: [Int32] = []
        var slot = first
        while slot >= 0 {
            slots.append(slot)
            slot = runs[slot].next
        }
        return slots
    }

    mutating func linkLive(_ slot: Int32) {
        let task = Int(runs[slot].task)
        let first = tasks[task].live
        runs[slot].next = first
        runs[slot].previous = -1
        if first >= 0 { runs[first].previous = slot }
        tasks[task].live = slot
        runs[slot].flags.insert(.isLive)
    }

    /// By age, those that have started before (in an earlier process) first.
    mutating func linkWaiting(_ slot: Int32) {
        let task = Int(runs[slot].task)
        func rank(_ run: PlannedRun) -> (Int, Int64) { (run.attempt > 0 ? 0 : 1, run.scheduledAt) }
        let own = rank(runs[slot])
        var before = tasks[task].lastWaiting
        while before >= 0, own < rank(runs[before]) { before = runs[before].previous }
        let after = before >= 0 ? runs[before].next : tasks[task].waiting
        runs[slot].previous = before
        runs[slot].next = after
        if before >= 0 { runs[before].next = slot } else { tasks[task].waiting = slot }
        if after >= 0 { runs[after].previous = slot } else { tasks[task].lastWaiting = slot }
        runs[slot].flags.insert(.isWaiting)
    }

    mutating func unlink(_ slot: Int32) {
        let run = runs[slot]
        guard run.flags.contains(.isLive) || run.flags.contains(.isWaiting) else { return }
        let task = Int(run.task)
        if run.previous >= 0 {
            runs[run.previous].next = run.next
        } else if run.flags.contains(.isLive) {
            tasks[task].live = run.next
        } else {
            tasks[task].waiting = run.next
        }
        if run.next >= 0 {
            runs[run.next].previous = run.previous
        } else if run.flags.contains(.isWaiting) {
            tasks[task].lastWaiting = run.previous
        }
        runs[slot].flags.subtract([.isLive, .isWaiting])
        runs[slot].next = -1
        runs[slot].previous = -1
    }

    // MARK: Among all

    func hasPlace(_ task: Int32) -> Bool {
        guard placesTaken < concurrency else { return false }
        let group = tasks[Int(task)].group
        return group < 0 || groups[Int(group)].taken < groups[Int(group)].limit
    }

    mutating func takePlace(_ slot: Int32) {
        runs[slot].flags.insert(.holdsPlace)
        placesTaken += 1
        let group = Int(tasks[Int(runs[slot].task)].group)
        if group >= 0 { groups[group].taken += 1 }
    }

    mutating func releasePlace(_ slot: Int32) {
        guard runs[slot].flags.contains(.holdsPlace) else { return }
        runs[slot].flags.remove(.holdsPlace)
        lastRelease = now.uptime
        placesTaken -= 1
        let group = Int(tasks[Int(runs[slot].task)].group)
        if group >= 0 { groups[group].taken -= 1 }
    }

    mutating func makeReady(_ slot: Int32) {
        runs[slot].phase = .ready
        let task = runs[slot].task
        readySequence &+= 1
        readyCount += 1
        ready[Int(tasks[Int(task)].group) + 1].insert(
            ReadyEntry(
                priority: Int32(settings(task).policy.priority), slot: slot, scheduledAt: runs[slot].scheduledAt,
                sequence: readySequence, generation: runs[slot].generation))
    }

    /// Gives free places to the runs that need nothing else.
    mutating func startReady() {
        guard readyCount > 0, isStoreAvailable, !isStopping else { return }
        while placesTaken < concurrency, let slot = takeReady() { startAttempt(slot) }
    }

    /// Whether one that waits for a place only is to have the next one.
    private mutating func isOutranked(_ new: NewRun) -> Bool {
        guard readyCount > 0, let first = firstReady()?.entry else { return false }
        let priority = Int32(settings(new.task).policy.priority)
        return first.priority != priority ? first.priority > priority : first.scheduledAt <= new.scheduledAt
    }

    private mutating func takeReady() -> Int32? {
        guard let first = firstReady() else { return nil }
        ready[first.index].removeFirst()
        readyCount -= 1
        return first.entry.slot
    }

    /// The first in rank whose group has a place.
    private mutating func firstReady() -> (index: Int, entry: ReadyEntry)? {
        var best: (index: Int, entry: ReadyEntry)?
        for index in ready.indices where index == 0 || groups[index - 1].taken < groups[index - 1].limit {
            while let entry = ready[index].first {
                if runs[entry.slot].generation == entry.generation, runs[entry.slot].phase == .ready {
                    if best.map({ entry < $0.entry }) ?? true { best = (index, entry) }
                    break
                }
                ready[index].removeFirst()
                readyCount -= 1
            }
        }
        return best
    }
}
