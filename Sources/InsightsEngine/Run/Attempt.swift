internal import InsightsPlugin
internal import Logging
internal import Synchronization

/// What the attempts of an engine share.
final class AttemptServices: Sendable {
    let clock: any EngineClock
    let commands: any CommandRunner
    let http: any HTTPAccess
    let store: any Store
    let writer: StoreWriter
    /// Told what came of an attempt's code.
    let inbox: EventInbox
    let logger: Logger
    /// Told when an attempt has log lines that the store does not, and when its progress changed.
    let onLog: @Sendable (Attempt) -> Void
    let onProgress: @Sendable (AttemptSpec, Progress) -> Void

    init(
        clock: any EngineClock, commands: any CommandRunner, http: any HTTPAccess, store: any Store,
        writer: StoreWriter, inbox: EventInbox, logger: Logger, onLog: @escaping @Sendable (Attempt) -> Void,
        onProgress: @escaping @Sendable (AttemptSpec, Progress) -> Void
    ) {
        self.clock = clock
        self.commands = commands
        self.http = http
        self.store = store
        self.writer = writer
        self.inbox = inbox
        self.logger = logger
        self.onLog = onLog
        self.onProgress = onProgress
    }
}

/// One execution of a module's code: the host that its context talks to.
///
/// What it hands over is held here until the engine takes it for the finishing write, or a checkpoint
/// does. Once ``close()``d nothing can be handed over any more, whatever the code still does.
final class Attempt: RunHost {
    private struct Held {
        var isClosed = false
        /// Who executes the code, while it goes on.
        var worker: ModuleWorker?
        var isCancelled = false
        // `nil` for most of ten thousand short runs, each of which would pay for the making of an empty one.
        private(set) var keptIfAny: Kept?

        var kept: Kept {
            get { keptIfAny ?? Kept() }
            _modify {
                if keptIfAny == nil { keptIfAny = Kept() }
                yield &keptIfAny!
            }
        }
    }

    /// What the code has handed over and said.
    private struct Kept {
        var emissions: [Emission] = []
        var declared: [MetricDeclaration] = []
        var state: [String: Value?] = [:]
        var log: [LogLine] = []
        var logBytes = 0
        var droppedLines = 0
        /// What the ends of output count, beside `logBytes`.
        var endBytes = 0
        /// What the finishing write took along, until the store has taken that.
        var handedLog: [LogLine] = []
        var poison: RunFailure?
        /// The module's last report, and what the HTTP client waits for meanwhile.
        var progress: Progress?
        var waiting: String?
    }

    /// An attempt keeps this much of log, as ``LogLine/size`` counts; more is counted and dropped. A program's output
    /// may take 1 MiB of it, and what is said beside that needs some room as well.
    static let logLimit = (1 << 20) + (16 << 10)
    /// And this much of what its code held back; see ``log(end:)``.
    static let endLimit = (1 << 20) + (1 << 10)
    /// Emissions between two checkpoints.
    static let emissionLimit = 1_000_000
    private static let stateValueLimit = 256 << 10

    let slot: RunSlot
    let spec: AttemptSpec
    private let services: AttemptServices
    private let redactor: Redactor
    private let held = Mutex(Held())

    init(slot: RunSlot, spec: AttemptSpec, services: AttemptServices) {
        self.slot = slot
        self.spec = spec
        self.services = services
        redactor = Redactor(spec.definition.settings.secrets)
    }

    // MARK: The engine's side

