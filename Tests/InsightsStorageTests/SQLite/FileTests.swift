import Foundation
import GRDB
import InsightsEngine
import InsightsPlugin
import Synchronization
import Testing

@testable import InsightsStorage

@Suite("The SQLite file")
struct FileTests {
    let folder = TemporaryFolder()
    var path: String { folder.file("insights.db") }

    static func refusal(_ path: String, _ mode: SQLiteStore.Mode = .create) throws -> StoreError {
        try #require(throws: StoreError.self) { _ = try SQLiteStore.open(path: path, mode: mode) }
    }

    @Test("a new file is one of ours, durable and not in WAL mode")
    func pragmas() async throws {
        let store = try SQLiteStore.open(path: path)
        let inside = try await store.pragmas(["journal_mode", "synchronous", "application_id", "user_version"])
        #expect(inside == ["persist", "2", "1769170804", "2"])
        await store.close()
        let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        // Write and read version of the header: 1 is a rollback journal, 2 would be WAL.
        #expect(bytes[18] == 1 && bytes[19] == 1)
        #expect(!FileManager.default.fileExists(atPath: path + "-wal"))
    }

    @Test("a file in WAL mode is converted, and what it holds stays")
    func convertsWAL() async throws {
        try await fill()
        let queue = try DatabaseQueue(path: path)
        let mode = try await queue.writeWithoutTransaction { try String.fetchOne($0, sql: "PRAGMA journal_mode = WAL") }
        #expect(mode == "wal")
        try queue.close()
        let store = try SQLiteStore.open(path: path)
        #expect(try await store.pragmas(["journal_mode"]) == ["persist"])
        #expect(try await store.runs(RunQuery()).items.count == 1)
        await store.close()
    }

    @Test("a file that another process keeps in WAL mode is refused with the way out")
    func refusesHeldWAL() async throws {
        try await fill()
        var configuration = Configuration()
        configuration.allowsUnsafeTransactions = true
        let queue = try DatabaseQueue(path: path, configuration: configuration)
        try await queue.writeWithoutTransaction { db in
            _ = try String.fetchOne(db, sql: "PRAGMA journal_mode = WAL")
            try db.execute(sql: "BEGIN; SELECT * FROM tasks")
        }
        let error = try Self.refusal(path)
        #expect(error.kind == .unavailable && error.message.contains("journal mode wal"))
        #expect(error.help?.contains("end that process") == true)
        try await queue.writeWithoutTransaction { try $0.execute(sql: "COMMIT") }
        try queue.close()
        await (try SQLiteStore.open(path: path)).close()
    }

    @Test("tables of a newer program are refused, both versions named")
    func newerSchema() async throws {
        try await fill()
        try edit("PRAGMA user_version = 99")
        for mode in [SQLiteStore.Mode.create, .readWrite, .readOnly] {
            let error = try Self.refusal(path, mode)
            #expect(error.kind == .schemaTooNew)
            #expect(error.message.contains("version 99") && error.message.contains("version 2"))
        }
    }

    @Test("many that find no file at once make one together, and none takes it for another program's")
    func madeTogether() throws {
        for round in 0..<40 {
            let path = folder.file("\(round).db")
            let refusals = Mutex<[String]>([])
            DispatchQueue.concurrentPerform(iterations: 6) { _ in
                do {
                    _ = try SQLiteStore.open(path: path)
                } catch {
                    refusals.withLock { $0.append("\(error)") }
                }
            }
            #expect(refusals.withLock(\.self) == [])
        }
    }

    @Test("what a process left that was killed while it made the tables is made whole")
    func halfMade() async throws {
        let queue = try DatabaseQueue(path: path)
        try await queue.writeWithoutTransaction { db in
            try db.execute(
                sql: "PRAGMA application_id = 1769170804; CREATE TABLE grdb_migrations (identifier TEXT PRIMARY KEY)")
        }
        try queue.close()
        let error = try Self.refusal(path, .readOnly)
        #expect(error.kind == .unavailable && error.message.contains("empty"))
        let store = try SQLiteStore.open(path: path)
        #expect(try await store.pragmas(["user_version"]) == ["2"])
        #expect(try await store.runs(RunQuery()).items.isEmpty)
        await store.close()
    }

