public import Logging

/// How far a run is.
public struct Progress: Hashable, Sendable {
    /// Units done so far.
    public var done: Int
    /// Units in all, or `nil` when that is not known.
    public var total: Int?
    /// What is being done, for people.
    public var label: String

    /// Creates a report.
    public init(done: Int, total: Int?, label: String) {
        self.done = done
        self.total = total
        self.label = label
    }
}

/// What the host does for a run; a module meets it only through ``RunContext``.
///
/// The engine has one, the process protocol's client side another, and test kits a third.
public protocol RunHost: Sendable {
    /// The run's id, a UUIDv7 in lower case.
    var runID: String { get }
    /// Logs into the run's own log and the daemon's.
    var logger: Logger { get }
    /// Logs what was heard before and held back, all at once; see ``RunContext/log(end:)``.
    func log(end lines: [HeardLine])
    /// Time, as the scheduler sees it.
    var clock: any RunClock { get }
    /// Runs programs.
    var commands: any CommandRunner { get }
    /// Asks servers.
    var http: any HTTP.Client { get }
    /// Takes what a run hands over; held until the run succeeds or checkpoints.
    func emit(_ emissions: [Emission]) throws(RunFailure)
    /// Adds metrics to those the module declared, for this run.
    func declare(_ metrics: [MetricDeclaration]) throws(RunFailure)
    /// Makes what was emitted and the state so far durable.
    func checkpoint() async throws
    /// Tells how far the run is; cheap, and the last report wins.
    func report(_ progress: Progress)
    /// Reads the task's stored state, with this run's own changes applied.
    func state(forKey key: String) async throws -> Value?
    /// Changes the task's state; durable with the next checkpoint or success.
    func setState(_ value: Value?, forKey key: String) throws(RunFailure)
}

/// What a run is given.
public struct RunContext: Sendable {
    /// The run's id, a UUIDv7 in lower case.
    public var runID: String { host.runID }
    /// The task's name in the manifest.
    public let task: String
    /// Checked against the module's declaration, defaults filled in.
    public let parameters: Value
    /// The instant the run was due; for a run by hand, that of its trigger.
    public let scheduledAt: Instant
    /// 1 for the first attempt.
    public let attempt: Int
    /// When the attempt is cancelled.
    public let deadline: Instant
    /// The scheduled instant of this task's last success, or `nil` before the first.
    public let lastSuccessAt: Instant?
    let host: any RunHost

    /// Creates a context on top of a host.
    public init(
        task: String, parameters: Value, scheduledAt: Instant, attempt: Int, deadline: Instant,
        lastSuccessAt: Instant?, host: any RunHost
    ) {
        self.task = task
        self.parameters = parameters
        self.scheduledAt = scheduledAt
        self.attempt = attempt
        self.deadline = deadline
        self.lastSuccessAt = lastSuccessAt
        self.host = host
    }

    /// Logs into the run's log (1 MiB is kept, more is counted and dropped) and the daemon's.
    public var logger: Logger { host.logger }
    /// The time.
    public var clock: any RunClock { host.clock }
    /// Runs programs: a deadline, no shell, a clean environment.
    public var commands: any CommandRunner { host.commands }
    /// Asks servers: deadlines, limits, budgets shared with other runs, a cache that survives restarts.
    public var http: any HTTP.Client { host.http }
    /// The task's own key-value store, which survives runs.
    public var state: TaskState { TaskState(host: host) }

    /// Hands over subjects, samples, gaps and roll-ups, applied in order when the run succeeds or checkpoints.
    ///
    /// - Throws: ``RunFailure`` `undeclared_metric`, `bad_sample` (not finite, a bad key, a wrong shape)
    ///   or `too_many_samples` (more than 1 000 000 since the last checkpoint). The attempt is over then:
    ///   it ends with that failure, also when the module catches it.
    public func emit(_ emissions: [Emission]) throws(RunFailure) { try host.emit(emissions) }

    /// Hands over one subject, sample, gap or roll-up.
    public func emit(_ emission: Emission) throws(RunFailure) { try host.emit([emission]) }

    /// Adds metrics to those of the module's declaration, for this run.
    ///
    /// - Throws: ``RunFailure`` `undeclared_metric` when the module does not say
    ///   ``ModuleDeclaration/declaresMetricsAtRun``.
    public func declare(_ metrics: [MetricDeclaration]) throws(RunFailure) { try host.declare(metrics) }

    /// Makes what was emitted and the state so far durable: they stay whatever becomes of the run.
    ///
    /// - Throws: `CancellationError` when the attempt is over: nothing was written then.
    public func checkpoint() async throws { try await host.checkpoint() }

    /// Tells how far the run is.
    public func report(done: Int, of total: Int?, _ label: String) {
        host.report(Progress(done: done, total: total, label: label))
    }
}

/// A small key-value store per task, for cursors and ETags.
///
/// Bounds: a key of at most 512 bytes, a value of at most 256 KiB of JSON.
public struct TaskState: Sendable {
    fileprivate let host: any RunHost

    /// The value of `key`, with this run's own changes applied; `nil` when there is none.
    public func value(forKey key: String) async throws -> Value? { try await host.state(forKey: key) }

    /// Sets or, with `nil`, removes `key`; durable with the next checkpoint or the run's success.
    ///
    /// - Throws: ``RunFailure`` `state_limit` when key or value is too large.
    public func set(_ value: Value?, forKey key: String) throws(RunFailure) { try host.setState(value, forKey: key) }
}

/// Time as a run sees it: tests drive it by hand.
public protocol RunClock: Sendable {
    /// The wall clock.
    var now: Instant { get }
    /// Waits that long, in elapsed time.
    ///
    /// - Throws: `CancellationError` when the run is cancelled meanwhile.
    func sleep(for duration: Duration) async throws
}