    /// Executes the module's code and tells the engine what came of it; never throws.
    ///
    /// - Returns: Whether `worker` may go on with another attempt: not once this one was cancelled, as a cancelled task
    ///   stays so.
    nonisolated(nonsending) func execute(by worker: ModuleWorker) async -> Bool {
        let isCancelled = held.withLock { held in
            held.worker = worker
            return held.isCancelled
        }
        if isCancelled { worker.cancel() }
        let context = RunContext(
            task: spec.definition.name, parameters: spec.definition.settings.parameters,
            scheduledAt: spec.scheduledAt, attempt: spec.attempt, deadline: spec.deadline,
            lastSuccessAt: spec.lastSuccessAt, host: self)
        let result = await Attempt.execute(spec.definition.settings.module, context)
        // From here on a cancellation that comes too late finds no worker, and cannot hit that one's next attempt.
        let (poison, wasCancelled) = held.withLock { held in
            held.worker = nil
            return (held.keptIfAny?.poison, held.isCancelled)
        }
        services.inbox.postEnd(of: slot, verdict(on: result, poison))
        return !wasCancelled
    }

    /// Asks the code to stop.
    func cancel() {
        let worker = held.withLock { held in
            held.isCancelled = true
            return held.worker
        }
        worker?.cancel()
    }

    /// Shuts the door: what the code hands over is dropped, what it logs from here on as well. Its log so far goes with
    /// the finishing write, if one follows.
    func close() {
        held.withLock { held in
            guard !held.isClosed else { return }
            held.isClosed = true
            handLog(&held)
            held.kept.emissions = []
            held.kept.state = [:]
        }
    }

    /// Sets the log aside for the finishing write.
    private func handLog(_ held: inout Held) {
        if held.kept.droppedLines > 0 {
            let text = "\(held.kept.droppedLines) more log lines were dropped: a run keeps 1 MiB"
            held.kept.log.append(LogLine(at: services.clock.now, level: "warning", message: text))
        }
        held.kept.handedLog = held.kept.log
        held.kept.log = []
        held.kept.droppedLines = 0
    }

    /// Closes the attempt if it has nothing to hand over, as most have not.
    ///
    /// - Returns: Whether that is so.
    func closeEmpty() -> Bool {
        held.withLock { held in
            guard held.keptIfAny == nil else { return false }
            held.isClosed = true
            return true
        }
    }

    /// What the finishing write takes along: everything on success, the log alone otherwise.
    ///
    /// The attempt is closed by it, so a late emission cannot slip in. Asked again, as the store refused that write, it
    /// is the log once more. `nil` when there is nothing, as after most runs.
    func takePayload(everything: Bool) -> AttemptPayload? {
        held.withLock { held in
            if held.isClosed { return held.kept.handedLog.isEmpty ? nil : AttemptPayload(log: held.kept.handedLog) }
            held.isClosed = true
            if held.kept.emissions.isEmpty, held.kept.state.isEmpty, held.kept.log.isEmpty, held.kept.droppedLines == 0
            {
                return nil
            }
            handLog(&held)
            var payload = AttemptPayload(log: held.kept.handedLog)
            if everything {
                payload.emissions = held.kept.emissions
                payload.state = held.kept.state
                payload.metrics = spec.definition.settings.declaration.metrics + held.kept.declared
            }
            held.kept.emissions = []
            held.kept.state = [:]
            return payload
        }
    }

    /// The store has answered the finishing write for good.
    func forgetLog() { held.withLock { $0.kept.handedLog = [] } }

    /// Sends the log lines that the store does not have yet, so that a person can follow a run.
    func flushLog() {
        // Taken and queued under one lock: the finishing write, which takes the rest, cannot overtake them.
        held.withLock { held in
            guard !held.kept.log.isEmpty, !held.isClosed else { return }
            let checkpoint = checkpoint(with: AttemptPayload(log: held.kept.log))
            held.kept.log = []
            services.writer.submit(WriteUnit(.checkpoint(checkpoint)))
        }
    }

    /// Task, run and attempt: on every line of the daemon's log that speaks of this attempt.
    var logMetadata: Logger.Metadata {
        [
            "task": .string(spec.definition.name), "run": .string(spec.run.description),
            "attempt": .stringConvertible(spec.attempt),
        ]
    }

    private nonisolated(nonsending) static func execute(
        _ module: any TaskModule, _ context: RunContext
    ) async -> AttemptResult {
        do {
            return .succeeded(summary: try await module.run(context))
        } catch is CancellationError {
            return .cancelled
        } catch let failure as RunFailure {
            return .failed(RunError(failure))
        } catch {
            return .failed(RunError(code: "error", message: String(describing: error), isRetryable: true))
        }
    }

