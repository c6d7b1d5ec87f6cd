import Foundation
import GRDB
import InsightsEngine
import InsightsPlugin
import InsightsPostgresServer
import Synchronization
import Testing

@testable import InsightsStorage

/// A copy takes everything along, in both directions, or says that it has not.
@Suite("Copying a store", .offPool)
struct StoreCopyTests {
    private static let copier = NodeIdentity(name: "copy", processID: 42, version: "1")

    /// Two files and a database, none of which is there yet.
    private struct Ways {
        let folder = TemporaryFolder()
        let server: PostgresServer
        let name = "copy_" + UUID().uuidString.prefix(8).lowercased()

        init() throws {
            server = try PostgresServer.shared()
            _ = try server.database(name)
        }

        func file(_ name: String) throws -> StoreURL { try StoreURL("sqlite:\(folder.path)/\(name).db") }

        func database() throws -> StoreURL { try StoreURL(server.socketURI(name)) }
    }

    private func open(_ url: StoreURL) throws -> any Store {
        switch url {
        case .sqlite(let path): try SQLiteStore.open(path: path)
        case .postgres(let uri): try PostgresStore.open(uri: uri.text, lease: .seconds(3600))
        }
    }

    // MARK: Random content

    /// Everything there is to copy: runs in all states by random batches, logs, states, marks, pauses, subjects that were
    /// renamed and archived, series of each shape with odd numbers, gaps, roll-ups, a checkpoint.
    private func fill(_ desk: Desk, _ random: inout Seeded) async throws {
        var model = RunModel(tasks: desk.tasks.map(\.id))
        for _ in 0..<12 {
            let batch = model.batch(&random)
            _ = try await desk.store.commit(batch)
        }
        for number in 0..<6 {
            let key = "forge/org/r\(number) ü\u{1F680} 'quoted' \\"
            let emissions: [Emission] =
                [
                    .subject(Subject(kind: "account", key: "forge/org")),
                    .subject(
                        Subject(
                            kind: "repository", key: key, externalID: "id\(number)",
                            name: number == 1 ? nil : "name \(number)",
                            parent: SubjectReference(kind: "account", key: "forge/org"))),
                ] + samples(key, &random)
            try await desk.emit(emissions)
        }
        try await desk.emit([
            .subject(
                Subject(
                    kind: "repository", key: "forge/org/renamed", externalID: "id2",
                    parent: SubjectReference(kind: "account", key: "forge/org"))),
            .rollUp(
                RollUp(
                    SubjectReference(kind: "account", key: "forge/org"), from: "repository",
                    metrics: [Desk.views.name, Desk.stars.name])),
        ])
        try await desk.store.setPaused(["two", "never seen"], true)
        let run = desk.claim(90_000)
        let mark = AfterMark(task: desk.tasks[1].id, upstream: desk.task, scheduledAt: Desk.at(90_000))
        let payload = AttemptPayload(
            emissions: [], metrics: [], state: ["cursor": .object(["a": .array([.integer(1), .null])])],
            log: [LogLine(at: Desk.at(90_001), level: "info", message: "hello\nthere", fields: ["k": .string("v")])])
        _ = try await desk.commit(
            .claim(run), desk.checkpoint(run.run, at: 90_001, payload),
            desk.finish(
                run.run, .final(.failed, reason: "x"), at: 90_002,
                error: RunError(code: "c", message: "m", isRetryable: true), marks: [mark]))
    }

    private func samples(_ key: String, _ random: inout Seeded) -> [Emission] {
        let subject = Desk.repository(key)
        var emissions: [Emission] = []
        for day in 1...20 {
            let at = Instant("2026-02-\(day < 10 ? "0" : "")\(day)T00:00:00Z")!
            let number = Double(Int.random(in: -3...1_000_000, using: &random))
            emissions.append(.sample(Sample(subject, Desk.views.name, at: at, number)))
            let odd = [0.1 + 0.2, 1e-300, -0.0, 9_007_199_254_740_991, 1e300, number / 7].randomElement(using: &random)!
            emissions.append(.sample(Sample(subject, Desk.stars.name, at: at, odd)))
            if day % 7 == 0 {
                emissions.append(
                    .sample(
                        Sample(subject, Desk.referrers.name, at: at, ranking: [RankedValue(label: "a|b", value: odd)])))
            }
        }
        let lost = Gap(subject, Desk.views.name, from: Desk.day("2026-01-02"), to: Desk.day("2026-01-04"))
        return emissions + [.gap(lost)]
    }

