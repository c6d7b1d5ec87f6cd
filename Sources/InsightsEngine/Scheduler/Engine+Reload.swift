internal import InsightsPlugin
internal import Logging
internal import Synchronization

/// Those who wait for a reload: all that come before it begins share it.
final class ReloadDesk: Sendable {
    private struct State {
        var waiters: [CheckedContinuation<ReloadAnswer, Never>] = []
        var isClosed = false
    }

    /// Yields when there is something to do.
    let signal: AsyncStream<Void>
    private let wake: AsyncStream<Void>.Continuation
    private let state = Mutex(State())

    init() {
        (signal, wake) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Waits for a reload that begins after this call.
    func ask() async -> ReloadAnswer {
        await withCheckedContinuation { continuation in
            let isClosed = state.withLock { state in
                if !state.isClosed { state.waiters.append(continuation) }
                return state.isClosed
            }
            if isClosed { continuation.resume(returning: .stopping) } else { wake.yield() }
        }
    }

    /// Has the file looked at, with nobody waiting.
    func nudge() { wake.yield() }

    func take() -> [CheckedContinuation<ReloadAnswer, Never>] {
        state.withLock { state in
            defer { state.waiters = [] }
            return state.waiters
        }
    }

    /// Answers who waits, and whoever will.
    func close() {
        let rest = state.withLock { state in
            state.isClosed = true
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in rest { waiter.resume(returning: .stopping) }
    }
}

/// Reading the manifest anew.
extension Engine {
    /// So many of a manifest's problems are logged.
    private static let loggedDiagnostics = 20

    package func reload() async -> ReloadAnswer { await reloads.ask() }

    func answerReloads() async {
        for await _ in reloads.signal {
            let waiters = reloads.take()
            // The watch's nudge, and meanwhile somebody else's reload has read the change.
            if waiters.isEmpty, !watch.isChanged { continue }
            let isAsked = !waiters.isEmpty
            let answer = await untilCancelled { await self.reloadNow(isAsked: isAsked) } ?? .stopping
            for waiter in waiters { waiter.resume(returning: answer) }
        }
        reloads.close()
    }

    /// - Parameter isAsked: Somebody wants to know; otherwise what failed before is tried again without a word.
    private func reloadNow(isAsked: Bool) async -> ReloadAnswer {
        // Before the file is read: what changes meanwhile is another change.
        let signature = watch.signature
        // Reading and checking a large file takes its thread for seconds.
        let loaded = await withTaskExecutorPreference(blockingPool) { await load() }
        guard let manifest = loaded.manifest else { return refuse(loaded.diagnostics, signature, isAsked) }
        do throws(StoreError) {
            let known = Dictionary(self.manifest.tasks.map { ($0.name, $0.hash) }) { first, _ in first }
            let registrations = manifest.tasks.map { TaskRegistration($0, isNew: known[$0.name] != $0.hash) }
            let stored = try await store.register(registrations, at: clock.now)
            sharing.withLock { $0.definitions = nil }
            let former = knowledge.withLock { knowledge in
                defer { knowledge.manifest = manifest }
                knowledge.reloadProblem = nil
                return knowledge.manifest
            }
            post([.manifest(manifest, stored)])
            watch.noteRead(signature)
            counters.observeReload(succeeded: true)
            for diagnostic in loaded.diagnostics.prefix(Engine.loggedDiagnostics) {
                logger.warning("\(diagnostic.logLine)")
            }
            tellReload(ManifestChanges(from: former, to: manifest), tasks: manifest.tasks.count)
            return .reloaded(warnings: loaded.diagnostics)
        } catch {
            let isNews = watch.noteFailure(signature, atUptime: clock.moment.uptime)
            knowledge.withLock {
                $0.reloadProblem = "the changed file could not be put in force, the former one is: \(error)"
            }
            if isNews || isAsked {
                logger.error("the manifest was not reloaded, as the store could not take its tasks (\(next)): \(error)")
            }
            return .unavailable(error)
        }
    }

    /// A task that is gone is a warning: half of a file can be a whole manifest.
    private func tellReload(_ changes: ManifestChanges, tasks: Int) {
        var metadata: Logger.Metadata = ["tasks": .stringConvertible(tasks)]
        for (key, names) in changes.fields { metadata[key] = .string(names) }
        let gone = changes.removed.count
        let words = gone == 0 ? "" : gone == 1 ? ", and 1 task is gone" : ", and \(gone) tasks are gone"
        logger.log(level: gone > 0 ? .warning : .info, "manifest reloaded\(words)", metadata: metadata)
    }

    private func refuse(
        _ diagnostics: [Diagnostic], _ signature: FileSignature?, _ isAsked: Bool
    ) -> ReloadAnswer {
        let errors = diagnostics.filter { $0.severity == .error }
        // What cannot even be read may be readable in a moment; what is wrong stays wrong until it is changed.
        let isUnread = errors.contains { $0.code == .file }
        if isUnread {
            guard watch.noteFailure(signature, atUptime: clock.moment.uptime) || isAsked else {
                return .invalid(diagnostics)
            }
        } else {
            watch.noteRead(signature)
        }
        counters.observeReload(succeeded: false)
        for error in errors.prefix(Engine.loggedDiagnostics) { logger.error("\(error.logLine)") }
        let count = errors.count == 1 ? "1 error" : "\(errors.count) errors"
        // To set the variable now is not enough, unlike for `check`.
        let isUnset = errors.contains { $0.code == .unsetVariable }
        let hint = isUnset ? "; the environment and .env are read at the start of this process only" : ""
        logger.error("the manifest was not reloaded (\(count)); the former one stays in force\(hint)")
        knowledge.withLock { $0.reloadProblem = "\(count) in the changed file; the former one is in force\(hint)" }
        return .invalid(diagnostics)
    }

    /// What follows a reload that the store kept from taking effect.
    private var next: String {
        configuration.watchedPath == nil ? "the former one stays in force" : "it is tried again by itself"
    }
}

extension Diagnostic {
    /// As one line of a log.
    fileprivate var logLine: String { "\(file):\(line):\(column): \(message) [\(code.rawValue)]" }
}
