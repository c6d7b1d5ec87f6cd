import InsightsPlugin

@testable import InsightsEngine

/// What goes on beside the loop: writing, the lease, tasks that change hands; as the engine does it.
extension NodesSimulation {
    // MARK: The writer

    func submit(_ unit: SimulatedNode.Unit, _ node: SimulatedNode) {
        guard !unit.writes.isEmpty || unit.reading != nil else { return }
        if node.isWriterLost { return giveUp(unit, node) }
        node.queue.append(unit)
        pump(node)
    }

    private func giveUp(_ unit: SimulatedNode.Unit, _ node: SimulatedNode) {
        switch unit.reading {
        case .news: node.isAskingNews = false
        case .hold: node.isBalancing = false
        case nil: break
        }
    }

    private func pump(_ node: SimulatedNode) {
        guard !node.isBusy, !node.queue.isEmpty else { return }
        node.isBusy = true
        var batch = node.queue.removeFirst()
        while batch.reading == nil, let next = node.queue.first {
            node.queue.removeFirst()
            batch.writes += next.writes
            batch.reading = next.reading
        }
        persist(batch, node.losses, node)
    }

    private func persist(_ batch: SimulatedNode.Unit, _ losses: Int, _ node: SimulatedNode) {
        func isVoid() -> Bool { node.losses != losses && bug != .keptWrites }
        func done() {
            node.isBusy = false
            pump(node)
        }
        if isVoid() {
            giveUp(batch, node)
            return done()
        }
        guard !batch.writes.isEmpty else { return read(batch.reading, node, done) }
        func again() {
            if isVoid() {
                giveUp(batch, node)
                return done()
            }
            if !node.isStoreDown {
                node.isStoreDown = true
                post(node, [.storeAvailable(false)])
            }
            plan(Int64.random(in: 50...2000, using: &random), for: node) { [self] in persist(batch, losses, node) }
        }
        guard let number = node.number, node.lease.isTrusted(at: uptime) else { return again() }
        let fault = node.commitFault
        node.commitFault = nil
        let entry = node.lease.entry
        typealias Results = [(outcome: WriteOutcome, isNew: Bool)]?
        let commit: (inout SharedModel) -> Results = { $0.commit(number, batch.writes.map(\.write)) }
        let witness: (Results) -> Void = { [self] results in
            for (pending, result) in zip(batch.writes, results ?? []) {
                watch.applied(pending.write, result.outcome, isNew: result.isNew, node, self)
            }
        }
        ask(node, fault: fault, commit, witness: witness) { [self] answer in
            guard let answer else { return again() }
            guard let results = answer else {
                if node.losses == losses { lose(node, entry) }
                giveUp(batch, node)
                return done()
            }
            var events: [PlannerEvent] = []
            if node.isStoreDown, node.lease.isTrusted(at: uptime) {
                node.isStoreDown = false
                events.append(.storeAvailable(true))
            }
            for (pending, result) in zip(batch.writes, results) {
                if let slot = pending.slot, let step = pending.step {
                    events.append(.settled(slot, step, result.outcome))
                }
            }
            post(node, events)
            read(batch.reading, node, done)
        }
    }

    private func read(_ reading: SimulatedNode.Reading?, _ node: SimulatedNode, _ done: @escaping () -> Void) {
        switch reading {
        case .news(let stamp):
            ask(node, { $0.news(of: stamp.tasks) }) { [self] news in
                node.isAskingNews = false
                if let news { post(node, [.news(news, stamp)]) }
                done()
            }
        case .hold(let wishes, let limit):
            guard let number = node.number else { return done() }
            let entry = node.lease.entry
            ask(node, { [self] in $0.hold(number, wishes, limit: limit, at: wall) }) { [self] answer in
                node.isBalancing = false
                switch answer {
                case .some(.some(let held)):
                    let isOwn = node.lease.isHeld && node.lease.entry == entry
                    if !held.isEmpty, isOwn { post(node, [.held(held)]) }
                case .some(.none): lose(node, entry)
                case .none: break
                }
                done()
            }
        case nil: done()
        }
    }

    // MARK: The lease

    func chores(_ node: SimulatedNode) {
        node.choreCount += 1
        watchLease(node)
        keepLease(node)
        if node.choreCount % 2 == 0, !node.isAskingNews, node.lease.isTrusted(at: uptime), bug != .noNews {
            node.isAskingNews = true
            post(node, [.askNews])
        }
        if node.choreCount % 4 == 1 { balance(node) }
        plan(500, for: node) { [self] in chores(node) }
    }

    func watchLease(_ node: SimulatedNode) {
        if node.lease.lapse(at: uptime) { forgetLease(node) }
    }

    private func lose(_ node: SimulatedNode, _ entry: UInt64) {
        if node.lease.lose(entry) { forgetLease(node) }
    }

    private func forgetLease(_ node: SimulatedNode) {
        say(node, "has lost its lease")
        node.isWriterLost = true
        node.losses += 1
        if bug != .keptWrites {
            for unit in node.queue { giveUp(unit, node) }
            node.queue = []
        }
        if !node.isStoreDown {
            node.isStoreDown = true
            post(node, [.storeAvailable(false)])
        }
        post(node, [.leaseLost])
    }

