import Glibc
import InsightsEngine
import InsightsPlugin
import InsightsPostgresServer
import InsightsStorage
import Synchronization

/// A server of this measurement's own, durable as any, or the one that `BENCH_POSTGRES` names.
func postgres() throws -> String {
    if let given = getenv("BENCH_POSTGRES") { return String(cString: given) }
    let server = try PostgresServer(settings: ["shared_buffers": "512MB", "max_wal_size": "4GB"])
    return try server.database("bench")
}

/// No-op runs by the store alone: batches of claims that start, each followed by the batch of their ends, over and over
/// for `seconds`. Several processes at once: `BENCH_POSTGRES` names the same database, `number` parts their tasks.
func storePostgres(seconds: Int, number: Int) async throws {
    let store = try PostgresStore.open(uri: try postgres())
    try await store.acquire(NodeIdentity(name: "bench-\(getpid())", processID: getpid(), version: "bench"))
    let names = (0..<100_000).map { TaskRegistration(name: "bench-\(number)-\($0)", hash: 1) }
    let tasks = try await store.register(names, at: SystemClock().now)
    var ids = RunIDSource(seed: UInt64(getpid()))
    let (start, processor) = (ContinuousClock.now, Measure.processorSeconds)
    var (runs, next, instant) = (0, 0, SystemClock().now.milliseconds)
    while ContinuousClock.now - start < .seconds(seconds) {
        let now = SystemClock().now
        let claims = (0..<2048).map { _ in
            defer { next += 1 }
            if next % tasks.count == 0 { instant += 1 }
            let at = Instant(milliseconds: instant)
            return Claim(
                run: ids.next(at: now), task: tasks[next % tasks.count].id, uses: "bench.noop", occurrence: at,
                scheduledAt: at, trigger: .cadence, attempts: 1, at: now, starts: true, lateness: .milliseconds(1),
                movesDependents: true, clearsMarks: false)
        }
        let claimed = try await store.commit(claims.map { .claim($0) })
        let ended = try await store.commit(
            claims.map {
                .finish(
                    AttemptFinish(
                        run: $0.run, task: $0.task, fence: 1, disposition: .final(.succeeded, reason: nil),
                        at: SystemClock().now, duration: .milliseconds(1)))
            })
        guard (claimed + ended).allSatisfy({ $0 == .done }) else { fatalError("not stored") }
        runs += claims.count
    }
    let elapsed = (ContinuousClock.now - start).inSeconds
    report([
        "runs": .integer(Int64(runs)), "runs_per_second": .number(Double(runs) / elapsed),
        "processor_seconds": .number(Measure.processorSeconds - processor),
    ])
    await store.close()
}

/// A server for several processes of one measurement: for each name that it reads it makes a database and tells its URI.
/// It is gone when nobody writes to it any more.
func postgresServer() throws {
    let server = try PostgresServer(settings: ["shared_buffers": "512MB", "max_wal_size": "4GB"])
    while let name = readLine() {
        // At once, whoever reads: a pipe's output is kept back otherwise.
        let line = try server.database(name) + "\n"
        _ = line.withCString { write(STDOUT_FILENO, $0, strlen($0)) }
    }
    try server.stop(.immediate)
}

/// `count` no-op tasks due at one instant, shared by all processes that are given the same database and instant: how long
/// from it until all that this one holds have run and are recorded, and what `/health` took meanwhile at most.
func duePostgres(_ count: Int, at first: Instant) async throws {
    let module = NoOp(capacity: 0)
    let (engine, store) = try engine(
        manifest(count, every: 3_600_000, starting: first, module: module), recorded: true,
        on: PostgresStore.open(uri: try postgres()))
    try await engine.start()
    let running = _Concurrency.Task { await engine.run() }
    let (serving, port) = await serve(engine)
    try await _Concurrency.Task.sleep(for: first.since(SystemClock().now) - .milliseconds(50))
    let held = engine.nextRunCount
    let isOver = Atomic<Bool>(false)
    let processor = Measure.processorSeconds
    let start = ContinuousClock.now + first.since(SystemClock().now)
    async let slowest = slowestHealth(port: port) { isOver.load(ordering: .relaxed) }
    while module.runs < held || engine.activeRunCount > 0 {
        try await _Concurrency.Task.sleep(for: .milliseconds(1))
    }
    let end = ContinuousClock.now
    isOver.store(true, ordering: .relaxed)
    let seconds = (end - start).inSeconds
    report([
        "held": .integer(Int64(held)), "runs": .integer(Int64(module.runs)), "seconds": .number(seconds),
        "runs_per_second": .number(Double(module.runs) / seconds), "health_max_ms": .number(await slowest),
        "processor_seconds": .number(Measure.processorSeconds - processor),
        "megabytes": .number(Measure.peakResidentMegabytes),
    ])
    serving.cancel()
    engine.shutdown()
    await running.value
    await store.close()
    exit(0)
}

/// What pages of a history of `count` finished runs take, the slowest of five each, in milliseconds.
func historyPostgres(_ count: Int) async throws {
    let store = try PostgresStore.open(uri: try postgres())
    try await store.acquire(NodeIdentity(name: "bench-\(getpid())", processID: getpid(), version: "bench"))
    let tasks = try await store.register(
        (0..<1000).map { TaskRegistration(name: "bench-\($0)", hash: 1) }, at: SystemClock().now)
    var ids = RunIDSource(seed: UInt64(getpid()))
    let statuses: [RunStatus] = [.succeeded, .succeeded, .succeeded, .failed, .succeeded, .timedOut, .succeeded]
    var stored = 0
    while stored < count {
        let at = Instant(milliseconds: 1_700_000_000_000 + Int64(stored / 1000) * 60_000)
        let batch = tasks.map { task in
            Claim(
                run: ids.next(at: at), task: task.id, uses: "bench.noop", occurrence: at, scheduledAt: at,
                trigger: .cadence, attempts: 1, at: at, starts: true, lateness: .milliseconds(1), movesDependents: true,
                clearsMarks: false)
        }
        _ = try await store.commit(batch.map { .claim($0) })
        _ = try await store.commit(
            batch.enumerated().map { place, claim in
                .finish(
                    AttemptFinish(
                        run: claim.run, task: claim.task, fence: 1,
                        disposition: .final(statuses[(place + stored / 1000) % statuses.count], reason: nil), at: at,
                        duration: .milliseconds(1)))
            })
        stored += batch.count
    }
    var line: ValueObject = ["runs": .integer(Int64(stored))]
    let middle = Instant(milliseconds: 1_700_000_000_000 + Int64(stored / 2000) * 60_000)
    let queries: [(String, RunQuery)] = [
        ("all", RunQuery(limit: 1000)), ("task", RunQuery(task: "bench-500", limit: 1000)),
        ("failed", RunQuery(status: .failed, limit: 1000)), ("running", RunQuery(status: .running, limit: 1000)),
        ("task_failed", RunQuery(task: "bench-500", status: .failed, limit: 1000)),
        ("since", RunQuery(since: middle, limit: 1000)),
        ("task_since", RunQuery(task: "bench-7", since: middle, limit: 1000)),
    ]
    for (name, query) in queries {
        var (slowest, cursor): (Double, String?) = (0, nil)
        for _ in 0..<5 {
            var page = query
            page.cursor = cursor
            let start = ContinuousClock.now
            cursor = try await store.runs(page).nextCursor
            slowest = max(slowest, (ContinuousClock.now - start).inSeconds * 1000)
        }
        line[name + "_ms"] = .number(slowest)
    }
    report(line)
    await store.close()
}
