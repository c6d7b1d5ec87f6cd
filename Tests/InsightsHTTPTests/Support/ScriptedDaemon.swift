import InsightsEngine
import InsightsPlugin
import Synchronization

/// A daemon that answers from a script and remembers what it was told to do.
final class ScriptedDaemon: Daemon {
    struct Script: Sendable {
        var isAlive = true
        var readiness = Readiness(
            store: .init(isOK: true, detail: "ok"), scheduler: .init(isOK: true, detail: "ok"),
            manifest: .init(isOK: true, detail: "ok"))
        var tasks = Samples.tasks
        var triggers: [TriggerResult] = [
            TriggerResult(task: "activity", answer: .accepted(Samples.runID))
        ]
        var outcomes: [RunRecord] = [Samples.succeeded]
        /// What `outcomes(of:)` waits for first.
        var gate: Gate?
        var cancel = CancelAnswer.cancelling
        var reload = ReloadAnswer.reloaded(warnings: [])
        var metrics: [MetricFamily] = []
    }

    let store: ScriptedReader
    private let script: Mutex<Script>
    private let log = Mutex<[String]>([])

    init(_ script: Script = Script(), store: ScriptedReader = ScriptedReader()) {
        self.script = Mutex(script)
        self.store = store
    }

    /// What was changed, in order.
    var deeds: [String] { log.withLock { $0 } }

    func change(_ edit: (inout Script) -> Void) { script.withLock { edit(&$0) } }

    private func note(_ deed: String) { log.withLock { $0.append(deed) } }

    var reader: any StoreReader { store }
    var manifest: Manifest {
        guard let zone = Zone.named("UTC") else { preconditionFailure("UTC is always there") }
        return Manifest(zone: zone, concurrency: 1, groups: [:], tasks: [], hash: 0)
    }
    var registry: Registry { Registry() }
    var isAlive: Bool { script.withLock { $0.isAlive } }
    func readiness() -> Readiness { script.withLock { $0.readiness } }
    func taskViews() async throws(StoreError) -> [TaskView] {
        try store.check()
        return script.withLock { $0.tasks }
    }

    func occurrences(of task: String, count: Int) async throws(StoreError) -> [Instant]? {
        guard script.withLock({ $0.tasks }).contains(where: { $0.name == task }) else { return nil }
        return (0..<count).map { Samples.noon.advanced(by: .seconds(3600 * $0)) }
    }

    func trigger(_ tasks: [String]?, dependents: Bool) async -> [TriggerResult] {
        note("trigger \(tasks.map { $0.joined(separator: ",") } ?? "all") dependents=\(dependents)")
        return script.withLock { $0.triggers }
    }

    func outcomes(of runs: [RunID]) async throws -> [RunRecord] {
        note("outcomes \(runs.count)")
        let (gate, outcomes) = script.withLock { ($0.gate, $0.outcomes) }
        do {
            try await gate?.wait()
        } catch {
            note("outcomes cancelled")
            throw error
        }
        return outcomes
    }

    func cancel(_ run: RunID) async throws(StoreError) -> CancelAnswer {
        try store.check()
        note("cancel \(run)")
        return script.withLock { $0.cancel }
    }

    func setPaused(_ task: String, _ isPaused: Bool) async throws(StoreError) -> Bool {
        try store.check()
        guard script.withLock({ $0.tasks }).contains(where: { $0.name == task }) else { return false }
        note("\(isPaused ? "pause" : "resume") \(task)")
        return true
    }

    func reload() async -> ReloadAnswer {
        note("reload")
        return script.withLock { $0.reload }
    }

    func metrics() -> [MetricFamily] { script.withLock { $0.metrics } }
}

/// Opens once; whoever waits goes on then, or when cancelled.
final class Gate: Sendable {
    private let stream: AsyncStream<Never>
    private let source: AsyncStream<Never>.Continuation
    private let waiting: AsyncStream<Void>
    private let arrived: AsyncStream<Void>.Continuation

    init() {
        (stream, source) = AsyncStream<Never>.makeStream()
        (waiting, arrived) = AsyncStream<Void>.makeStream()
    }

    func open() { source.finish() }

    func wait() async throws {
        arrived.yield()
        for await _ in stream {}
        try Task.checkCancellation()
    }

    /// Returns when somebody waits.
    func somebodyWaits() async {
        for await _ in waiting { return }
    }
}

/// Set once.
final class Flag: Sendable {
    private let value = Atomic(false)
    var isSet: Bool { value.load(ordering: .relaxed) }
    func set() { value.store(true, ordering: .relaxed) }
}
