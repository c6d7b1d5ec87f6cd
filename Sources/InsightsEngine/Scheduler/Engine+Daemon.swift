package import InsightsPlugin
internal import Logging
internal import Synchronization

/// What the HTTP side and the commands ask of the engine.
extension Engine {
    package var isAlive: Bool {
        let now = clock.moment.uptime
        return knowledge.withLock { $0.hasStarted && now - $0.lastTick < 10_000 }
    }

    package func readiness() -> Readiness {
        let isAlive = isAlive
        let (others, clock) = (manifestWords, clockWords)
        return knowledge.withLock { knowledge in
            let manifest = [knowledge.reloadProblem, others].compactMap { $0 }
            let scheduler =
                if knowledge.isStopping {
                    Readiness.Check(isOK: false, detail: "stopping")
                } else if !isAlive {
                    Readiness.Check(isOK: false, detail: "the scheduler loop stands still")
                } else {
                    Readiness.Check(
                        isOK: true,
                        detail: (configuration.isSchedulerEnabled ? "ok" : "ok: starts nothing by itself")
                            + Engine.words(ofThoseAtRisk: knowledge.tasksAtRisk))
                }
            return Readiness(
                store: Readiness.Check(
                    isOK: knowledge.storeProblem == nil,
                    detail: knowledge.storeProblem?.description
                        ?? (["ok", clock].compactMap { $0 }).joined(separator: "; ")),
                scheduler: scheduler,
                manifest: Readiness.Check(
                    isOK: true, detail: manifest.isEmpty ? "ok" : manifest.joined(separator: "; ")))
        }
    }

    /// Which tasks are at risk, as the end of a detail that is still ok.
    private static func words(ofThoseAtRisk tasks: [String]) -> String {
        guard !tasks.isEmpty else { return "" }
        let named = tasks.prefix(10).joined(separator: ", ") + (tasks.count > 10 ? " and \(tasks.count - 10) more" : "")
        return "; at risk of losing data, as the last success is older than three quarters of the retention: \(named)"
    }

    package func taskViews() async throws(StoreError) -> [TaskView] {
        let stored = Dictionary(try await store.tasks().map { ($0.name, $0) }) { first, _ in first }
        let lastRuns = try await store.lastRuns()
        let now = clock.now
        var views: [TaskView] = []
        for (index, definition) in manifest.tasks.enumerated() {
            views.append(
                TaskView(definition, stored: stored[definition.name], lastRun: lastRuns[definition.name], now: now))
            // A hundred thousand forecasts take a while: others use this thread, too.
            if index % 1000 == 999 { await Task.yield() }
        }
        return views
    }

    package func taskView(_ name: String) async throws(StoreError) -> TaskView? {
        guard let definition = manifest.tasks.first(where: { $0.name == name }) else { return nil }
        let stored = try await store.task(named: name)
        let last = try await store.runs(RunQuery(task: name, limit: 1)).items.first
        return TaskView(definition, stored: stored, lastRun: last, now: clock.now)
    }

    package func occurrences(of task: String, count: Int) async throws(StoreError) -> [Instant]? {
        guard let definition = manifest.tasks.first(where: { $0.name == task }) else { return nil }
        let stored = try await store.task(named: task)
        return Forecast.occurrences(of: definition, stored: stored, from: clock.now, count: count)
    }

    package func trigger(_ tasks: [String]?, dependents: Bool) async -> [TriggerResult] {
        let names = tasks ?? manifest.tasks.filter { $0.settings.isEnabled }.map(\.name)
        guard shared != nil else {
            return await triggerHere(names, dependents, isGroup: names.count > 1 || tasks == nil)
        }
        var results = await gathering {
            await gather(names)
            return await triggerHere(names, dependents, isGroup: names.count > 1 || tasks == nil)
        }
        for index in results.indices where results[index].answer == .elsewhere {
            results[index].answer = await forward(results[index].task, dependents: dependents)
        }
        return results
    }

