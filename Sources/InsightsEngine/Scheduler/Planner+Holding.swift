internal import InsightsPlugin

/// Which tasks this node has, where several share a store: a task that it does not hold is none of its business.
extension Planner {
    /// Tasks that are idle, and due within this many milliseconds, are given away last: their start would wait for
    /// whoever takes them.
    private static let soon: Int64 = 5000

    /// Takes tasks into the books, with what earlier holders have left of them.
    mutating func take(held: [HeldTask]) {
        var unfinished: [UnfinishedRun] = []
        var strangers: [TaskID] = []
        var lead: Int64 = 0
        for held in held {
            guard let task = index(of: held.task.name) else {
                strangers.append(held.task.id)
                unfinished += held.unfinished
                continue
            }
            // The answer to a hold that was asked for twice.
            guard !tasks[Int(task)].flags.contains(.held) else { continue }
            lead = max(lead, enter(task, held))
            unfinished += held.unfinished
        }
        if lead > 0 { observe(.clockStepped(.milliseconds(-lead))) }
        recover(unfinished)
        // Their runs have their ends by now, written before this.
        for task in strangers { out.append(.write(.release(task), nil, nil)) }
    }

    /// - Returns: By how much the task's last occurrence lies ahead, if that is so much that the clock was wrong.
    private mutating func enter(_ task: Int32, _ held: HeldTask) -> Int64 {
        let index = Int(task)
        let ofManifest = tasks[index].flags.intersection(PlannedTask.Flags.ofDefinition.union(.isFollowed))
        tasks[index] = PlannedTask(held.task, group: tasks[index].group, flags: ofManifest.union(.held))
        heldTasks += 1
        if held.isStart {
            tasks[index].flags.insert(.atStart)
            if isSchedulerEnabled, settings(task).isEnabled, settings(task).policy.onStart == .always {
                extras.append(task)
            }
        }
        if tasks[index].flags.contains(.follows) {
            let known = held.task.latestMarks
            if var chain = chains[task] {
                chain.marks = chain.upstreams.map { known[tasks[Int($0)].id] ?? PlannedTask.none }
                chains[task] = chain
                queueComplete(task, chain)
            }
            noteChain(task)
            enqueue(task)
            return 0
        }
        let last = tasks[index].last
        let isAhead = aim(task) && last != PlannedTask.none
        enqueue(task)
        return isAhead ? last - now.wall.milliseconds : 0
    }

    private mutating func enqueue(_ task: Int32) {
        guard let entry = dueEntry(task) else { return }
        tasks[Int(task)].flags.insert(.isQueued)
        due.insert(entry)
    }

    // MARK: Giving tasks away

    mutating func release(_ wish: ReleaseWish) {
        releaseRemoved()
        switch wish {
        case .idle(let count): release(upTo: count)
        case .differing(let differing): leave(Set(differing))
        case .asked(let name, let request):
            guard let task = index(of: name), tasks[Int(task)].flags.contains(.held) else {
                return out.append(.write(.answer(request, .accepted), nil, nil))
            }
            let isIdle = !isBusy(task, tasksWithRuns())
            if isIdle {
                release(task)
                rebuildDueQueue()
            }
            let answer = isIdle ? RequestAnswer.accepted : .refused(RequestRefusal.busy)
            out.append(.write(.answer(request, answer), nil, nil))
        }
    }

    /// Gives idle tasks away, those that are not about to start before the others.
    private mutating func release(upTo count: Int) {
        guard count > 0, heldTasks > 0 else { return }
        let busy = tasksWithRuns()
        let soon = now.wall.milliseconds + Planner.soon
        var left = count
        for isPatient in [true, false] {
            for task in Int32(0)..<Int32(definitions.count) where left > 0 {
                guard tasks[Int(task)].flags.contains(.held), !isBusy(task, busy) else { continue }
                let isDue = tasks[Int(task)].flags.contains(.isQueued) && tasks[Int(task)].next <= soon
                if isPatient, isDue { continue }
                release(task)
                left -= 1
            }
        }
        if left < count { rebuildDueQueue() }
    }

    /// Starts nothing more of tasks that are registered with another definition, and gives them away once they are idle;
    /// those of earlier calls that are not named any more go on.
    private mutating func leave(_ differing: Set<TaskID>) {
        guard !differing.isEmpty || leavingTasks > 0 else { return }
        let busy = tasksWithRuns()
        leavingTasks = 0
        for task in tasks.indices where tasks[task].flags.contains(.held) {
            let isLeaving = differing.contains(tasks[task].id)
            if isLeaving, !isBusy(Int32(task), busy) {
                release(Int32(task))
            } else if isLeaving {
                leavingTasks += 1
                tasks[task].flags.insert(.leaving)
            } else {
                tasks[task].flags.remove(.leaving)
            }
        }
        rebuildDueQueue()
    }

