public import InsightsPlugin
public import Logging
internal import Synchronization

/// A host that keeps what a module does, and holds it to the contract as the engine would.
///
/// One host is one task: its state and its durable emissions outlive a run, so that a test can run a module
/// twice and look at what the second run adds. See ``run(_:with:scheduledAt:attempt:)``.
public final class RecordingHost: RunHost {
    fileprivate struct State {
        var durable: [Emission] = []
        var held: [Emission] = []
        var durableState: [String: Value] = [:]
        var heldState: [String: Value?] = [:]
        var reports: [Progress] = []
        var checkpoints = 0
        /// By name: those of the declaration and those declared at run time.
        var metrics: [String: MetricDeclaration] = [:]
        var poison: RunFailure?
        var isOver = false
    }

    /// Most emissions between two checkpoints.
    public static let emissionLimit = 1_000_000
    /// Most bytes of JSON in one value of the state.
    public static let stateValueLimit = 256 << 10

    /// Runs programs, as the test chose.
    public let commands: any CommandRunner
    /// Asks servers, as the test chose.
    public let http: any HTTP.Client
    /// Time, as the test chose.
    public let clock: any RunClock
    private let declaration: ModuleDeclaration
    private let log = RecordedLog()
    private let recorded: Mutex<State>

    /// Creates a host for one task.
    ///
    /// - Parameters:
    ///   - declaration: The module's.
    ///   - clock: By default a ``ManualClock``.
    ///   - commands: By default no program is there.
    ///   - http: By default no server can be reached.
    ///   - state: What earlier runs of the task left.
    public init(
        _ declaration: ModuleDeclaration, clock: any RunClock = ManualClock(),
        commands: any CommandRunner = ScriptedCommands(), http: any HTTP.Client = ScriptedHTTP(),
        state: [String: Value] = [:]
    ) {
        self.declaration = declaration
        self.clock = clock
        self.commands = commands
        self.http = http
        let metrics = Dictionary(declaration.metrics.map { ($0.name, $0) }) { first, _ in first }
        recorded = Mutex(State(durableState: state, metrics: metrics))
    }

    /// The same for every run.
    public var runID: String { "01900000-0000-7000-8000-000000000000" }

    /// A logger into ``lines``.
    public var logger: Logger {
        let handler = RecordedLogHandler(log: log)
        return Logger(label: declaration.id) { _ in handler }
    }

    // MARK: What the module did

    /// What is durable: of runs that succeeded, and of checkpoints.
    public var emissions: [Emission] { recorded.withLock { $0.durable } }
    /// The durable samples, in order.
    public var samples: [Sample] { emissions.compactMap { if case .sample(let sample) = $0 { sample } else { nil } } }
    /// The durable subjects, in order.
    public var subjects: [Subject] {
        emissions.compactMap { if case .subject(let subject) = $0 { subject } else { nil } }
    }
    /// The durable roll-ups, in order; what they sum only a store can tell.
    public var rollUps: [RollUp] { emissions.compactMap { if case .rollUp(let rollUp) = $0 { rollUp } else { nil } } }
    /// The durable state.
    public var state: [String: Value] { recorded.withLock { $0.durableState } }
    /// What was logged.
    public var lines: [RecordedLine] { log.lines }
    /// The reports of progress.
    public var reports: [Progress] { recorded.withLock { $0.reports } }
    /// How many checkpoints were made.
    public var checkpoints: Int { recorded.withLock { $0.checkpoints } }

    /// The last number emitted for each instant of one subject's metric: what a store would hold.
    public func series(_ metric: String, of subject: SubjectReference) -> [Instant: Double] {
        var series: [Instant: Double] = [:]
        for sample in samples where sample.metric == metric && sample.subject == subject {
            if case .number(let number) = sample.value { series[sample.at] = number }
        }
        return series
    }

    /// The last number emitted of one subject's metric, or `nil`.
    public func value(_ metric: String, of subject: SubjectReference) -> Double? {
        let last = samples.last { $0.metric == metric && $0.subject == subject }
        return if case .number(let number)? = last?.value { number } else { nil }
    }

    /// Forgets emissions, lines and reports, but not the state: for a look at the next run alone.
    public func forget() {
        recorded.withLock { recorded in
            recorded.durable = []
            recorded.reports = []
            recorded.checkpoints = 0
        }
        log.clear()
    }

    // MARK: Running

    /// Runs a module as the engine does: what it handed over counts when it returns, and otherwise only what
    /// it had checkpointed does.
    ///
    /// - Parameters:
    ///   - parameters: As under `with:`; defaults are filled in, nothing else is checked.
    ///   - scheduledAt: By default the clock's now.
    ///   - attempt: From 1.
    /// - Returns: The module's summary.
    /// - Throws: What the module throws; but a ``RunFailure`` that this host threw at it before counts first.
    @discardableResult
    public func run(
        _ module: any TaskModule, with parameters: Value = [:], scheduledAt: Instant? = nil, attempt: Int = 1
    ) async throws -> String? {
        let context = begin(module, parameters, scheduledAt: scheduledAt, attempt: attempt)
        let result: Result<String?, any Error>
        do { result = .success(try await module.run(context)) } catch { result = .failure(error) }
        return try finish(result)
    }