    /// - Returns: As ``trigger(_:dependents:)``; `elsewhere` for what another node has.
    private func triggerHere(_ names: [String], _ dependents: Bool, isGroup: Bool) async -> [TriggerResult] {
        let group: UInt64? = isGroup ? UInt64.random(in: 1..<1 << 63) : nil
        return await withTaskGroup(of: (Int, TriggerAnswer).self) { tasks in
            var tokens: [UInt64] = []
            knowledge.withLock { knowledge in
                for _ in names {
                    knowledge.nextToken += 1
                    tokens.append(knowledge.nextToken)
                }
            }
            let triggers = zip(names, tokens).map { name, token in
                ManualTrigger(token: token, run: nil, task: name, movesDependents: dependents, group: group)
            }
            for (index, token) in tokens.enumerated() { tasks.addTask { (index, await self.answer(to: token)) } }
            post(triggers.map(PlannerEvent.trigger))
            var results = names.map { TriggerResult(task: $0, answer: .stopping) }
            for await (index, answer) in tasks { results[index].answer = answer }
            return results
        }
    }

    package func outcomes(of runs: [RunID]) async throws -> [RunRecord] {
        knowledge.withLock { knowledge in
            for run in runs where knowledge.watched[run] == nil { knowledge.watched[run] = false }
        }
        defer { knowledge.withLock { knowledge in for run in runs { knowledge.watched[run] = nil } } }
        var records: [RunID: RunRecord] = [:]
        var looks = 0
        while true {
            // Asked first: once the engine has ended, nothing is written any more.
            let (told, hasEnded) = knowledge.withLock { knowledge in
                (runs.filter { knowledge.watched[$0] == true }, knowledge.hasEnded)
            }
            // A run that was finished before it was watched is seen by the look every second.
            for run in looks % 50 == 0 ? runs : told where records[run] == nil {
                if let record = try await store.run(run), record.status.isFinal { records[run] = record }
            }
            if records.count == Set(runs).count { return runs.compactMap { records[$0] } }
            if hasEnded { return try await asTheyStand(runs) }
            looks += 1
            try await clock.sleep(for: .milliseconds(20))
        }
    }

    private func asTheyStand(_ runs: [RunID]) async throws(StoreError) -> [RunRecord] {
        var records: [RunRecord] = []
        for run in runs {
            if let record = try await store.run(run) { records.append(record) }
        }
        return records
    }

    package func cancel(_ run: RunID) async throws(StoreError) -> CancelAnswer {
        guard let record = try await store.run(run) else { return .unknownRun }
        if record.status.isFinal { return .finished(record) }
        if shared == nil || planner.withLock({ $0.has(run) }) {
            post([.cancel(run)])
        } else {
            let at = clock.now
            var ids = RunIDSource(seed: UInt64.random(in: .min ... .max))
            try await store.ask([Request(id: ids.next(at: at), kind: .cancel(run), at: at)])
        }
        return .cancelling
    }

    package func setPaused(_ task: String, _ isPaused: Bool) async throws(StoreError) -> Bool {
        guard manifest.tasks.contains(where: { $0.name == task }) else { return false }
        try await store.setPaused([task], isPaused)
        post([.setPaused(task: task, isPaused)])
        return true
    }

    /// What happens from now on; a watcher that is slow loses the oldest of 4 096.
    package func observations() -> AsyncStream<EngineObservation> {
        let (stream, continuation) = AsyncStream<EngineObservation>.makeStream(bufferingPolicy: .bufferingNewest(4096))
        let id = knowledge.withLock { knowledge in
            knowledge.nextToken += 1
            knowledge.observers[knowledge.nextToken] = continuation
            return knowledge.nextToken
        }
        continuation.onTermination = { [weak self] _ in self?.knowledge.withLock { $0.observers[id] = nil } }
        return stream
    }

