internal import Glibc
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
        let watch = ManifestWatch(path: configuration.watchedPath)
        let pruner = Pruner()
        var chores = [
            Chore(interval: .seconds(1)) { engine in
                engine.flushLogs()
                engine.waitingPool.relieve()
                engine.blockingPool.relieve()
            },
            Chore(interval: .seconds(5)) { await $0.renewLeases() },
            Chore(interval: .seconds(60)) { await pruner.prune($0) },
        ]
        if configuration.watchedPath != nil {
            chores.append(
                Chore(interval: .milliseconds(700)) { engine in
                    if watch.hasSettledChange() { _ = await engine.reload() }
                })
        }
        if configuration.answersRequests {
            chores.append(Chore(interval: .milliseconds(500)) { await $0.answerRequests() })
        }
        return chores
    }

    func repeatedly(every interval: Duration, _ work: @Sendable (Engine) async -> Void) async {
        while !Task.isCancelled {
            do { try await clock.sleep(for: interval) } catch { return }
            await work(self)
        }
    }

    func write() async {
        await writer.run(
            store: store, clock: clock,
            settled: { [weak self] outcomes in
                self?.post(outcomes.map { PlannerEvent.settled($0.0, $0.1, $0.2) })
            },
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

    private func storeChanged(_ error: StoreError?) {
        let changed = knowledge.withLock { knowledge in
            defer { knowledge.storeProblem = error }
            return (knowledge.storeProblem == nil) != (error == nil)
        }
        guard changed else { return }
        if let error {
            logger.error("the store takes no writes, nothing new starts until it does: \(error)")
        } else {
            logger.notice("the store takes writes again")
        }
        post([.storeAvailable(error == nil)])
    }

    private func flushLogs() {
        let attempts = knowledge.withLock { knowledge in
            defer { knowledge.dirtyLogs = [] }
            return knowledge.dirtyLogs
        }
        for attempt in attempts { attempt.flushLog() }
    }

    private func renewLeases() async {
        do {
            let lost = try await store.renewLeases()
            if !lost.isEmpty { post([.leaseLost(lost)]) }
        } catch {
            logger.debug("leases were not renewed: \(error)")
        }
    }

    // MARK: Reload

    func answerReloads() async {
        for await waiter in reloads { waiter.resume(returning: await reloadNow()) }
    }

    private func reloadNow() async -> ReloadAnswer {
        let loaded = await load()
        guard let manifest = loaded.manifest else {
            counters.observeReload(succeeded: false)
            let errors = loaded.diagnostics.filter { $0.severity == .error }
            for error in errors.prefix(20) {
                logger.error("\(error.file):\(error.line):\(error.column): \(error.message) [\(error.code.rawValue)]")
            }
            let count = errors.count == 1 ? "1 error" : "\(errors.count) errors"
            logger.error("the manifest was not reloaded (\(count)); the former one stays in force")
            knowledge.withLock {
                $0.reloadProblem = "\(count) in the changed file; the former one is in force"
            }
            return .invalid(loaded.diagnostics)
        }
        do {
            let stored = try await store.register(manifest.tasks.map(TaskRegistration.init), at: clock.now)
            knowledge.withLock { knowledge in
                knowledge.manifest = manifest
                knowledge.reloadProblem = nil
            }
            post([.manifest(manifest, stored)])
            counters.observeReload(succeeded: true)
            logger.info("manifest reloaded", metadata: ["tasks": "\(manifest.tasks.count)"])
            return .reloaded(warnings: loaded.diagnostics)
        } catch {
            counters.observeReload(succeeded: false)
            storeChanged(error)
            let diagnostic = Diagnostic(
                file: configuration.watchedPath ?? "tasks.yaml", line: 1, column: 1, endColumn: 1, severity: .error,
                code: .file, message: "the store could not register the tasks: \(error)", help: error.help,
                sourceLine: "")
            return .invalid([diagnostic])
        }
    }

    // MARK: Requests of other processes

    private func answerRequests() async {
        do {
            for request in try await store.pendingRequests(limit: 100) { try await handle(request) }
        } catch {
            logger.debug("requests were not read: \(error)")
        }
    }

    private func handle(_ request: Request) async throws(StoreError) {
        switch request.kind {
        case .run(let task, let dependents, let batch):
            if knowledge.withLock({ $0.requests.values.contains(request.id) }) { return }
            if try await store.run(request.id) != nil { return answer(request, .accepted) }
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
            _ = try await cancel(run)
            answer(request, .accepted)
        case .pausesChanged:
            post(try await store.tasks().map { .setPaused(task: $0.name, $0.isPaused) })
            answer(request, .accepted)
        case .reload:
            _ = await reload()
            answer(request, .accepted)
        }
    }

    private func answer(_ request: Request, _ answer: RequestAnswer) {
        writer.submit([PendingWrite(.answer(request.id, answer))])
    }
}

/// Tells a change of a file once it has settled: two looks in a row agree.
private final class ManifestWatch: Sendable {
    private struct Signature: Equatable {
        var seconds: Int
        var nanoseconds: Int
        var size: Int
        var inode: UInt64
    }

    private let path: String?
    private let seen: Mutex<(inForce: Signature?, candidate: Signature?)>

    init(path: String?) {
        self.path = path
        let now = ManifestWatch.look(at: path)
        seen = Mutex((now, now))
    }

    func hasSettledChange() -> Bool {
        let now = ManifestWatch.look(at: path)
        return seen.withLock { seen in
            guard now == seen.candidate else {
                seen.candidate = now
                return false
            }
            // A file that is gone is no change: an editor may be replacing it.
            guard now != nil, now != seen.inForce else { return false }
            seen.inForce = now
            return true
        }
    }

    private static func look(at path: String?) -> Signature? {
        var status = stat()
        guard let path, stat(path, &status) == 0 else { return nil }
        return Signature(
            seconds: status.st_mtim.tv_sec, nanoseconds: status.st_mtim.tv_nsec, size: Int(status.st_size),
            inode: UInt64(status.st_ino))
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
            for task in try await engine.store.tasks() {
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
