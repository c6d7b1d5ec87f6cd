import Foundation
import InsightsEngine
import InsightsPlugin
import InsightsPostgresServer
import InsightsTestWire
import Testing

@testable import InsightsStorage

/// What becomes of writes when the server, or the way to it, fails in the middle of them. Nothing is timed: a machine
/// that is busy may take its time.
@Suite("Faults of PostgreSQL", .serialized, .offPool)
struct PostgresFaultTests {
    /// Far longer than anything takes that comes to its end at all.
    private static let patience: Duration = .seconds(120)

    private static func name() -> String { "fault_" + UUID().uuidString.prefix(8).lowercased() }

    private static let report = NodeReport(manifest: 7, running: 0, takesShare: true)

    /// Opens a store as a node with one task, whose lease lasts for as long as any test.
    private func open(_ uri: String) async throws -> (store: PostgresStore, task: TaskID) {
        let store = try await offPool { try PostgresStore.open(uri: uri, lease: .seconds(3600)) }
        try await store.acquire(Desk.node)
        let tasks = try await store.register([TaskRegistration(name: "one", hash: 1)], at: Desk.start)
        return (store, tasks[0].id)
    }

    /// A claim of its own occurrence and its end, with one reading.
    private func writes(_ number: Int, _ run: RunID, _ task: TaskID) -> [StoreWrite] {
        let at = Desk.at(Double(number))
        let claim = Claim(
            run: run, task: task, uses: "test.module", occurrence: at, scheduledAt: at, trigger: .cadence, attempts: 1,
            at: at, starts: true, lateness: nil, movesDependents: true, clearsMarks: false, startsAnew: false)
        let emissions: [Emission] = [
            .subject(Subject(kind: "repository", key: "r")),
            .sample(
                Sample(Desk.repository("r"), Desk.downloads.name, at: at, Double(number))),
        ]
        let finish = AttemptFinish(
            run: run, task: task, fence: 1, disposition: .final(.succeeded, reason: nil), at: at,
            payload: AttemptPayload(emissions: emissions, metrics: Desk.metrics))
        return [.claim(claim), .finish(finish)]
    }

    /// Sends a batch until it is answered, as the engine does.
    ///
    /// - Returns: The outcomes, and how often it was not answered.
    private func persist(
        _ store: PostgresStore, _ writes: [StoreWrite]
    ) async throws -> (outcomes: [WriteOutcome], failures: Int) {
        let deadline = ContinuousClock.now + Self.patience
        var failures = 0
        while true {
            do throws(StoreError) {
                return (try await store.commit(writes), failures)
            } catch {
                guard error.kind == .unavailable, ContinuousClock.now < deadline else { throw error }
                failures += 1
                try await Task.sleep(for: .milliseconds(20))
            }
        }
    }

    /// That each run is there once, and nothing else.
    private func check(_ store: PostgresStore, _ runs: [RunID]) async throws {
        let deadline = ContinuousClock.now + Self.patience
        var stored: [RunRecord] = []
        while true {
            do throws(StoreError) {
                stored = try await store.runs(RunQuery(limit: 10_000)).items
                break
            } catch {
                guard error.kind == .unavailable, ContinuousClock.now < deadline else { throw error }
                try await Task.sleep(for: .milliseconds(20))
            }
        }
        #expect(stored.map(\.id.description).sorted() == runs.map(\.description).sorted())
        #expect(stored.allSatisfy { $0.status == .succeeded && $0.attempt == 1 })
        let series = try await store.series(
            SeriesQuery(subject: .key("r", kind: "repository"), metric: Desk.downloads.name))
        #expect(series?.points.count == runs.count)
    }

    private func ids(_ count: Int) -> [RunID] {
        var source = RunIDSource(seed: 3)
        return (0..<count).map { _ in source.next(at: Desk.start) }
    }

