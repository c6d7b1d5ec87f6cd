import Foundation
import InsightsEngine
import InsightsPlugin
import InsightsStorage
import Logging
import Synchronization
import Testing

/// A module whose behaviour is a closure.
struct ScriptedModule: TaskModule {
    var declaration = ModuleDeclaration(
        id: "scripted", summary: "Does what the test says",
        metrics: [MetricDeclaration("answers", unit: "1", shape: .gauge, additive: true, summary: "Answers given")])
    let body: @Sendable (RunContext) async throws -> String?

    func run(_ context: RunContext) async throws -> String? { try await body(context) }
}

/// An engine on a real SQLite file in a folder of its own, with time moved by hand.
final class EngineFixture: Sendable {
    static let start = Instant("2026-01-04T02:00:00Z")!

    let clock: ManualEngineClock
    /// For looking; the engine works with ``faults``, which stand before it.
    let store: SQLiteStore
    let faults: FaultyStore
    let engine: Engine
    let log = LogBook()
    let path: String
    let seen: AsyncStream<EngineObservation>
    private let running: Swift.Task<Void, Never>

    /// - Parameter path: Of an earlier fixture's file, to go on with it.
    init(
        _ tasks: [TaskDefinition], clock: ManualEngineClock = ManualEngineClock(EngineFixture.start),
        path: String? = nil,
        concurrency: Int = 8, isScheduling: Bool = true, http: any HTTPAccess = NoHTTP(),
        reloaded: @escaping @Sendable () async -> LoadedManifest = { LoadedManifest(manifest: nil, diagnostics: []) },
        change: (inout EngineConfiguration) -> Void = { _ in }
    ) async throws {
        self.clock = clock
        self.path = path ?? NSTemporaryDirectory() + "insights-engine-\(UUID().uuidString).db"
        store = try SQLiteStore.open(path: self.path)
        faults = FaultyStore(store)
        var configuration = EngineConfiguration(nodeName: "test-\(UUID().uuidString)")
        configuration.grace = .seconds(5)
        configuration.isSchedulerEnabled = isScheduling
        change(&configuration)
        engine = Engine(
            store: faults, registry: Registry(), manifest: EngineFixture.manifest(tasks, concurrency: concurrency),
            load: reloaded, configuration: configuration, clock: clock, commands: NoCommands(), http: http,
            logger: log.logger)
        seen = engine.observations()
        try await engine.start()
        running = Swift.Task { [engine] in await engine.run() }
    }

    static func manifest(_ tasks: [TaskDefinition], concurrency: Int = 8) -> Manifest {
        Manifest(zone: Zone.named("UTC")!, concurrency: concurrency, groups: [:], tasks: tasks, hash: 1)
    }

    static func task(
        _ name: String, every seconds: Int64 = 3600, after: [String] = [], enabled: Bool = true, secrets: [String] = [],
        hash: UInt64 = 1,
        shape: MetricShape = .gauge, policy change: (inout Policy) -> Void = { _ in },
        _ body: @escaping @Sendable (RunContext) async throws -> String?
    ) -> TaskDefinition {
        var policy = Policy()
        change(&policy)
        var module = ScriptedModule(body: body)
        module.declaration.metrics[0].shape = shape
        let settings = TaskSettings(
            uses: "test.scripted", summary: "A test", isEnabled: enabled, parameters: .object([:]), secrets: secrets,
            policy: policy, module: module)
        let cadence = after.isEmpty ? Cadence.every(milliseconds: seconds * 1000, starting: nil) : .after(after)
        return TaskDefinition(name: name, cadence: cadence, settings: settings, hash: hash)
    }

    /// The next run that ends, as it is stored.
    func nextFinished() async throws -> RunRecord {
        for await case .observation(.finished(_, let run, _, _, _, _, _)) in seen {
            return try #require(try await store.run(run))
        }
        throw CancellationError()
    }

    /// Waits until the engine tells something that fits.
    func observe<Result: Sendable>(_ pick: @Sendable (EngineObservation) -> Result?) async throws -> Result {
        for await observation in seen {
            if let result = pick(observation) { return result }
        }
        throw CancellationError()
    }

    /// Lets time pass, `step` at a time, until `condition` holds.
    func passTime(
        until what: Comment, step: Duration = .milliseconds(100), sourceLocation: SourceLocation = #_sourceLocation,
        _ condition: () async throws -> Bool
    ) async throws {
        // Of a machine that does much else meanwhile.
        let deadline = ContinuousClock.now + .seconds(240)
        while try await !condition() {
            guard ContinuousClock.now < deadline else {
                Issue.record("\(what): never\n\(log.lines.joined(separator: "\n"))", sourceLocation: sourceLocation)
                throw CancellationError()
            }
            await pass(step)
        }
    }

    /// Lets time pass until `work` is done.
    func whileTimePasses<Result: Sendable>(_ work: () async throws -> Result) async rethrows -> Result {
        let passing = Swift.Task { while !Swift.Task.isCancelled { await pass(.milliseconds(100)) } }
        defer { passing.cancel() }
        return try await work()
    }

    /// Moves time on, and leaves the processor to the engine for a moment: a loop that only yields would keep the few
    /// threads of the pool from whatever it waits for.
    private func pass(_ duration: Duration) async {
        clock.advance(by: duration)
        // Cut short when the test has seen enough.
        try? await Swift.Task.sleep(for: .milliseconds(1))
    }

    /// Shuts down and deletes the file.
    func end() async {
        engine.shutdown()
        await drained()
        for suffix in ["", "-journal", "-wal", "-shm", ".lock"] { unlink(path + suffix) }
    }

    /// Moves time on until the engine has stopped by itself after ``Engine/shutdown()``.
    func drained() async {
        await whileTimePasses { await running.value }
        await store.close()
    }
}

private struct NoCommands: CommandRunner {
    func run(
        _ request: CommandRequest, onOutput: @escaping @Sendable (CommandStream, [UInt8]) throws -> Void
    ) async throws -> CommandExit { .exited(127) }
}

/// Lets module code wait until the test says go, and the test until the code is there.
final class Gate: Sendable {
    private let arrivals: AsyncStream<Void>
    private let arrive: AsyncStream<Void>.Continuation
    private let openings: AsyncStream<Void>
    private let openNow: AsyncStream<Void>.Continuation

    init() {
        (arrivals, arrive) = AsyncStream.makeStream()
        (openings, openNow) = AsyncStream.makeStream()
    }

    /// Module code: tells that it is here, and waits; ends early when it is cancelled.
    func pass() async {
        arrive.yield()
        for await _ in openings { return }
    }

    /// Module code that does not listen to cancellation.
    func passStubbornly() async {
        arrive.yield()
        await Swift.Task.detached { [openings] in for await _ in openings { return } }.value
    }

    func arrived() async { for await _ in arrivals { return } }
    func open() { openNow.yield() }
}

/// How often something happened.
final class Calls: Sendable {
    private let made = Atomic(0)
    var count: Int { made.load(ordering: .relaxed) }

    /// - Returns: The count with this one.
    @discardableResult
    func add() -> Int { made.add(1, ordering: .relaxed).newValue }
}
