internal import InsightsPlugin
internal import Logging
internal import Synchronization

/// What goes on beside the loop: writing, reloading, and small chores at intervals.
extension Engine {
    struct Chore {
        let interval: Duration
        let work: @Sendable (Engine) async -> Void
    }

    var chores: [Chore] {
        let pruner = Pruner()
        var chores = [
            Chore(interval: .seconds(1)) { engine in
                engine.flushLogs()
                engine.waitingPool.relieve()
                engine.blockingPool.relieve()
            },
            Chore(interval: .seconds(3)) { await $0.probeStore() },
            Chore(interval: .seconds(3)) { $0.lookForRisks() },
            Chore(interval: .seconds(60)) { await pruner.prune($0) },
        ]
        if configuration.watchedPath != nil {
            chores.append(
                Chore(interval: .milliseconds(700)) { engine in
                    if engine.watch.hasSettledChange(atUptime: engine.clock.moment.uptime) { engine.reloads.nudge() }
                })
        }
        if configuration.answersRequests || shared != nil {
            chores.append(Chore(interval: .milliseconds(500)) { await $0.answerRequests() })
        }
        guard let shared else { return chores }
        return chores + [
            Chore(interval: .milliseconds(500)) { $0.watchLease() },
            Chore(interval: .milliseconds(500)) { await $0.keepLease(shared) },
            Chore(interval: .seconds(1)) { $0.askNews() },
            Chore(interval: .seconds(2)) { await $0.balance(shared) },
        ]
    }

    func repeatedly(every interval: Duration, _ work: @escaping @Sendable (Engine) async -> Void) async {
        while !Task.isCancelled {
            do { try await clock.sleep(for: interval) } catch { return }
            _ = await untilCancelled { await work(self) }
        }
    }

    /// Does `work`, and waits for it only until this task is cancelled: a store that another process holds answers
    /// within its own deadline and not before, and a shutdown is not to wait for that.
    ///
    /// - Returns: `nil` when this task was cancelled first; `work` is cancelled then, and left behind.
    func untilCancelled<Result: Sendable>(_ work: @escaping @Sendable () async -> Result) async -> Result? {
        let (results, source) = AsyncStream<Result>.makeStream()
        // Unstructured, so that it can be left behind.
        let task = Task {
            source.yield(await work())
            source.finish()
        }
        return await withTaskCancellationHandler {
            for await result in results { return result }
            return nil
        } onCancel: {
            task.cancel()
        }
    }

    func write() async {
        await writer.run(
            store: store, clock: clock,
            mayWrite: { [weak self] in self?.isLeaseTrusted ?? false },
            leaseLost: { [weak self] error in
                guard let self else { return }
                loseLease(error, leaseEntry)
            },
            settled: { [weak self] outcomes in self?.post(outcomes) },
            availability: { [weak self] error in self?.storeChanged(error) },
            measured: { [counters] in counters.observeCommit($0) })
    }

    /// After a shutdown: cuts short what still runs once the grace is over, and gives up waiting for a store that is
    /// away 10 s later.
    func keepGrace() async {
        for await _ in untilShutdown {}
        do { try await clock.sleep(for: configuration.grace) } catch { return }
        post([.graceOver])
        do { try await clock.sleep(for: .seconds(10)) } catch { return }
        logger.error("gave up waiting for the store; what was not recorded is recovered by the next start")
        giveUp()
    }

    func storeChanged(_ error: StoreError?) {
        let changed = knowledge.withLock { knowledge in
            let changed = (knowledge.storeProblem == nil) != (error == nil)
            knowledge.storeProblem = error
            // Told under the lock, so that the planner hears the writer and the probe in their order.
            if changed { post([.storeAvailable(error == nil)]) }
            return changed
        }
        guard changed else { return }
        if let error {
            logger.error("the store takes no writes, nothing new starts until it does: \(error)")
        } else {
            logger.notice("the store takes writes again")
        }
    }

    /// Whether the store takes writes is known from the writes; while there are none, it is tried.
    private func probeStore() async {
        // What waits to be written, or is being sent again, will tell; and so will the lease, once there is one again.
        guard writer.isIdle, isLeaseTrusted else { return }
        let isKnownToWork = writer.takeHasCommitted() && knowledge.withLock { $0.storeProblem == nil }
        if isKnownToWork { return }
        do throws(StoreError) {
            try await store.probe()
            // A small write may find room where a large one does not.
            if !writer.isFailing { storeChanged(nil) }
        } catch {
            storeChanged(error)
        }
    }

    private func flushLogs() {
        let attempts = knowledge.withLock { knowledge in
            defer { knowledge.dirtyLogs = [] }
            return knowledge.dirtyLogs
        }
        for attempt in attempts { attempt.flushLog() }
    }