    @Test("a new file has no version until all its tables are made: nobody takes it for an older program's")
    func versionLast() async throws {
        let queue = try DatabaseQueue(path: path)
        try SQLiteSchema.migrator.migrate(queue, upTo: "1")
        #expect(try await queue.read { try Int.fetchOne($0, sql: "PRAGMA user_version") } == 0)
        try queue.close()
        let error = try Self.refusal(path, .readOnly)
        #expect(error.kind == .unavailable && error.message.contains("empty"))
        let store = try SQLiteStore.open(path: path)
        #expect(try await store.pragmas(["user_version"]) == ["2"])
        await store.close()
    }

    @Test("another program's database is left alone")
    func foreign() throws {
        let queue = try DatabaseQueue(path: path)
        try queue.write { try $0.execute(sql: "CREATE TABLE songs (title TEXT)") }
        try queue.close()
        let before = try Data(contentsOf: URL(fileURLWithPath: path))
        for mode in [SQLiteStore.Mode.create, .readWrite, .readOnly] {
            let error = try Self.refusal(path, mode)
            #expect(error.kind == .damaged && error.message.contains("another program"))
        }
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == before)
    }

    @Test("an empty file becomes a database where it may, and says what it is where not")
    func empty() async throws {
        try Data().write(to: URL(fileURLWithPath: path))
        let error = try Self.refusal(path, .readOnly)
        #expect(error.kind == .unavailable && error.message.contains("empty"))
        await (try SQLiteStore.open(path: path)).close()
        await (try SQLiteStore.open(path: path, mode: .readOnly)).close()
    }

    @Test("a file that must be there is not made", arguments: [SQLiteStore.Mode.readWrite, .readOnly])
    func missing(_ mode: SQLiteStore.Mode) throws {
        let error = try Self.refusal(path, mode)
        #expect(error.kind == .unavailable && error.message.contains(path))
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    @Test("a missing directory, and a directory in the file's place, are named")
    func places() throws {
        let inside = try Self.refusal(folder.file("missing/insights.db"))
        #expect(inside.kind == .unavailable && inside.help?.contains(folder.file("missing")) == true)
        #expect(try Self.refusal(folder.path).kind == .unavailable)
        #expect(try Self.refusal(folder.file("missing/")).kind == .unavailable)
    }

    @Test("two ways to one file meet at one lock")
    func symbolicLink() async throws {
        let store = try SQLiteStore.open(path: path)
        try await store.acquire(Desk.node)
        let link = folder.file("link.db")
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: path)
        let other = try SQLiteStore.open(path: link)
        #expect(other.path == store.path)
        let error = await #expect(throws: StoreError.self) { try await other.acquire(Desk.node) }
        #expect(error?.kind == .alreadyRunning)
        await other.close()
        await store.close()
    }

    @Test("a store opened for reading writes nothing")
    func readOnly() async throws {
        try await fill()
        let store = try SQLiteStore.open(path: path, mode: .readOnly)
        #expect(try await store.runs(RunQuery()).items.count == 1)
        for body in [
            { try await store.probe() }, { try await store.acquire(Desk.node) },
            { try await store.setPaused(["one"], true) },
        ] as [@Sendable () async throws -> Void] {
            let error = await #expect(throws: StoreError.self) { try await body() }
            #expect(error?.kind == .invalid)
        }
        await store.close()
    }

    @Test("invalid UTF-8 that another program wrote is read as U+FFFD")
    func invalidText() async throws {
        try await fill()
        try edit("UPDATE runs SET reason = CAST(x'61ff62' AS TEXT), summary = CAST(x'c328' AS TEXT)")
        let store = try SQLiteStore.open(path: path)
        let run = try #require(try await store.runs(RunQuery()).items.first)
        #expect(run.reason == "a\u{FFFD}b" && run.summary == "\u{FFFD}(")
        await store.close()
    }

    @Test("the index over each query's order is used, also when nothing is known of the data")
    func plans() async throws {
        let store = try SQLiteStore.open(path: path)
        let plans = try await store.plans([
            "SELECT row FROM runs INDEXED BY runs_by_time ORDER BY scheduled_at DESC, row DESC LIMIT 5",
            "SELECT row FROM runs INDEXED BY runs_by_status WHERE status = 1 ORDER BY scheduled_at DESC, row DESC",
            "SELECT row FROM runs INDEXED BY runs_by_task WHERE row >> 14 = 0 AND task_id = 1 ORDER BY scheduled_at DESC, row DESC",
        ])
        #expect(!plans[0].contains("USE TEMP B-TREE FOR ORDER BY"))
        #expect(!plans[1].contains("TEMP B-TREE") && plans[1].contains("COVERING"))
        #expect(!plans[2].contains("TEMP B-TREE") && plans[2].contains("task_id=?"))
        let measures = try await store.plans([
            "SELECT day, value FROM days WHERE series_id = 1 AND day >= 2 AND day < 9 ORDER BY day",
            """
            SELECT x.id FROM subjects c JOIN series x ON x.subject_id = c.id AND x.metric = 'm'
            WHERE c.parent_id = 1 AND c.kind = 'k'
            """,
            "SELECT s.key FROM subjects s LEFT JOIN series x ON x.subject_id = s.id AND x.metric = 'm' ORDER BY x.latest_value",
        ])
        #expect(measures[0].contains("PRIMARY KEY") && !measures[0].contains("TEMP B-TREE"))
        #expect(measures[1].contains("subjects_by_parent") && measures[1].contains("series_by_subject"))
        #expect(measures[2].contains("series_by_subject (subject_id=? AND metric=?)"))
        await store.close()
    }

    @Test("a daily sample takes at most 60 bytes of the file, collected fortnight by fortnight")
    func sampleSize() async throws {
        let desk = try await Desk(StoreKind.all[0])
        let (repositories, fortnights) = (60, 26)
        for fortnight in 0..<fortnights {
            let emissions = (0..<repositories).flatMap { number in
                ["views", "visitors"].flatMap { metric in
                    (0..<14).map { day in
                        let at = Day.adding(fortnight * 14 + day, to: Day.parse("2025-01-01"))
                        let subject = Desk.repository("forge.example/org/app-\(number)")
                        return Emission.sample(Sample(subject, metric, at: at, Double(number * (day + 1))))
                    }
                }
            }
            try await desk.emit(emissions)
        }
        let store = try #require(desk.store as? SQLiteStore)
        let bytes = try FileManager.default.attributesOfItem(atPath: store.path)[.size] as? Int ?? .max
        let samples = repositories * 2 * fortnights * 14
        #expect(try await store.count("SELECT count(*) FROM days") == samples)
        #expect(bytes <= 60 * samples, "\(bytes / samples) bytes a sample")
        await desk.close()
    }

    @Test("tables of the first version are brought up to date, and what they hold stays")
    func firstVersion() async throws {
        try await fill()
        try edit(
            """
            ALTER TABLE series DROP COLUMN sum_of; ALTER TABLE series DROP COLUMN stale_day;
            DELETE FROM grdb_migrations WHERE identifier = '2'; PRAGMA user_version = 1
            """)
        // Who may only read cannot bring it up to date.
        let error = try Self.refusal(path, .readOnly)
        #expect(error.kind == .unavailable && error.message.contains("version 1"))
        #expect(error.help?.contains("insights serve") == true)
        let store = try SQLiteStore.open(path: path, mode: .readWrite)
        #expect(try await store.pragmas(["user_version"]) == ["2"])
        #expect(try await store.runs(RunQuery()).items.count == 1)
        #expect(try await store.latest(LatestQuery()).isEmpty)
        await store.close()
        await (try SQLiteStore.open(path: path, mode: .readOnly)).close()
    }

    // MARK: Means

    private func fill() async throws {
        let store = try SQLiteStore.open(path: path)
        let task = try await store.register([TaskRegistration(name: "one", hash: 1)], at: Desk.start)[0].id
        let claim = Claim(
            run: RunID(high: 1, low: 2), task: task, uses: "m.x", occurrence: Desk.start, scheduledAt: Desk.start,
            trigger: .cadence, attempts: 1, at: Desk.start, starts: true, lateness: nil, movesDependents: true,
            clearsMarks: false)
        #expect(try await store.commit([.claim(claim)]) == [.done])
        await store.close()
    }

    private func edit(_ sql: String) throws {
        let queue = try DatabaseQueue(path: path)
        try queue.writeWithoutTransaction { try $0.execute(sql: sql) }
        try queue.close()
    }
}