    /// Gives away what a manifest no longer names, once it has no runs left.
    private mutating func releaseRemoved() {
        guard retired.indices.contains(where: { tasks[definitions.count + $0].flags.contains(.held) }) else { return }
        let busy = tasksWithRuns()
        for index in retired.indices {
            let task = Int32(definitions.count + index)
            if tasks[Int(task)].flags.contains(.held), !isBusy(task, busy) { release(task) }
        }
    }

    /// Every write of it is out already, so whoever takes it finds all of them.
    private mutating func release(_ task: Int32) {
        if !isSchedulerEnabled { freeParked(of: task) }
        tasks[Int(task)].flags.subtract([.held, .leaving, .isQueued, .atStart, .isAnew])
        tasks[Int(task)].next = PlannedTask.never
        heldTasks -= 1
        noteChain(task)
        out.append(.write(.release(tasks[Int(task)].id), nil, nil))
    }

    /// They were left alone here; whoever takes the task is told of them.
    private mutating func freeParked(of task: Int32) {
        for slot in runs.slots.indices where runs.slots[slot].phase == .parked && runs.slots[slot].task == task {
            free(Int32(slot))
        }
    }

    private func isBusy(_ task: Int32, _ withRuns: Set<Int32>) -> Bool {
        tasks[Int(task)].isGoing || withRuns.contains(task) || extras.contains(task)
    }

    /// Tasks of which the planner still has a run, were it only that the store has not answered its end: a refused end
    /// is followed by another.
    ///
    /// - Complexity: O(slots).
    private func tasksWithRuns() -> Set<Int32> {
        var found: Set<Int32> = []
        for run in runs.slots where run.phase != .free && run.phase != .parked { found.insert(run.task) }
        return found
    }

    // MARK: Losing the lease

    /// Others may have everything by now: nothing of it may be written any more, and no code of it is to go on.
    mutating func forgetAll() {
        dropCandidates()
        extras = []
        isBulk = false
        for index in runs.slots.indices where runs.slots[index].phase != .free {
            let slot = Int32(index)
            tellAsker(of: slot, isStored: false)
            timers.remove(slot)
            if runs[slot].flags.contains(.hasCode) {
                out.append(.abort(runs.name(of: slot)))
                out.append(.abandon(runs.name(of: slot)))
                observe(.abandoned(task: label(of: slot), run: runs[slot].id, attempt: Int(runs[slot].attempt)))
            }
            runs.remove(slot)
        }
        details = [:]
        manualGroups = [:]
        attemptsGoing = 0
        writesPending = 0
        startsPending = 0
        leavingTasks = 0
        for index in tasks.indices {
            tasks[index].live = -1
            tasks[index].waiting = -1
            tasks[index].lastWaiting = -1
            tasks[index].flags.subtract([.held, .leaving, .isQueued, .atStart, .isAnew])
            tasks[index].next = PlannedTask.never
        }
        heldTasks = 0
        for task in chains.keys { noteChain(task) }
        rebuildDueQueue()
        placesTaken = 0
        for index in groups.indices { groups[index].taken = 0 }
        forgetBlockedPlaces()
        ready = Array(repeating: MinHeap(), count: groups.count + 1)
        readyCount = 0
        out.append(.forgetWrites)
    }

    // MARK: Places in groups

    /// Another node has the last place of the group: the run waits, and asks again after a second, or when one may be
    /// free.
    mutating func awaitPlace(_ slot: Int32) {
        runs[slot].flags.remove(.startsWithClaim)
        releasePlace(slot)
        let group = Int(tasks[Int(runs[slot].task)].group)
        if group >= 0 {
            groups[group].isBlocked = true
            placesAskedAt = placesAskedAt ?? now.uptime + Planner.placeWait
        }
        if runs[slot].cause != .none { finishUnstarted(slot) } else { makeReady(slot) }
    }

    /// Groups that had no place may have one by now.
    mutating func forgetBlockedPlaces() {
        guard placesAskedAt != nil else { return }
        placesAskedAt = nil
        for index in groups.indices { groups[index].isBlocked = false }
    }

    /// What the store is asked for with a start of the task.
    func place(of task: Int32) -> GroupPlace? {
        let group = tasks[Int(task)].group
        return group < 0 ? nil : groups[Int(group)].place
    }
}