    package func metrics() -> [MetricFamily] {
        // One by one, as each of the latter takes its time with many tasks, and the loop waits meanwhile.
        let active = planner.withLock { $0.activeRuns }
        let next = planner.withLock { $0.nextRuns() }
        let lastSuccess = planner.withLock { $0.lastSuccesses() }
        let now = clock.now
        let risks = planner.withLock { $0.risks(at: now) }
        func perTask(_ name: String, _ help: String, _ instants: [(String, Instant)]) -> MetricFamily {
            MetricFamily(
                name: name, kind: .gauge, help: help,
                samples: instants.map { task, at in
                    .init(labels: [("task", task)], reading: .number(Double(at.milliseconds) / 1000))
                })
        }
        return counters.families() + http.metrics() + [
            MetricFamily(
                name: "insights_runs_active", kind: .gauge, help: "Runs whose code is going on.",
                samples: [.init(labels: [], reading: .number(Double(active)))]),
            perTask("insights_task_next_run_timestamp_seconds", "When the task is due next.", next),
            perTask(
                "insights_task_last_success_timestamp_seconds", "Scheduled instant of the last success.", lastSuccess),
            MetricFamily(
                name: "insights_task_at_risk", kind: .gauge,
                help: "1 when the last success is older than three quarters of the retention; tasks that have one.",
                samples: risks.map { task, isAtRisk in
                    .init(labels: [("task", task)], reading: .number(isAtRisk ? 1 : 0))
                }),
        ]
    }

    // MARK: Carrying answers

    private func answer(to token: UInt64) async -> TriggerAnswer {
        await withCheckedContinuation { continuation in
            let isRegistered = knowledge.withLock { knowledge in
                if knowledge.hasEnded { return false }
                if let early = knowledge.early.removeValue(forKey: token) {
                    continuation.resume(returning: early)
                } else {
                    knowledge.waiters[token] = continuation
                }
                return true
            }
            if !isRegistered { continuation.resume(returning: .stopping) }
        }
    }

    /// Hands an answer to who waits for it here, or makes it a write for the process that asked through the store.
    func answer(_ token: UInt64, _ answer: TriggerAnswer) -> StoreWrite? {
        let (waiter, request) = knowledge.withLock { knowledge in
            let found = (knowledge.waiters.removeValue(forKey: token), knowledge.requests.removeValue(forKey: token))
            if found.0 == nil, found.1 == nil { knowledge.early[token] = answer }
            return found
        }
        waiter?.resume(returning: answer)
        guard let request else { return nil }
        return switch answer {
        case .accepted, .skipped: .answer(request, .accepted)
        case .overlaps(let run): .answer(request, .overlaps(run))
        case .unknownTask: .answer(request, .refused(RequestRefusal.unknownTask))
        case .stopping: .answer(request, .refused(RequestRefusal.stopping))
        case .storeUnavailable: .answer(request, .refused(RequestRefusal.storeUnavailable))
        case .elsewhere: .answer(request, .refused(RequestRefusal.elsewhere))
        }
    }

    func refuseWaiters() {
        let waiters = knowledge.withLock { knowledge in
            knowledge.hasEnded = true
            defer { knowledge.waiters = [:] }
            return knowledge.waiters
        }
        for waiter in waiters.values { waiter.resume(returning: .stopping) }
    }

    /// Counts, logs and tells what happened; each once.
    func report(_ observations: [Observation]) {
        guard !observations.isEmpty else { return }
        counters.observe(observations)
        let isWatched = knowledge.withLock { knowledge in
            if !knowledge.watched.isEmpty {
                for case .finished(_, let run, _, _, _, _, _) in observations where knowledge.watched[run] != nil {
                    knowledge.watched[run] = true
                }
            }
            return !knowledge.observers.isEmpty
        }
        for index in observations.indices {
            log(observations[index])
            if isWatched { broadcast(.observation(observations[index])) }
        }
    }

    func broadcast(_ observation: EngineObservation) {
        let observers = knowledge.withLock { Array($0.observers.values) }
        for observer in observers { observer.yield(observation) }
    }