    private func keepLease(_ node: SimulatedNode) {
        guard !node.isRenewing, let number = node.number else { return }
        let (sent, entry) = (uptime, node.lease.entry)
        switch node.lease.duty(at: uptime) {
        case .nothing: return
        case .renew:
            node.isRenewing = true
            let report = NodeReport(
                manifest: scenario.manifest.hash, running: node.codes.count, takesShare: !node.isStopping)
            ask(node, { [self] in $0.renew(number, report, at: wall) ? $0.living(at: wall) : nil }) { [self] answer in
                node.isRenewing = false
                switch answer {
                case .some(.some(let living)):
                    node.living = living
                    node.lease.renewed(
                        sentAt: sent, duration: .milliseconds(bug == .longTrust ? 60_000 : SharedModel.lease))
                case .some(.none): lose(node, entry)
                case .none: node.lease.failed(at: uptime)
                }
            }
        case .enter:
            guard !node.isStopping else { return }
            node.isRenewing = true
            ask(node, enter(node, former: number)) { [self] answer in
                node.isRenewing = false
                guard let answer else { return node.lease.failed(at: uptime) }
                entered(node, answer, sentAt: sent)
                node.isStoreDown = false
                post(node, [.storeAvailable(true)])
                balance(node)
            }
        }
    }

    // MARK: Tasks

    private func balance(_ node: SimulatedNode) {
        guard let planner = node.planner, !node.isBalancing, !node.isStopping, !node.isStoreDown,
            node.lease.isTrusted(at: uptime)
        else { return }
        let peers = node.living.count { $0.takesShare }
        var (wishes, limit): ([HoldWish], Int) = ([], 0)
        switch Shares.step(tasks: scenario.tasks.count, nodes: peers, held: planner.holding) {
        case .take(let count): (wishes, limit) = (planner.unheld().shuffled(using: &random), count)
        case .give(let count): post(node, [.release(.idle(count))])
        case .nothing: break
        }
        node.isBalancing = true
        submit(SimulatedNode.Unit(reading: .hold(wishes, limit: limit)), node)
    }

    // MARK: Faults

    func inflict(_ fault: NodeFault) {
        let running = nodes.filter { $0.planner != nil }
        guard !isCalm, let node = running.randomElement(using: &random) else { return }
        say(node, "FAULT \(fault)")
        let length = random.chance(0.5) ? 2000...9000 : 10_000...60_000 as ClosedRange<Int64>
        switch fault {
        case .crash:
            watch.failed(node, self)
            die(node)
        case .freeze:
            watch.failed(node, self)
            node.frozenUntil = uptime + Int64.random(in: length, using: &random)
            recover(node, at: node.frozenUntil)
        case .cut:
            watch.failed(node, self)
            node.cutUntil = uptime + Int64.random(in: length, using: &random)
            recover(node, at: node.cutUntil)
        case .storeAway:
            storeAwayUntil = uptime + Int64.random(in: length, using: &random)
            for node in running { recover(node, at: storeAwayUntil) }
        case .shutdown, .leave: shutDown(node)
        case .commitFails, .answerLost: node.commitFault = fault
        case .join:
            if let other = nodes.first(where: { $0.planner == nil && $0.index >= scenario.nodes }) { start(other) }
        case .moduleHang: hangs += 1
        case .trigger, .cancel, .pause: ask(fault)
        }
    }

    private func recover(_ node: SimulatedNode, at: Int64) {
        node.healthySince = nil
        plan(at - uptime, for: node) { [self] in
            if node.frozenUntil <= uptime, node.cutUntil <= uptime, storeAwayUntil <= uptime {
                node.healthySince = uptime
            }
        }
    }

    private func shutDown(_ node: SimulatedNode) {
        guard !node.isStopping else { return }
        node.isStopping = true
        watch.failed(node, self)
        post(node, [.shutdown])
        plan(Int64.random(in: 0...20_000, using: &random), for: node) { [self] in
            post(node, [.graceOver])
            // What cannot be written is left to others.
            plan(15_000, for: node) { [self] in
                watch.failed(node, self)
                die(node)
            }
        }
    }

    private func ask(_ fault: NodeFault) {
        guard storeAwayUntil <= uptime, let name = scenario.tasks.randomElement(using: &random)?.name else { return }
        switch fault {
        case .trigger:
            guard let node = nodes.first(where: { $0.planner?.isHeld(name) == true }) else { return }
            let trigger = ManualTrigger(
                token: nextToken(), run: nil, task: name, movesDependents: random.chance(0.5), group: nil)
            post(node, [.trigger(trigger)])
        case .cancel:
            guard let row = store.base.rows.filter({ !$0.status.isFinal }).randomElement(using: &random),
                let node = nodes.first(where: { $0.planner?.has(row.run) == true })
            else { return }
            post(node, [.cancel(row.run)])
        default:
            store.base.setPaused(name, true)
            plan(Int64.random(in: 5000...60_000, using: &random)) { [self] in store.base.setPaused(name, false) }
        }
    }
}