    /// What people and programs are shown of a store.
    private func shown(_ store: any Store) async throws -> [String] {
        var lines = try await store.tasks().map { "\($0)" }
        let runs = try await store.runs(RunQuery(limit: 10_000)).items
        for run in runs {
            lines.append(run.json.json)
            lines += try await store.log(of: run.id, offset: 0).map { "\($0)" }
        }
        for subject in try await store.subjects(SubjectQuery(limit: 1000)).items {
            lines.append(subject.json.json)
            for metric in Desk.metrics {
                let series = try await store.series(SeriesQuery(subject: .id(subject.id), metric: metric.name))
                lines.append(series?.json.json ?? "-")
            }
        }
        lines += try await store.latest(LatestQuery()).map { $0.facts.json }
        for task in try await store.tasks() {
            lines.append(try await store.state(of: task.id, forKey: "cursor")?.json ?? "-")
        }
        return lines
    }

    // MARK: Both ways

    @Test("random content comes from SQLite to PostgreSQL and back as it was, and work goes on there")
    func bothWays() async throws {
        var random = Seeded("store copy")
        let ways = try Ways()
        let kind = StoreKind(name: "file", isShared: false) { _ in
            try SQLiteStore.open(path: ways.folder.path + "/a.db")
        }
        var before: [String] = []
        try await withDesk(kind) { desk async throws in
            try await fill(desk, &random)
            before = try await shown(desk.store)
        }
        let there = try await StoreCopy(from: ways.file("a"), to: ways.database()).run(as: Self.copier)
        #expect(there.count == CopiedTable.all.count)
        // Each kind of row is among the content, or nothing is shown of it.
        for table in there { #expect(table.rows > 0, "\(table.name)") }
        let store = try open(try ways.database())
        #expect(try await shown(store) == before, "seed \(random.seed)")
        await store.close()

        let back = try await StoreCopy(from: ways.database(), to: ways.file("b")).run(as: Self.copier)
        #expect(back == there)
        let file = try open(try ways.file("b"))
        #expect(try await shown(file) == before, "seed \(random.seed)")
        await file.close()

        for url in [try ways.database(), try ways.file("b")] { try await goOn(url, before) }
    }

    /// New tasks, runs and subjects take numbers that are free, and every task can be held.
    private func goOn(_ url: StoreURL, _ before: [String]) async throws {
        let store = try open(url)
        try await store.acquire(Desk.node)
        let names = ["one", "two", "three", "four"]
        let tasks = try await store.register(names.map { TaskRegistration(name: $0, hash: 1) }, at: Desk.start)
        #expect(Set(tasks.map(\.id)).count == 4 && tasks[1].isPaused)
        if let shared = store as? any SharedStore {
            let held = try await shared.hold(tasks.map { HoldWish(task: $0.id, hash: 1) }, limit: 10)
            #expect(held.map(\.task.name) == names)
        }
        var ids = RunIDSource(seed: 1)
        let run = ids.next(at: Desk.start)
        let at = Desk.at(100_000)
        let emissions: [Emission] = [
            .subject(Subject(kind: "repository", key: "new")),
            .sample(Sample(Desk.repository("new"), Desk.stars.name, at: at, 1)),
        ]
        let claim = Claim(
            run: run, task: tasks[3].id, uses: "another.module", occurrence: at, scheduledAt: at, trigger: .cadence,
            attempts: 1, at: at, starts: true, lateness: nil, movesDependents: true, clearsMarks: false,
            startsAnew: false)
        let finish = AttemptFinish(
            run: run, task: tasks[3].id, fence: 1, disposition: .final(.succeeded, reason: nil), at: at,
            payload: AttemptPayload(emissions: emissions, metrics: Desk.metrics))
        #expect(try await store.commit([.claim(claim), .finish(finish)]) == [.done, .done])
        let runs = try await store.runs(RunQuery(limit: 10_000)).items
        #expect(runs.first?.id == run && runs.first?.uses == "another.module")
        await store.close()
    }

    // MARK: What is refused

    @Test("a target that holds anything is refused, and keeps what it holds")
    func notEmpty() async throws {
        let ways = try Ways()
        for url in [try ways.file("a"), try ways.file("b"), try ways.database()] {
            let store = try open(url)
            try await store.acquire(Desk.node)
            _ = try await store.register([TaskRegistration(name: "one", hash: 1)], at: Desk.start)
            await store.close()
        }
        for url in [try ways.file("b"), try ways.database()] {
            let error = await #expect(throws: StoreError.self) {
                try await StoreCopy(from: ways.file("a"), to: url).run(as: Self.copier)
            }
            #expect(error?.kind == .invalid && error?.message.contains("is not empty") == true)
            let store = try open(url)
            #expect(try await store.tasks().map(\.name) == ["one"])
            await store.close()
        }
        let same = await #expect(throws: StoreError.self) {
            try await StoreCopy(from: ways.file("a"), to: ways.file("a")).run(as: Self.copier)
        }
        #expect(same?.kind == .invalid)
        let none = await #expect(throws: StoreError.self) {
            try await StoreCopy(from: ways.file("none"), to: ways.file("new")).run(as: Self.copier)
        }
        #expect(none?.message.contains("there is no database") == true)
    }

    @Test("while a process runs tasks on either, nothing is copied")
    func running() async throws {
        let ways = try Ways()
        for (from, to) in [(try ways.file("a"), try ways.database()), (try ways.database(), try ways.file("a"))] {
            for (running, other) in [(from, to), (to, from)] {
                await (try open(other)).close()
                let store = try open(running)
                try await store.acquire(Desk.node)
                let error = await #expect(throws: StoreError.self) {
                    try await StoreCopy(from: from, to: to).run(as: Self.copier)
                }
                #expect(error?.kind == .alreadyRunning && error?.message.contains("4711") == true)
                await store.close()
            }
        }
        // Now that they are gone: nothing was left behind that keeps from it.
        _ = try await StoreCopy(from: ways.file("a"), to: ways.database()).run(as: Self.copier)
    }

    @Test("a copy that ends in the middle leaves nothing that anybody takes for whole; again makes it whole")
    func interrupted() async throws {
        var random = Seeded("interrupted copy")
        let ways = try Ways()
        let kind = StoreKind(name: "file", isShared: false) { _ in
            try SQLiteStore.open(path: ways.folder.path + "/a.db")
        }
        try await withDesk(kind) { desk async throws in try await fill(desk, &random) }
        for to in [try ways.database(), try ways.file("b")] {
            for step in [StoreCopy.Step.copying, .verifying] {
                let from = try ways.file("a")
                let copy = Task {
                    try await StoreCopy(from: from, to: to) { at, table, _, _ in
                        // Cancels the task that it is called in, once subjects are there.
                        if at == step, table == "subjects" { withUnsafeCurrentTask { $0?.cancel() } }
                    }.run(as: Self.copier)
                }
                await #expect(throws: CancellationError.self) { try await copy.value }
                let error = #expect(throws: StoreError.self) { _ = try open(to) }
                #expect(error?.message.contains("is incomplete") == true)
                #expect(error?.help?.contains("insights store copy") == true)
            }
            let tables = try await StoreCopy(from: ways.file("a"), to: to).run(as: Self.copier)
            #expect(tables.contains { $0.name == "runs" && $0.rows > 0 })
            await (try open(to)).close()
        }
    }

    @Test("what differs from the source is found by its checksum")
    func differs() async throws {
        var random = Seeded("copy that differs")
        let ways = try Ways()
        let kind = StoreKind(name: "file", isShared: false) { _ in
            try SQLiteStore.open(path: ways.folder.path + "/a.db")
        }
        try await withDesk(kind) { desk async throws in try await fill(desk, &random) }
        let (server, name) = (ways.server, ways.name)
        let isDone = Flag()
        let error = await #expect(throws: StoreError.self) {
            try await StoreCopy(from: ways.file("a"), to: ways.database()) { step, table, _, _ in
                guard step == .verifying, table == "names", isDone.raise() else { return }
                _ = try? server.query(
                    "UPDATE insights.days SET value = value + 1 WHERE (series_id, day) = (SELECT series_id, day FROM insights.days LIMIT 1)",
                    in: name)
            }.run(as: Self.copier)
        }
        #expect(error?.message.hasPrefix("days of ") == true, "\(error?.message ?? "")")
        #expect(throws: StoreError.self) { _ = try open(try ways.database()) }
    }

    @Test("memory does not grow with the history: rows come in batches, and all of them")
    func batches() async throws {
        let ways = try Ways()
        let file = try open(try ways.file("a"))
        await file.close()
        let path = ways.folder.path + "/a.db"
        let store = try SQLiteStore.open(path: path)
        let count = 4500
        try await store.write { db, _ in
            for number in 0..<count {
                try db.execute(
                    sql: "INSERT INTO days VALUES (?, ?, ?)", arguments: [number / 1500, number, Double(number) / 3])
            }
        }
        await store.close()
        let seen = Counts()
        let tables = try await StoreCopy(from: ways.file("a"), to: ways.database()) { step, table, done, all in
            if step == .copying, table == "days" { seen.values.withLock { $0.append(done) } }
            #expect(table != "days" || all == count)
        }.run(as: Self.copier)
        #expect(seen.values.withLock { $0 } == [2000, 4000, 4500])
        #expect(tables.first { $0.name == "days" }?.rows == count)
    }
}

private final class Counts: Sendable {
    let values = Mutex<[Int]>([])
}