    /// Says once of each task that its source is about to drop what was not collected; `/ready` says so all the while.
    private func lookForRisks() {
        let now = clock.now
        let atRisk = planner.withLock { $0.risks(at: now) }.compactMap { $0.1 ? $0.0 : nil }
        let former = knowledge.withLock { knowledge in
            defer { knowledge.tasksAtRisk = atRisk }
            return Set(knowledge.tasksAtRisk)
        }
        for task in atRisk where !former.contains(task) {
            logger.warning(
                "at risk: the last success is older than three quarters of what the source keeps",
                metadata: ["task": "\(task)"])
        }
    }

    // MARK: Requests of other processes

    /// One at a time: two that read the same request would both start its run. Whoever comes meanwhile has the one that is
    /// at it look once more.
    func answerRequests() async {
        await answeringRequests.run(isRepeated: true) {
            guard isLeaseTrusted else { return }
            do {
                for request in try await store.pendingRequests(limit: 100) { try await handle(request) }
            } catch {
                logger.debug("requests were not read: \(error)")
            }
        }
    }

    private func handle(_ request: Request) async throws(StoreError) {
        switch request.kind {
        case .run(let task, let dependents, let batch):
            if knowledge.withLock({ $0.requests.values.contains(request.id) }) { return }
            if try await store.run(request.id) != nil { return answer(request, .accepted) }
            if shared != nil {
                guard configuration.answersRequests else { return }
                guard manifest.tasks.contains(where: { $0.name == task }) else {
                    if isUnknownEverywhere(request) { answer(request, .refused(RequestRefusal.unknownTask)) }
                    return
                }
                // Otherwise it is for the node that has it.
                guard await takeRequested(task) else { return }
            }
            let token = knowledge.withLock { knowledge in
                knowledge.nextToken += 1
                knowledge.requests[knowledge.nextToken] = request.id
                return knowledge.nextToken
            }
            // Those asked for together carry one instant, which makes them one group.
            let group = batch ? UInt64(bitPattern: request.at.milliseconds) | 1 << 63 : nil
            post([
                .trigger(
                    ManualTrigger(
                        token: token, run: request.id, task: task, movesDependents: dependents, group: group,
                        isAnsweredInStore: true))
            ])
        case .cancel(let run):
            if shared == nil {
                _ = try await cancel(run)
            } else if let record = try await store.run(run), !record.status.isFinal {
                if !planner.withLock({ $0.has(run) }) { guard await takeRequested(record.task) else { return } }
                post([.cancel(run)])
            }
            answer(request, .accepted)
        case .pausesChanged where shared != nil:
            askNews()
            answer(request, .accepted)
        case .pausesChanged:
            post(try await store.tasks().map { .setPaused(task: $0.name, $0.isPaused) })
            answer(request, .accepted)
        case .reload:
            _ = await reload()
            answer(request, .accepted)
        // One process alone has it for good.
        case .release where shared == nil: answer(request, .refused(RequestRefusal.busy))
        case .release(let task): post([.release(.asked(task: task, request.id))])
        }
    }

    private func answer(_ request: Request, _ answer: RequestAnswer) {
        writer.submit(WriteUnit(.answer(request.id, answer)))
    }
}

extension Engine {
    /// Of the tasks that this node holds, and the first node of those that nobody's manifest names.
    fileprivate func isToPrune(_ task: StoredTask) -> Bool {
        guard shared != nil else { return true }
        if let isHeld = planner.withLock({ $0.isHeld(task.name) }) { return isHeld }
        return sharing.withLock { $0.living.first?.name == configuration.nodeName }
    }
}

/// Deletes what `keep` no longer asks for, a little at a time.
private final class Pruner: Sendable {
    private static let batch = 500
    private let nextRun = Mutex<Instant?>(nil)

    /// Once an hour, from a minute after the start; stops early when the engine does.
    func prune(_ engine: Engine) async {
        let now = engine.clock.now
        let isDue = nextRun.withLock { next in
            if let next, now < next { return false }
            next = now.advanced(by: .seconds(3600))
            return true
        }
        guard isDue else { return }
        let manifest = engine.manifest
        let keep = Dictionary(manifest.tasks.map { ($0.name, $0.settings.policy.keep) }) { first, _ in first }
        do {
            for task in try await engine.store.tasks() where engine.isToPrune(task) {
                try Task.checkCancellation()
                let before = now.advanced(by: .zero - (keep[task.name] ?? Policy().keep))
                while try await engine.store.prune(task: task.id, before: before, limit: Pruner.batch) == Pruner.batch {
                    try Task.checkCancellation()
                }
            }
        } catch {
            engine.logger.debug("pruning stopped: \(error)")
        }
    }
}
