import Glibc
import InsightsEngine
import InsightsPlugin
import InsightsStorage
import Logging

/// A manifest of `count` no-op tasks that share their settings, as those of one generated file do.
func manifest(_ count: Int, every milliseconds: Int64, starting: Instant?, module: NoOp) -> Manifest {
    var policy = Policy()
    policy.overlap = .skip
    let settings = TaskSettings(
        uses: "bench.noop", summary: "Does nothing", isEnabled: true, parameters: .object([:]), secrets: [],
        policy: policy, module: module)
    let tasks = (0..<count).map { number in
        TaskDefinition(
            name: "t\(number)", cadence: .every(milliseconds: milliseconds, starting: starting), settings: settings,
            hash: UInt64(number))
    }
    return Manifest(zone: Zone.named("UTC")!, concurrency: 10_000, groups: [:], tasks: tasks, hash: 1)
}

/// An engine on a store that records nothing, or on a new SQLite file beside the working directory, or on `store`.
func engine(_ manifest: Manifest, recorded: Bool, on given: (any Store)? = nil) throws -> (Engine, any Store) {
    let path = "bench-\(getpid()).db"
    for suffix in ["", "-journal", "-wal", "-shm", ".lock"] { unlink(path + suffix) }
    let store: any Store = try given ?? (recorded ? try SQLiteStore.open(path: path) : MemoryStore())
    var configuration = EngineConfiguration(nodeName: "bench-\(getpid())")
    configuration.answersRequests = false
    let engine = Engine(
        store: store, registry: Registry(), manifest: manifest,
        load: { LoadedManifest(manifest: nil, diagnostics: []) }, configuration: configuration, clock: SystemClock(),
        commands: NoCommands(), logger: Logger(label: "bench"))
    return (engine, store)
}

struct NoCommands: CommandRunner {
    func run(
        _ request: CommandRequest, onOutput: @escaping @Sendable (CommandStream, [UInt8]) throws -> Void
    ) async throws -> CommandExit { .exited(127) }
}

/// Registers `count` periodic tasks through the engine: definitions, store, planner.
func register(_ count: Int) async throws {
    let module = NoOp(capacity: 0)
    let (resident, start) = (Measure.residentBytes, ContinuousClock.now)
    let (engine, _) = try engine(
        manifest(count, every: 3_600_000, starting: SystemClock().now.advanced(by: .seconds(3600)), module: module),
        recorded: false)
    try await engine.start()
    let running = _Concurrency.Task { await engine.run() }
    while engine.nextRunCount < count { try await _Concurrency.Task.sleep(for: .milliseconds(1)) }
    let seconds = (ContinuousClock.now - start).inSeconds
    let bytes = Double(Measure.residentBytes - resident) / Double(count)
    report([
        "tasks": .integer(Int64(count)), "per_second": .number(Double(count) / seconds), "bytes_each": .number(bytes),
    ])
    engine.shutdown()
    await running.value
}

/// Every task due every second at the same instant, for `seconds`.
func lateness(tasks: Int, seconds: Int, recorded: Bool) async throws {
    let module = NoOp(capacity: tasks * (seconds + 2))
    let first = Instant(milliseconds: (SystemClock().now.milliseconds / 1000 + 3) * 1000)
    let (engine, store) = try engine(manifest(tasks, every: 1000, starting: first, module: module), recorded: recorded)
    try await engine.start()
    let running = _Concurrency.Task { await engine.run() }
    try await _Concurrency.Task.sleep(for: first.since(SystemClock().now) - .milliseconds(300))
    let processor = Measure.processorSeconds
    try await _Concurrency.Task.sleep(for: .milliseconds(Int64(seconds) * 1000))
    let used = Measure.processorSeconds - processor
    engine.shutdown()
    await running.value
    var line: ValueObject = [
        "tasks": .integer(Int64(tasks)), "runs": .integer(Int64(module.runs)),
        "expected": .integer(Int64(tasks * seconds)), "lateness_p50_ms": .number(module.lateness(at: 0.5)),
        "lateness_p99_ms": .number(module.lateness(at: 0.99)), "lateness_max_ms": .number(module.lateness(at: 1)),
        "processor_seconds": .number(used),
    ]
    if recorded { line["recorded"] = .integer(Int64(try await recordedRuns(store))) }
    report(line)
    await store.close()
}

/// `count` tasks due at one instant: how long until the last of their runs is over (and recorded).
func burst(_ count: Int, recorded: Bool) async throws {
    let module = NoOp(capacity: 0)
    let first = SystemClock().now.advanced(by: .seconds(recorded ? 8 : 4))
    let (engine, store) = try engine(
        manifest(count, every: 3_600_000, starting: first, module: module), recorded: recorded)
    try await engine.start()
    let running = _Concurrency.Task { await engine.run() }
    while SystemClock().now < first { try await _Concurrency.Task.sleep(for: .milliseconds(1)) }
    let (start, processor) = (ContinuousClock.now, Measure.processorSeconds)
    while module.runs < count || engine.activeRunCount > 0 { try await _Concurrency.Task.sleep(for: .milliseconds(1)) }
    engine.shutdown()
    await running.value
    let seconds = (ContinuousClock.now - start).inSeconds
    var line: ValueObject = [
        "runs": .integer(Int64(module.runs)), "runs_per_second": .number(Double(count) / seconds),
        "processor_seconds": .number(Measure.processorSeconds - processor),
    ]
    if recorded { line["recorded"] = .integer(Int64(try await recordedRuns(store))) }
    report(line)
    await store.close()
}

/// How many succeeded runs the store tells, page by page.
func recordedRuns(_ store: any Store) async throws -> Int {
    var (total, cursor): (Int, String?) = (0, nil)
    repeat {
        let page = try await store.runs(RunQuery(status: .succeeded, limit: 10_000, cursor: cursor))
        total += page.items.count
        cursor = page.nextCursor
    } while cursor != nil
    return total
}

func report(_ line: ValueObject) { print(Value.object(line).json) }