    private func log(_ observation: Observation) {
        switch observation {
        case .started(let task, let run, let attempt, let trigger, _):
            logger.debug(
                "started",
                metadata: [
                    "task": "\(task)", "run": "\(run)", "attempt": .stringConvertible(attempt),
                    "trigger": "\(trigger.rawValue)",
                ])
        // The line of the skip tells it.
        case .finished(_, _, _, .skipped, _, _, _): break
        case .finished(let task, let run, let attempt, let status, let reason, let duration, let error):
            guard status == .failed || status == .timedOut || logger.logLevel <= .info else { return }
            var metadata: Logger.Metadata = ["task": "\(task)", "run": "\(run)"]
            if attempt > 0 { metadata["attempt"] = .stringConvertible(attempt) }
            if let duration { metadata["duration_seconds"] = .stringConvertible(duration.inSeconds) }
            if let reason { metadata["reason"] = "\(reason)" }
            if let error { metadata["code"] = "\(error.code)" }
            if status == .failed || status == .timedOut {
                logger.error("\(status.rawValue): \(error?.message ?? "no reason given")", metadata: metadata)
            } else {
                logger.info("\(status.rawValue)", metadata: metadata)
            }
        case .retrying(let task, let run, let attempt, let error, let at):
            logger.warning(
                "attempt failed, another follows: \(error.message)",
                metadata: [
                    "task": "\(task)", "run": "\(run)", "attempt": .stringConvertible(attempt),
                    "code": "\(error.code)", "retry_at": .stringConvertible(at),
                ])
        case .skipped(let task, let reason, let count):
            let what = count == 1 ? "1 occurrence" : "\(count) occurrences"
            logger.notice("skipped \(what)", metadata: ["task": "\(task)", "reason": "\(reason.rawValue)"])
        case .clockStepped(let step):
            logger.warning("the wall clock stepped by \(step.inSeconds) s against elapsed time")
        case .refused(let task, let run):
            // Who holds a task decides alone: then nothing should have got there first.
            logger.warning(
                "not started, as the store says that another run has this occurrence or attempt",
                metadata: ["task": "\(task)", "run": "\(run)"])
        case .abandoned(let task, let run, let attempt):
            logger.error(
                "its code did not stop when told to and was given up; it can no longer write",
                metadata: ["task": "\(task)", "run": "\(run)", "attempt": .stringConvertible(attempt)])
        }
    }
}

extension TaskView {
    /// Puts together what the manifest, the store and the clock say of a task.
    package init(_ definition: TaskDefinition, stored: StoredTask?, lastRun: RunRecord?, now: Instant) {
        let isPaused = stored?.isPaused ?? false
        let isStarted = definition.settings.isEnabled && !isPaused
        self.init(
            name: definition.name, uses: definition.settings.uses, description: definition.settings.summary,
            isEnabled: definition.settings.isEnabled, isPaused: isPaused, cadence: definition.cadence.description,
            nextRun: isStarted
                ? Forecast.occurrences(of: definition, stored: stored, from: now, count: 1).first : nil,
            lastRun: lastRun, isAtRisk: definition.isAtRisk(lastSuccess: stored?.lastSuccessAt, now: now))
    }
}

extension Cadence: CustomStringConvertible {
    /// In the manifest's own words.
    package var description: String {
        switch self {
        case .every(let milliseconds, let starting):
            "every " + DurationText.format(.milliseconds(milliseconds))
                // Whole seconds as a person writes them.
                + (starting.map { " starting " + $0.description.replacing(".000Z", with: "Z") } ?? "")
        case .cron(let schedule): "cron \(schedule.text) (\(schedule.zone.identifier))"
        case .after(let tasks): "after " + tasks.joined(separator: ", ")
        }
    }
}

extension Engine {
    /// How many tasks have a next instant.
    package var nextRunCount: Int { planner.withLock { $0.scheduledTasks } }
    /// How many runs have code going on or writes not yet answered.
    package var activeRunCount: Int { planner.withLock { $0.heldRuns } }
}