    @Test("connections that are ended again and again lose nothing and double nothing")
    func terminated() async throws {
        let server = try PostgresServer.shared()
        let name = Self.name()
        let (store, task) = try await open(try server.database(name))
        let isDone = Flag()
        let runs = ids(60)
        let failures = try await withThrowingTaskGroup(of: Int.self) { group in
            group.addTask {
                try await offPool {
                    // At least so often, however fast the others are.
                    var count = 0
                    while !isDone.isRaised || count < 5 {
                        try server.query(
                            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '\(name)'",
                            in: "postgres")
                        count += 1
                        usleep(100_000)
                    }
                }
                return 0
            }
            group.addTask {
                defer { isDone.raise() }
                var failures = 0
                for (number, run) in runs.enumerated() {
                    let answer = try await persist(store, writes(number, run, task))
                    #expect(answer.outcomes == [.done, .done])
                    failures += answer.failures
                    if failures < 3 { try await Task.sleep(for: .milliseconds(30)) }
                }
                return failures
            }
            return try await group.reduce(0, +)
        }
        #expect(failures > 0)
        try await check(store, runs)
        await store.close()
    }

    @Test("a batch whose answer was lost after COMMIT is sent again, and answered the same")
    func cutAfterCommit() async throws {
        let server = try PostgresServer.shared()
        let name = Self.name()
        _ = try server.database(name)
        let proxy = try CuttingProxy(to: server.port)
        defer { proxy.close() }
        let uri = server.tcpURI(name).replacing(":\(server.port)/", with: ":\(proxy.port)/")
        let (store, task) = try await open(uri)
        let runs = ids(5)
        for (number, run) in runs.enumerated() {
            proxy.cutCommits(1)
            let batch = writes(number, run, task)
            await #expect(throws: StoreError.self) { try await store.commit(batch) }
            #expect(proxy.cutCount == number + 1)
            // It was done, and whoever asks again hears of that.
            #expect(try server.query("SELECT count(*) FROM insights.runs", in: name) == "\(number + 1)")
            #expect(try await persist(store, batch).outcomes == [.done, .done])
        }
        try await check(store, runs)
        await store.close()
    }

    @Test("a lock that another session holds for long is told, and work goes on without it")
    func locked() async throws {
        let server = try PostgresServer.shared()
        let name = Self.name()
        let (store, task) = try await open(try server.database(name))
        let runs = ids(2)
        #expect(try await persist(store, writes(0, runs[0], task)).outcomes == [.done, .done])
        let session = try await offPool { try PostgresSession(server.socketURI(name)) }
        try session.run("BEGIN; LOCK TABLE insights.runs IN ACCESS EXCLUSIVE MODE")
        let write = await #expect(throws: StoreError.self) { try await store.commit(writes(1, runs[1], task)) }
        #expect(write?.kind == .unavailable)
        #expect(write?.message.contains("locked by another session") == true, "\(write?.message ?? "")")
        let read = await #expect(throws: StoreError.self) { try await store.runs(RunQuery()) }
        #expect(read?.kind == .unavailable)
        // What does not need that table is not held up: the lease among it.
        _ = try await store.renew(Self.report)
        try session.run("ROLLBACK")
        #expect(try await persist(store, writes(1, runs[1], task)).outcomes == [.done, .done])
        try await check(store, runs)
        await store.close()
    }

    @Test("a server without a connection left says so, and work goes on when there is one")
    func connectionsTaken() async throws {
        let server = try PostgresServer(settings: [
            "max_connections": "12", "superuser_reserved_connections": "3", "fsync": "off",
        ])
        let name = Self.name()
        let uri = try server.database(name)
        try server.query("CREATE ROLE runner LOGIN", in: name)
        #expect(try await offPool { try PostgresStore.migrate(uri: uri, grantingTo: "runner") }.to > 0)
        let users = server.socketURI(name, user: "runner")
        let (store, task) = try await open(users)
        let runs = ids(2)
        #expect(try await persist(store, writes(0, runs[0], task)).outcomes == [.done, .done])
        try server.query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'runner'", in: "postgres")
        var sessions: [PostgresSession] = []
        while let session = try? PostgresSession(users) {
            sessions.append(session)
            try #require(sessions.count < 20)
        }
        let refused = #expect(throws: StoreError.self) { _ = try PostgresStore.open(uri: users) }
        #expect(refused?.message.contains("has no connection left") == true, "\(refused?.message ?? "")")
        await #expect(throws: StoreError.self) { try await store.commit(writes(1, runs[1], task)) }
        sessions = []
        #expect(try await persist(store, writes(1, runs[1], task)).outcomes == [.done, .done])
        try await check(store, runs)
        await store.close()
        try server.stop(.immediate)
    }

