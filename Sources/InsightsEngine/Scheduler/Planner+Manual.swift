internal import InsightsPlugin

/// Several tasks that were triggered by hand together.
struct ManualGroup: Sendable {
    enum Member: Sendable {
        case going
        case succeeded
        case failed
    }

    /// By task.
    var members: [Int32: Member] = [:]
    /// By upstream: the runs that wait for it.
    var waiters: [Int32: [RunSlot]] = [:]
    var unfinished = 0
}

/// Runs by hand: they obey `overlap`, groups and places, and do not move the cadence.
extension Planner {
    mutating func start(byHand trigger: ManualTrigger) {
        guard !isStopping else { return answer(trigger, .stopping) }
        guard let task = index(of: trigger.task) else { return answer(trigger, .unknownTask) }
        guard isStoreAvailable else { return answer(trigger, .storeUnavailable) }
        guard tasks[Int(task)].flags.contains(.held) else { return answer(trigger, .elsewhere) }
        var flags: PlannedRun.Flags = trigger.movesDependents ? [.movesDependents] : []
        if trigger.group != nil { flags.insert(.isGrouped) }
        let run = NewRun(
            task: task, scheduledAt: now.wall.milliseconds, trigger: .manual, flags: flags, id: trigger.run)
        if tasks[Int(task)].isGoing, settings(task).policy.overlap == .skip {
            refuse(trigger, run)
        } else if let group = trigger.group {
            // Whom it waits for is found when the claim is durable: the others may be told after this one.
            let slot = claim(run, .held)
            join(group, slot)
            promise(trigger, .accepted(runs[slot].id), once: slot)
        } else {
            let slot = claim(run, tasks[Int(task)].isGoing ? makeWay(in: task) : .startable)
            promise(trigger, .accepted(runs[slot].id), once: slot)
        }
    }

    private mutating func answer(_ trigger: ManualTrigger, _ answer: TriggerAnswer) {
        out.append(.answer(token: trigger.token, answer))
    }

    /// Answers once the run is durable: a crash must not take back what somebody was told.
    private mutating func promise(_ trigger: ManualTrigger, _ answer: TriggerAnswer, once slot: Int32) {
        if trigger.isAnsweredInStore { return self.answer(trigger, answer) }
        details[slot, default: RunDetails()].asker = (trigger.token, answer)
    }

    /// The run's first write was answered, or its run is forgotten before that.
    mutating func tellAsker(of slot: Int32, isStored: Bool) {
        guard !details.isEmpty, let asker = details[slot]?.asker else { return }
        details[slot]?.asker = nil
        out.append(.answer(token: asker.token, isStored ? asker.answer : .storeUnavailable))
    }

    /// `overlap: skip` forbids it: alone it is told which run is going, among several it leaves a record, and the
    /// others do not wait for it.
    private mutating func refuse(_ trigger: ManualTrigger, _ run: NewRun) {
        let state = tasks[Int(run.task)]
        guard trigger.group != nil else {
            return answer(trigger, .overlaps(runs[state.live >= 0 ? state.live : state.waiting].id))
        }
        let slot = runs.insert(
            PlannedRun(
                id: run.id ?? ids.next(at: now.wall), task: run.task, scheduledAt: run.scheduledAt, trigger: .manual,
                flags: run.flags.subtracting([.isGrouped, .movesDependents])))
        let claim = Claim(
            run: runs[slot].id, task: state.id, uses: settings(run.task).uses, occurrence: nil,
            scheduledAt: now.wall, trigger: .manual, attempts: settings(run.task).policy.retry.attempts, at: now.wall,
            starts: false, lateness: nil, movesDependents: false, clearsMarks: false, startsAnew: false)
        // A run of its own and not a skipped occurrence: it must neither move the cadence nor extend a record.
        out.append(.write(.claim(claim), nil, nil))
        runs[slot].cause = .displaced
        finishUnstarted(slot)
        promise(trigger, .skipped(runs[slot].id, .overlap), once: slot)
    }

    mutating func join(_ group: UInt64, _ slot: Int32) {
        details[slot, default: RunDetails()].group = group
        runs[slot].flags.insert(.isGrouped)
        manualGroups[group, default: ManualGroup()].members[runs[slot].task] = .going
        manualGroups[group]?.unfinished += 1
    }

    /// Lets a member of a group go on, or notes whom it waits for.
    mutating func hold(_ slot: Int32) {
        runs[slot].phase = .held
        let number = details[slot]?.group ?? 0
        let upstreams = memberUpstreams(of: runs[slot].task, in: number)
        if upstreams.contains(where: { manualGroups[number]?.members[$0] == .failed }) {
            return cancel(slot, .upstreamFailed)
        }
        let awaited = upstreams.filter { manualGroups[number]?.members[$0] == .going }
        for upstream in awaited { manualGroups[number]?.waiters[upstream, default: []].append(runs.name(of: slot)) }
        details[slot]?.awaited = awaited.count
        if awaited.isEmpty { release(slot) }
    }

    /// The members of the group that a task comes after, directly or by way of others that are none.
    func memberUpstreams(of task: Int32, in group: UInt64) -> [Int32] {
        let members = manualGroups[group]?.members ?? [:]
        var found: [Int32] = []
        var reached: Set<Int32> = [task]
        var open = chains[task]?.upstreams ?? []
        while let upstream = open.popLast() {
            guard reached.insert(upstream).inserted else { continue }
            if members[upstream] != nil {
                found.append(upstream)
            } else {
                open.append(contentsOf: chains[upstream]?.upstreams ?? [])
            }
        }
        return found
    }

    /// Nothing of its group stands in the run's way any more.
    private mutating func release(_ slot: Int32) {
        let task = runs[slot].task
        guard tasks[Int(task)].isGoing, makeWay(in: task) == .waiting else { return activate(slot) }
        runs[slot].phase = .waiting
        linkWaiting(slot)
        promote(task)
    }

    /// A member's success is durable.
    mutating func memberSucceeded(_ slot: Int32) {
        guard runs[slot].flags.contains(.isGrouped), let number = details[slot]?.group else { return }
        for name in leave(number, runs[slot].task, as: .succeeded) {
            guard let waiter = runs.index(of: name), runs[waiter].phase == .held else { continue }
            details[waiter]?.awaited -= 1
            if details[waiter]?.awaited == 0 { release(waiter) }
        }
    }

    /// A member has ended without success: what waits for it will not run. A success is told when it is durable.
    mutating func memberEnded(_ slot: Int32) {
        guard runs[slot].flags.contains(.isGrouped), let run = details[slot], run.ending != nil else { return }
        for name in leave(run.group, runs[slot].task, as: .failed) {
            if let waiter = runs.index(of: name), runs[waiter].phase == .held { cancel(waiter, .upstreamFailed) }
        }
    }

    /// - Returns: The runs that waited for it.
    private mutating func leave(_ number: UInt64, _ task: Int32, as member: ManualGroup.Member) -> [RunSlot] {
        guard var group = manualGroups[number], group.members[task] == .going else { return [] }
        let waiters = group.waiters.removeValue(forKey: task) ?? []
        group.members[task] = member
        group.unfinished -= 1
        manualGroups[number] = group.unfinished > 0 ? group : nil
        return waiters
    }
}