    /// Lets a module find out what a run could do, as `insights check --online` does: what it hands over is dropped.
    ///
    /// - Throws: What the module throws, which should be nothing but `CancellationError`.
    public func survey(_ module: any TaskModule, with parameters: Value = [:]) async throws -> [OnlineFinding] {
        let context = begin(module, parameters, scheduledAt: nil, attempt: 1)
        defer { recorded.withLock { $0.drop() } }
        return try await module.survey(context)
    }

    private func begin(
        _ module: any TaskModule, _ parameters: Value, scheduledAt: Instant?, attempt: Int
    ) -> RunContext {
        recorded.withLock { recorded in
            recorded.poison = nil
            recorded.isOver = false
        }
        let now = clock.now
        return RunContext(
            task: "test", parameters: module.declaration.parameters.filled(parameters),
            scheduledAt: scheduledAt ?? now, attempt: attempt,
            deadline: now.advanced(by: module.declaration.timeout ?? .seconds(3600)), lastSuccessAt: nil, host: self)
    }

    private func finish(_ result: Result<String?, any Error>) throws -> String? {
        try recorded.withLock { recorded in
            defer { recorded.drop() }
            if let poison = recorded.poison { throw poison }
            let summary = try result.get()
            recorded.keep()
            return summary
        }
    }

    // MARK: RunHost

    /// Takes emissions, each held to the contract.
    public func emit(_ emissions: [Emission]) throws(RunFailure) {
        try guarded { recorded throws(RunFailure) in
            for emission in emissions {
                if let refusal = emission.refusal(declared: { recorded.metrics[$0] }) { throw refusal }
            }
            guard recorded.held.count + emissions.count <= RecordingHost.emissionLimit else {
                throw RunFailure(
                    "too_many_samples", "more than \(RecordingHost.emissionLimit) since the last checkpoint",
                    retryable: false)
            }
            recorded.held += emissions
        }
    }

    /// Adds metrics, if the declaration allows that.
    public func declare(_ metrics: [MetricDeclaration]) throws(RunFailure) {
        let mayDeclare = declaration.declaresMetricsAtRun
        try guarded { recorded throws(RunFailure) in
            guard mayDeclare else {
                throw RunFailure("undeclared_metric", "the module declares its metrics beforehand", retryable: false)
            }
            for metric in metrics {
                guard MetricDeclaration.isValid(name: metric.name) else {
                    throw RunFailure(
                        "bad_sample", "a metric's name is [a-z][a-z0-9_]*, not \"\(metric.name)\"", retryable: false)
                }
                recorded.metrics[metric.name] = metric
            }
        }
    }

    /// Makes what was handed over durable.
    public func checkpoint() async throws {
        try Task.checkCancellation()
        try recorded.withLock { recorded in
            if let poison = recorded.poison { throw poison }
            if recorded.isOver { throw CancellationError() }
            recorded.keep()
            recorded.checkpoints += 1
        }
    }

    /// Keeps a report.
    public func report(_ progress: Progress) { recorded.withLock { $0.reports.append(progress) } }

    /// Reads the state, with this run's own changes.
    public func state(forKey key: String) async throws -> Value? {
        recorded.withLock { recorded in
            if let changed = recorded.heldState[key] { return changed }
            return recorded.durableState[key]
        }
    }

    /// Changes the state within the contract's bounds.
    public func setState(_ value: Value?, forKey key: String) throws(RunFailure) {
        try guarded { recorded throws(RunFailure) in
            guard key.utf8.count <= 512, (value?.json.utf8.count ?? 0) <= RecordingHost.stateValueLimit else {
                throw RunFailure(
                    "state_limit", "a key has at most 512 bytes and a value 256 KiB of JSON", retryable: false)
            }
            recorded.heldState[key] = .some(value)
        }
    }

    /// Runs `body` unless the run is over, and remembers a failure: it ends the run, also when it is caught.
    private func guarded(_ body: (inout State) throws(RunFailure) -> Void) throws(RunFailure) {
        let failure: RunFailure? = recorded.withLock { recorded in
            guard !recorded.isOver else { return nil }
            do throws(RunFailure) {
                try body(&recorded)
                return nil
            } catch {
                recorded.poison = recorded.poison ?? error
                return error
            }
        }
        if let failure { throw failure }
    }
}

extension RecordingHost.State {
    /// Forgets what is not durable; the run is over.
    fileprivate mutating func drop() {
        held = []
        heldState = [:]
        isOver = true
    }

    fileprivate mutating func keep() {
        durable += held
        held = []
        for (key, value) in heldState { durableState[key] = value }
        heldState = [:]
    }
}
