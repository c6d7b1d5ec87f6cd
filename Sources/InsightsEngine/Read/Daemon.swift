package import InsightsPlugin

/// A task as `list`, `/api/tasks` and pages show it.
package struct TaskView: Sendable {
    package var name: String
    package var uses: String
    package var description: String
    package var isEnabled: Bool
    package var isPaused: Bool
    /// For people and in the manifest's own words: `every 6h`, `cron 0 6 * * MON-FRI (Europe/Berlin)`, `after a, b`.
    package var cadence: String
    /// `nil` when nothing will start it by time.
    package var nextRun: Instant?
    package var lastRun: RunRecord?
    /// See ``TaskDefinition/isAtRisk(lastSuccess:now:)``.
    package var isAtRisk: Bool

    package init(
        name: String, uses: String, description: String, isEnabled: Bool, isPaused: Bool, cadence: String,
        nextRun: Instant?, lastRun: RunRecord?, isAtRisk: Bool = false
    ) {
        self.name = name
        self.uses = uses
        self.description = description
        self.isEnabled = isEnabled
        self.isPaused = isPaused
        self.cadence = cadence
        self.nextRun = nextRun
        self.lastRun = lastRun
        self.isAtRisk = isAtRisk
    }

    /// `{"name","uses","description","enabled","paused","cadence","next_run","last_run","at_risk"}`; `last_run` is a
    /// `Run` or `null`.
    package var json: Value {
        .object([
            "name": .string(name), "uses": .string(uses), "description": .string(description),
            "enabled": .bool(isEnabled), "paused": .bool(isPaused), "cadence": .string(cadence),
            "next_run": Value(nextRun), "last_run": lastRun?.json ?? .null,
            "at_risk": .bool(isAtRisk),
        ])
    }
}

/// Whether the daemon can do its work, and what keeps it from it.
package struct Readiness: Sendable {
    /// One part of it.
    package struct Check: Sendable {
        package var isOK: Bool
        /// For people: `ok`, or what is wrong and the way out.
        package var detail: String

        package init(isOK: Bool, detail: String) {
            self.isOK = isOK
            self.detail = detail
        }
    }

    package var store: Check
    package var scheduler: Check
    package var manifest: Check

    package init(store: Check, scheduler: Check, manifest: Check) {
        self.store = store
        self.scheduler = scheduler
        self.manifest = manifest
    }

    package var isReady: Bool { store.isOK && scheduler.isOK && manifest.isOK }
}

/// What became of one task of a trigger by hand.
package struct TriggerResult: Sendable {
    package var task: String
    package var answer: TriggerAnswer

    package init(task: String, answer: TriggerAnswer) {
        self.task = task
        self.answer = answer
    }
}

/// What became of a wish to cancel a run.
package enum CancelAnswer: Sendable {
    case cancelling
    /// It has its end already.
    case finished(RunRecord)
    case unknownRun
}

/// What became of a reload.
package enum ReloadAnswer: Sendable {
    /// In force now, with its warnings.
    case reloaded(warnings: [Diagnostic])
    /// The old one stays in force.
    case invalid([Diagnostic])
    /// The store could not take the tasks: the old one stays in force.
    case unavailable(StoreError)
    /// The engine has ended, or does before it comes to that.
    case stopping
}

/// A family of metrics, as `/metrics` shows it.
package struct MetricFamily: Sendable {
    package enum Kind: String, Sendable {
        case counter
        case gauge
        case histogram
    }

    /// One line of it; a histogram has one per label set.
    package struct Sample: Sendable {
        package enum Reading: Sendable {
            case number(Double)
            /// Cumulative counts by upper bound (the last is `+Inf`), the sum, the count.
            case histogram(buckets: [(upperBound: Double, count: UInt64)], sum: Double, count: UInt64)
        }

        package var labels: [(name: String, value: String)]
        package var reading: Reading

        package init(labels: [(name: String, value: String)], reading: Reading) {
            self.labels = labels
            self.reading = reading
        }
    }

    /// As `/metrics` names it; of a counter with its `_total`.
    package var name: String
    package var kind: Kind
    package var help: String
    package var samples: [Sample]

    package init(name: String, kind: Kind, help: String, samples: [Sample]) {
        self.name = name
        self.kind = kind
        self.help = help
        self.samples = samples
    }
}

/// The running program as the HTTP side and the commands see it.
package protocol Daemon: Sendable {
    /// What is stored, for every query that needs no running scheduler.
    var reader: any StoreReader { get }
    /// The manifest in force.
    var manifest: Manifest { get }
    /// The modules there are.
    var registry: Registry { get }

    /// Whether the scheduler loop has ticked within the last 10 s; asks nothing else and never waits.
    var isAlive: Bool { get }
    /// For `/ready`; at most a few seconds old.
    func readiness() -> Readiness
    /// The tasks of the manifest in force, in its order.
    func taskViews() async throws(StoreError) -> [TaskView]
    /// One task of the manifest in force, or `nil` when it has none of that name.
    func taskView(_ name: String) async throws(StoreError) -> TaskView?
    /// Coming occurrences of a task, or `nil` when there is no such task.
    func occurrences(of task: String, count: Int) async throws(StoreError) -> [Instant]?
    /// Triggers the named tasks by hand, or every enabled one in `after` order when `tasks` is `nil`.
    ///
    /// - Parameter dependents: Whether what follows by `after` follows; a run of all enabled tasks has it so anyway.
    /// - Returns: An answer for each task, in order.
    func trigger(_ tasks: [String]?, dependents: Bool) async -> [TriggerResult]
    /// Waits until each of the runs has its end, or the engine has: then they are told as they stand.
    ///
    /// - Throws: `CancellationError` when the caller is cancelled meanwhile.
    func outcomes(of runs: [RunID]) async throws -> [RunRecord]
    func cancel(_ run: RunID) async throws(StoreError) -> CancelAnswer
    /// - Returns: `false` when there is no such task.
    func setPaused(_ task: String, _ isPaused: Bool) async throws(StoreError) -> Bool
    /// Reads the manifest anew.
    func reload() async -> ReloadAnswer
    /// The engine's own families; the HTTP side adds its own and the process's.
    func metrics() -> [MetricFamily]
}

extension Daemon {
    /// For those that have no quicker way.
    package func taskView(_ name: String) async throws(StoreError) -> TaskView? {
        try await taskViews().first { $0.name == name }
    }
}