    /// A failure that the host itself found counts, even if the module caught it; and no secret leaves.
    private func verdict(on result: AttemptResult, _ poison: RunFailure?) -> AttemptResult {
        if poison == nil, case .succeeded(nil) = result { return result }
        if let poison { return .failed(redactor.clean(RunError(poison))) }
        return switch result {
        case .succeeded(let summary): .succeeded(summary: summary.map(redactor.clean))
        case .failed(let error): .failed(redactor.clean(error))
        case .cancelled: .cancelled
        }
    }

    private func checkpoint(with payload: AttemptPayload) -> AttemptCheckpoint {
        AttemptCheckpoint(
            run: spec.run, task: spec.task, fence: spec.fence, at: services.clock.now, payload: payload)
    }

    // MARK: The module's side

    var runID: String { spec.run.description }

    var logger: Logger {
        let handler = RunLogHandler(attempt: self, daemon: services.logger)
        return Logger(label: spec.definition.settings.uses) { _ in handler }
    }

    var clock: any RunClock { services.clock }

    var commands: any CommandRunner { services.commands }

    var http: any HTTP.Client {
        services.http.client(run: spec.run, deadline: spec.deadline) { [weak self] in self?.wait(for: $0) }
    }

    /// Keeps a log line, if the run has room for it.
    ///
    /// - Returns: The line without secrets, or `nil` when the attempt is over.
    func record(level: String, message: String, fields: ValueObject) -> LogLine? {
        let line = redactor.clean(LogLine(at: services.clock.now, level: level, message: message, fields: fields))
        let isFirst: Bool? = held.withLock { held in
            guard !held.isClosed else { return nil }
            guard held.kept.logBytes + line.size <= Attempt.logLimit else {
                held.kept.droppedLines += 1
                return false
            }
            held.kept.logBytes += line.size
            held.kept.log.append(line)
            return held.kept.log.count == 1
        }
        guard let isFirst else { return nil }
        if isFirst { services.onLog(self) }
        return line
    }

    /// Keeps the end of something too long, in one piece: a store that has to make room for it then drops what came
    /// before, never a part of it.
    func log(end lines: [HeardLine]) {
        let handler = RunLogHandler(attempt: self, daemon: services.logger)
        let cleaned = lines.map { redactor.clean(handler.line($0)) }
        let wasEmpty: Bool? = held.withLock { held in
            guard !held.isClosed else { return nil }
            let wasEmpty = held.kept.log.isEmpty
            for line in cleaned {
                guard held.kept.endBytes + line.size <= Attempt.endLimit else {
                    held.kept.droppedLines += 1
                    continue
                }
                held.kept.endBytes += line.size
                held.kept.log.append(line)
            }
            return wasEmpty && !held.kept.log.isEmpty
        }
        guard let wasEmpty else { return }
        if wasEmpty { services.onLog(self) }
        for (line, cleaned) in zip(lines, cleaned) { handler.tellDaemon(cleaned, line.level) }
    }

    func emit(_ emissions: [Emission]) throws(RunFailure) {
        try check(emissions)
        let failure: RunFailure? = held.withLock { held in
            guard !held.isClosed else { return nil }
            guard held.kept.emissions.count + emissions.count <= Attempt.emissionLimit else {
                return RunFailure(
                    "too_many_samples",
                    "more than \(Attempt.emissionLimit) samples since the last checkpoint; checkpoint in between",
                    retryable: false)
            }
            held.kept.emissions.append(contentsOf: emissions)
            return nil
        }
        if let failure { throw poisoned(failure) }
    }

