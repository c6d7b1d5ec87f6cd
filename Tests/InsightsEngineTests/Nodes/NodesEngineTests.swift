import InsightsEngine
import InsightsPlugin
import Synchronization
import Testing

/// Engines that share a database, with time moved by hand.
@Suite("Engines among others", .timeLimit(.minutes(2))) struct NodesEngineTests {
    /// Some engines on one database.
    private final class Cluster: Sendable {
        let clock = ManualEngineClock(EngineFixture.start)
        let database: SharedDatabase
        let stores: [SharedMemoryStore]
        let engines: [Engine]
        let logs: [LogBook]
        private let running: [Swift.Task<Void, Never>]

        init(_ manifests: [Manifest], notifies: Bool = true) async throws {
            let clock = clock
            let database = SharedDatabase(clock)
            let stores = manifests.map { _ in SharedMemoryStore(database, notifies: notifies) }
            let logs = manifests.map { _ in LogBook() }
            let engines = manifests.indices.map { index in
                var configuration = EngineConfiguration(nodeName: "node-\(index)")
                configuration.grace = .seconds(5)
                return Engine(
                    store: stores[index], registry: Registry(), manifest: manifests[index],
                    load: { LoadedManifest(manifest: nil, diagnostics: []) }, configuration: configuration,
                    clock: clock, commands: Idle(), logger: logs[index].logger)
            }
            (self.database, self.stores, self.logs, self.engines) = (database, stores, logs, engines)
            for engine in engines { try await engine.start() }
            running = engines.map { engine in Swift.Task { await engine.run() } }
        }

        func passTime(
            until what: Comment, _ condition: () async throws -> Bool,
            sourceLocation: SourceLocation = #_sourceLocation
        ) async throws {
            let deadline = ContinuousClock.now + .seconds(240)
            while try await !condition() {
                guard ContinuousClock.now < deadline else {
                    Issue.record(
                        "\(what): never\n\(logs.flatMap(\.lines).joined(separator: "\n"))",
                        sourceLocation: sourceLocation)
                    throw CancellationError()
                }
                await pass()
            }
        }

        /// - Parameter step: How much passes for each millisecond that really does.
        func whileTimePasses<Result: Sendable>(
            step: Duration = .milliseconds(100), _ work: () async throws -> Result
        ) async rethrows -> Result {
            let passing = Swift.Task { while !Swift.Task.isCancelled { await pass(step) } }
            defer { passing.cancel() }
            return try await work()
        }

        private func pass(_ step: Duration = .milliseconds(100)) async {
            clock.advance(by: step)
            try? await Swift.Task.sleep(for: .milliseconds(1))
        }

        /// How many tasks each node holds, by the database.
        var holding: [Int] {
            database.state.withLock { state in
                state.model.nodes.indices.filter { state.model.isAlive($0) }.map { node in
                    state.model.holders.values.count { $0 == node }
                }
            }
        }

        /// The node that holds the task, by its number in the test.
        func holder(of task: String) -> Int? {
            database.state.withLock { state in
                let number = state.model.base.tasks.firstIndex { $0.name == task }
                let node = number.flatMap { state.model.holders[$0] }
                return node.flatMap { Int(state.model.nodes[$0].name.dropFirst(5)) }
            }
        }

        func end() async {
            for engine in engines { engine.shutdown() }
            await whileTimePasses { for task in running { await task.value } }
            for store in stores { await store.close() }
        }
    }

    /// What ran, in order.
    private final class Order: Sendable {
        private let seen = Mutex<[String]>([])
        var names: [String] { seen.withLock { $0 } }
        func note(_ name: String) { seen.withLock { $0.append(name) } }
    }

    private struct Idle: CommandRunner {
        func run(
            _ request: CommandRequest, onOutput: @escaping @Sendable (CommandStream, [UInt8]) throws -> Void
        ) async throws -> CommandExit { .exited(127) }
    }

    @Test("a node that is found dead while it starts enters anew, and gives up after three times")
    func deadAtStart() async throws {
        func engine(losses: Int) -> Engine {
            let clock = ManualEngineClock(EngineFixture.start)
            let store = SharedMemoryStore(SharedDatabase(clock))
            store.losses.withLock { $0 = losses }
            return Engine(
                store: store, registry: Registry(), manifest: EngineFixture.manifest([]),
                load: { LoadedManifest(manifest: nil, diagnostics: []) },
                configuration: EngineConfiguration(nodeName: "node-0"), clock: clock, commands: Idle(),
                logger: LogBook().logger)
        }
        try await engine(losses: 2).start()
        let error = await #expect(throws: StoreError.self) { try await engine(losses: 3).start() }
        #expect(error?.kind == .leaseLost)
    }

    @Test("two nodes share the tasks, and each occurrence runs once", arguments: [true, false])
    func share(notifies: Bool) async throws {
        let calls = Calls()
        let tasks = ["a", "b", "c", "d"].map {
            EngineFixture.task($0, every: 60) { _ in
                calls.add(); return nil
            }
        }
        let manifest = EngineFixture.manifest(tasks)
        let cluster = try await Cluster([manifest, manifest], notifies: notifies)
        try await cluster.passTime(until: "two tasks each") { cluster.holding == [2, 2] }
        try await cluster.passTime(until: "three occurrences of each") {
            try await cluster.stores[0].runs(RunQuery()).items.count { $0.status == .succeeded } >= 12
        }
        await cluster.end()
        let runs = try await cluster.stores[0].runs(RunQuery()).items
        #expect(Set(runs.map { "\($0.task) \($0.scheduledAt)" }).count == runs.count)
        #expect(runs.count { $0.attempt > 0 } == calls.count)
    }

    @Test("what a node that is cut off had is another's within 30 s, its code is stopped, and it comes back")
    func cutOff() async throws {
        let (gate, stops) = (Gate(), Calls())
        let tasks = ["a", "b"].map { name in
            EngineFixture.task(name, every: 100_000) { _ in
                await gate.pass()
                if Swift.Task.isCancelled { stops.add() }
                return nil
            }
        }
        let manifest = EngineFixture.manifest(tasks)
        let cluster = try await Cluster([manifest, manifest])
        await cluster.whileTimePasses {
            await gate.arrived()
            await gate.arrived()
        }
        let first = try #require(cluster.holder(of: "a"))
        cluster.stores[first].isCut = true
        let start = cluster.clock.moment.uptime
        try await cluster.passTime(until: "the other has it") { cluster.holder(of: "a").map { $0 != first } ?? false }
        #expect(cluster.clock.moment.uptime - start <= 30_000)
        #expect(stops.count >= 1)
        #expect(!cluster.engines[first].readiness().isReady)
        try await cluster.passTime(until: "it tells what keeps it out, and not only that its lease is over") {
            cluster.engines[first].readiness().store.detail.contains("cut off")
        }
        cluster.stores[first].isCut = false
        try await cluster.passTime(until: "it is ready again") { cluster.engines[first].readiness().isReady }
        try await cluster.passTime(until: "the run goes on as a further attempt") {
            try await cluster.stores[0].runs(RunQuery()).items.contains { $0.task == "a" && $0.attempt == 2 }
        }
        for _ in 0..<4 { gate.open() }
        await cluster.end()
    }

    @Test("a trigger at a node that does not have the task is passed on, and answered")
    func forwarded() async throws {
        let tasks = ["a", "b"].map { EngineFixture.task($0, every: 100_000) { _ in nil } }
        let manifest = EngineFixture.manifest(tasks)
        let cluster = try await Cluster([manifest, manifest])
        try await cluster.passTime(until: "one task each") { cluster.holding == [1, 1] }
        let other = 1 - (try #require(cluster.holder(of: "a")))
        let results = await cluster.whileTimePasses(step: .milliseconds(5)) {
            await cluster.engines[other].trigger(["a"], dependents: false)
        }
        guard case .accepted(let run) = results[0].answer else {
            Issue.record("\(results)")
            return await cluster.end()
        }
        let records = try await cluster.whileTimePasses { try await cluster.engines[other].outcomes(of: [run]) }
        #expect(records.map(\.status) == [.succeeded] && records.map(\.trigger) == [.manual])
        await cluster.end()
    }

    @Test("a run is cancelled at a node that does not have it, by the one that does")
    func cancelledElsewhere() async throws {
        let gate = Gate()
        let tasks = ["a", "b"].map { name in
            EngineFixture.task(name, every: 100_000) { _ in
                if name == "a" { await gate.pass() }
                try Swift.Task.checkCancellation()
                return nil
            }
        }
        let manifest = EngineFixture.manifest(tasks)
        let cluster = try await Cluster([manifest, manifest])
        await cluster.whileTimePasses { await gate.arrived() }
        let holder = try #require(cluster.holder(of: "a"))
        let run = try #require(
            try await cluster.stores[0].runs(RunQuery()).items.first { $0.task == "a" && $0.status == .running })
        guard case .cancelling = try await cluster.engines[1 - holder].cancel(run.id) else {
            Issue.record("it is not asked for")
            return await cluster.end()
        }
        try await cluster.passTime(until: "it is cancelled") {
            try await cluster.stores[0].run(run.id)?.status == .cancelled
        }
        let ended = try #require(try await cluster.stores[0].run(run.id))
        guard case .finished = try await cluster.engines[1 - holder].cancel(run.id) else {
            Issue.record("\(ended.id) has an end")
            return await cluster.end()
        }
        #expect(ended.attempt == 1 && ended.reason == "operator")
        await cluster.end()
    }

    @Test("a run that a dead node left of a task which no manifest has any more gets its end")
    func abandoned() async throws {
        let gate = Gate()
        let (kept, dropped) = (
            EngineFixture.task("kept", every: 100_000) { _ in nil },
            EngineFixture.task("dropped", every: 100_000) { _ in
                await gate.pass()
                return nil
            }
        )
        var (both, one) = (EngineFixture.manifest([kept, dropped]), EngineFixture.manifest([kept]))
        (both.hash, one.hash) = (1, 2)
        let cluster = try await Cluster([both, one])
        await cluster.whileTimePasses { await gate.arrived() }
        #expect(cluster.holder(of: "dropped") == 0)
        cluster.stores[0].isCut = true
        func left() async throws -> [RunRecord] {
            try await cluster.stores[1].runs(RunQuery()).items.filter { $0.task == "dropped" }
        }
        try await cluster.passTime(until: "the run has an end") { try await left().allSatisfy { $0.status.isFinal } }
        let run = try #require(try await left().first)
        #expect(try await left().count == 1 && run.status == .cancelled && run.reason == "lost" && run.attempt == 1)
        cluster.stores[0].isCut = false
        gate.open()
        await cluster.end()
    }

    // One task in thirty runs on a busy machine is passed on instead of gathered, which keeps no order: the test must first
    // be able to tell when the holder is idle.
    @Test(
        "tasks that are triggered together are gathered, and keep to their order",
        .disabled("now and then a task is passed on instead of gathered"))
    func gathered() async throws {
        let order = Order()
        let tasks = ["a", "b", "c"].map { name in
            EngineFixture.task(name, every: 100_000, after: name == "a" ? [] : ["a"]) { _ in
                order.note(name)
                return nil
            }
        }
        let manifest = EngineFixture.manifest(tasks)
        let cluster = try await Cluster([manifest, manifest])
        try await cluster.passTime(until: "the tasks are shared") { cluster.holding.sorted() == [1, 2] }
        // The first occurrences, which would be in the way.
        try await cluster.passTime(until: "the start is over") {
            let runs = try await cluster.stores[0].runs(RunQuery()).items
            // The holder may not know yet what is stored.
            return Set(runs.map(\.task)).count == 3 && runs.allSatisfy { $0.status == .succeeded }
                && cluster.engines.allSatisfy { $0.activeRunCount == 0 }
        }
        // The other node needs real time to give its task away, of which the trigger waits for 3 s.
        let results = await cluster.whileTimePasses(step: .milliseconds(2)) {
            await cluster.engines[0].trigger(nil, dependents: true)
        }
        let runs = results.compactMap { if case .accepted(let run) = $0.answer { run } else { nil } }
        #expect(runs.count == 3)
        let records = try await cluster.whileTimePasses { try await cluster.engines[0].outcomes(of: runs) }
        #expect(records.allSatisfy { $0.status == .succeeded })
        // Those of the start came before.
        #expect(order.names.suffix(3).first == "a")
        await cluster.end()
    }

    @Test("a task with after follows an upstream that another node has")
    func followed() async throws {
        let tasks = [
            EngineFixture.task("a", every: 100_000) { _ in nil }, EngineFixture.task("b", after: ["a"]) { _ in nil },
        ]
        let manifest = EngineFixture.manifest(tasks)
        let cluster = try await Cluster([manifest, manifest])
        try await cluster.passTime(until: "one task each") { cluster.holding == [1, 1] }
        // The first occurrences: another that came while they go on would be skipped.
        try await cluster.passTime(until: "the start is over") {
            let runs = try await cluster.stores[0].runs(RunQuery()).items
            return runs.contains { $0.task == "b" } && runs.allSatisfy { $0.status == .succeeded }
        }
        let holder = try #require(cluster.holder(of: "a"))
        let results = await cluster.whileTimePasses { await cluster.engines[holder].trigger(["a"], dependents: true) }
        guard case .accepted(let run) = results[0].answer else {
            Issue.record("\(results)")
            return await cluster.end()
        }
        let upstream = try #require(
            try await cluster.whileTimePasses { try await cluster.engines[holder].outcomes(of: [run]) }.first)
        try await cluster.passTime(until: "b followed") {
            try await cluster.stores[0].runs(RunQuery()).items.contains {
                $0.task == "b" && $0.scheduledAt == upstream.scheduledAt && $0.status == .succeeded
            }
        }
        await cluster.end()
    }

    @Test("of a task whose definition differs each node says so, and the newer one runs where it is known")
    func manifests() async throws {
        let (old, new) = (Calls(), Calls())
        var first = EngineFixture.manifest([
            EngineFixture.task("a", every: 10) { _ in
                old.add(); return nil
            }
        ])
        first.hash = 1
        var second = EngineFixture.manifest([
            EngineFixture.task("a", every: 10, hash: 2) { _ in
                new.add(); return nil
            }
        ])
        second.hash = 2
        let cluster = try await Cluster([first, second])
        try await cluster.passTime(until: "the newer one runs") { new.count >= 2 }
        #expect(cluster.holder(of: "a") == 1)
        let details = cluster.engines.map { $0.readiness().manifest }
        #expect(details.allSatisfy { $0.isOK && $0.detail.contains("another manifest is in force") })
        #expect(details[0].detail.contains("registered with another definition: a"))
        #expect(!details[1].detail.contains("registered"))
        await cluster.end()
    }
}