    @Test("a server that is stopped at once and started again has all that was told as done")
    func restarted() async throws {
        let server = try PostgresServer()
        let (store, task) = try await open(try server.database("restarted"))
        let runs = ids(4)
        for (number, run) in runs.enumerated() {
            if number > 0 {
                try server.stop(.immediate)
                let batch = writes(number, run, task)
                let error = await #expect(throws: StoreError.self) { try await store.commit(batch) }
                #expect(error?.kind == .unavailable)
                try server.start()
            }
            let began = ContinuousClock.now
            #expect(try await persist(store, writes(number, run, task)).outcomes == [.done, .done])
            // Ten seconds are promised; more is allowed for here, as the machine may do other things.
            #expect(ContinuousClock.now - began < .seconds(60))
        }
        try await check(store, runs)
        await store.close()
        try server.stop(.immediate)
    }

    @Test("with a synchronous standby that is promoted, nothing that was told as done is lost")
    func promoted() async throws {
        let primary = try PostgresServer(settings: ["fsync": "off"])
        _ = try primary.database("promoted")
        let standby = try PostgresServer(replicating: primary, as: "standby")
        try primary.query("ALTER SYSTEM SET synchronous_standby_names = 'standby'", in: "postgres")
        try primary.query("SELECT pg_reload_conf()", in: "postgres")
        let deadline = ContinuousClock.now + Self.patience
        while try primary.query("SELECT sync_state FROM pg_stat_replication", in: "postgres") != "sync" {
            try #require(ContinuousClock.now < deadline)
            try await Task.sleep(for: .milliseconds(50))
        }
        let password = "p4ss%3Aw0rd"
        let (store, task) = try await open(
            "postgres://postgres:\(password)@127.0.0.1:\(standby.port),127.0.0.1:\(primary.port)/promoted"
                + "?target_session_attrs=read-write")
        let runs = ids(20)
        for (number, run) in runs.enumerated() {
            if number == 10 {
                try primary.stop(.immediate)
                try standby.promote()
            }
            #expect(try await persist(store, writes(number, run, task)).outcomes == [.done, .done])
        }
        try await check(store, runs)
        #expect(try standby.query("SELECT count(*) FROM insights.runs", in: "promoted") == "20")
        await store.close()
        try standby.stop(.immediate)
    }

    @Test("without NOTIFY nobody listens, and news are found by asking")
    func withoutNotices() async throws {
        let server = try PostgresServer.shared()
        let name = Self.name()
        let uri = try server.database(name)
        let stores = try (0..<2).map { _ in
            try PostgresStore.open(uri: uri, notifies: false, lease: .seconds(3600))
        }
        for (number, store) in stores.enumerated() {
            try await store.acquire(NodeIdentity(name: "n\(number)", processID: 1, version: "1"))
        }
        let tasks = try await stores[0].register([TaskRegistration(name: "one", hash: 1)], at: Desk.start)
        #expect(try await stores[1].news(of: []).paused.isEmpty)
        try await stores[0].setPaused(["one"], true)
        try await stores[0].ask([Request(id: ids(1)[0], kind: .reload, at: Desk.start)])
        #expect(try await stores[1].news(of: []).paused == [tasks[0].id])
        #expect(try await stores[1].pendingRequests(limit: 10).map(\.kind) == [.reload])
        let listening = try server.query(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = '\(name)' AND query ILIKE 'LISTEN%'", in: "postgres")
        #expect(listening == "0")
        for store in stores { await store.close() }
    }
}

/// A session of somebody else's, who holds what the store needs.
private final class PostgresSession: @unchecked Sendable {
    // Used by one test at a time.
    private let connection: PostgresConnection

    init(_ uri: String) throws {
        let address = try PostgresAddress(uri)
        connection = try PostgresConnection(address.candidates[0], deadline: .now + .seconds(60))
    }

    func run(_ sql: String) throws {
        connection.deadline = .now + .seconds(60)
        try connection.run(sql)
    }
}