    func declare(_ metrics: [MetricDeclaration]) throws(RunFailure) {
        guard spec.definition.settings.declaration.declaresMetricsAtRun else {
            throw poisoned(
                RunFailure(
                    "undeclared_metric", "\(spec.definition.settings.uses) declares its metrics beforehand",
                    retryable: false))
        }
        if let bad = metrics.first(where: { !MetricDeclaration.isValid(name: $0.name) }) {
            throw poisoned(
                RunFailure("bad_sample", "metric name \"\(bad.name)\" must match [a-z][a-z0-9_]*", retryable: false))
        }
        held.withLock { held in
            held.kept.declared.removeAll { old in metrics.contains { $0.name == old.name } }
            held.kept.declared.append(contentsOf: metrics)
        }
    }

    func checkpoint() async throws {
        try Task.checkCancellation()
        let payload: AttemptPayload? = held.withLock { held in
            guard !held.isClosed else { return nil }
            let payload = AttemptPayload(
                emissions: held.kept.emissions,
                metrics: spec.definition.settings.declaration.metrics + held.kept.declared,
                state: held.kept.state, log: held.kept.log)
            held.kept.emissions = []
            held.kept.log = []
            return payload
        }
        guard let payload else { throw CancellationError() }
        if payload.isEmpty { return }
        switch await services.writer.commit(.checkpoint(checkpoint(with: payload))) {
        case .done:
            held.withLock { held in
                for (key, value) in payload.state where held.kept.state[key] == .some(value) {
                    held.kept.state[key] = nil
                }
            }
        case .rejected(let error):
            // What cannot be stored must not take the log along that tells how it came about.
            held.withLock { held in
                if !held.isClosed { held.kept.log.insert(contentsOf: payload.log, at: 0) }
            }
            throw poisoned(RunFailure(error.code, error.message, retryable: error.isRetryable))
        case .fenced, .conflict, .noPlace, nil: throw CancellationError()
        }
    }

    func report(_ progress: Progress) {
        let waiting = held.withLock { held in
            held.kept.progress = progress
            return held.kept.waiting
        }
        services.onProgress(spec, progress.waiting(for: waiting))
    }

    /// Shows people that a run stands still, and why, as its module does not know.
    private func wait(for text: String?) {
        let progress: Progress? = held.withLock { held in
            guard !held.isClosed, held.kept.waiting != text else { return nil }
            held.kept.waiting = text
            return held.kept.progress ?? Progress(done: 0, total: nil, label: "")
        }
        guard let progress else { return }
        if let text { logger.info("\(text)") }
        services.onProgress(spec, progress.waiting(for: text))
    }

    func state(forKey key: String) async throws -> Value? {
        if let changed = held.withLock({ $0.kept.state[key] }) { return changed }
        return try await services.store.state(of: spec.task, forKey: key)
    }

    func setState(_ value: Value?, forKey key: String) throws(RunFailure) {
        guard key.utf8.count <= 512, value.map({ $0.json.utf8.count <= Attempt.stateValueLimit }) ?? true else {
            throw poisoned(
                RunFailure(
                    "state_limit",
                    "state \"\(key.prefix(80))\": a key has at most 512 bytes and a value 256 KiB of JSON",
                    retryable: false))
        }
        held.withLock { $0.kept.state[key] = .some(value) }
    }

    private func poisoned(_ failure: RunFailure) -> RunFailure {
        held.withLock { held in
            if held.kept.poison == nil { held.kept.poison = failure }
        }
        return failure
    }

    private func check(_ emissions: [Emission]) throws(RunFailure) {
        let beforehand = spec.definition.settings.declaration.metrics
        for emission in emissions {
            let refusal = emission.refusal { name in
                beforehand.first { $0.name == name } ?? held.withLock { $0.kept.declared.first { $0.name == name } }
            }
            guard var refusal else { continue }
            if refusal.code == "undeclared_metric" { refusal.message += " by \(spec.definition.settings.uses)" }
            throw poisoned(refusal)
        }
    }
}

extension Progress {
    fileprivate func waiting(for text: String?) -> Progress {
        guard let text else { return self }
        var progress = self
        progress.label = label.isEmpty ? text : "\(label): \(text)"
        return progress
    }
}
