import Foundation
import InsightsEngine
import InsightsPlugin
import InsightsStorage
import Testing

@Suite("A damaged file")
struct DamageTests {
    struct Damage: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let apply: @Sendable (inout Data) -> Void
    }

    static let damages: [Damage] = [
        Damage(testDescription: "a text file") { $0 = Data("tasks:\n  not: a database\n".utf8) },
        Damage(testDescription: "noise") {
            $0 = Data((0..<50_000).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 7) })
        },
        Damage(testDescription: "its first 100 bytes are gone") { $0.replaceSubrange(0..<100, with: Data(count: 100)) },
        Damage(testDescription: "half of it") { $0 = $0.prefix($0.count / 2) },
        Damage(testDescription: "all but the last page") { $0 = $0.dropLast(8192) },
        Damage(testDescription: "one and a half pages") { $0 = $0.prefix(12_000) },
        Damage(testDescription: "a schema of noise") {
            $0.replaceSubrange(200..<8192, with: Data(repeating: 0x5A, count: 7992))
        },
        Damage(testDescription: "every page but the first of ones") {
            $0.replaceSubrange(8192..., with: Data(repeating: 0xFF, count: $0.count - 8192))
        },
        Damage(testDescription: "every page but the first of zeros") {
            $0.replaceSubrange(8192..., with: Data(count: $0.count - 8192))
        },
    ]

    @Test("is told as damaged, with the way out, and ends nothing", arguments: damages)
    func told(_ damage: Damage) async throws {
        let folder = TemporaryFolder()
        let path = try await Self.filled(folder)
        var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        damage.apply(&bytes)
        try bytes.write(to: URL(fileURLWithPath: path))
        let errors = await Self.everything(path)
        let first = try #require(errors.first)
        #expect(errors.contains { $0.kind == .damaged }, "\(errors)")
        #expect(first.message.contains(path))
        // Its commands are run in the tests of README.md.
        let help = try #require(errors.first { $0.kind == .damaged }?.help)
        #expect(help.contains("restore a backup") && help.contains("README.md, \"Operations\""))
    }

    @Test("with any one byte changed never ends the process, and errors are the store's own")
    func flipped() async throws {
        var random = Seeded("flipped bytes")
        let folder = TemporaryFolder()
        let path = try await Self.filled(folder)
        let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        for _ in 0..<150 {
            var copy = bytes
            for _ in 0..<Int.random(in: 1...20, using: &random) {
                copy[Int.random(in: 0..<copy.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            let place = folder.file("flipped.db")
            try copy.write(to: URL(fileURLWithPath: place))
            for file in ["-journal", ".lock"] { unlink(place + file) }
            let kinds = Set(await Self.everything(place).map(\.kind))
            #expect(kinds.isSubset(of: [.damaged, .unavailable, .schemaTooNew, .invalid]), "seed \(random.seed)")
        }
    }

    @Test("work resumes once a backup is in its place")
    func restored() async throws {
        let folder = TemporaryFolder()
        let path = try await Self.filled(folder)
        let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        let store = try SQLiteStore.open(path: path)
        try Data(repeating: 0xFF, count: bytes.count).write(to: URL(fileURLWithPath: path))
        let error = await #expect(throws: StoreError.self) { try await store.probe() }
        #expect(error?.kind == .damaged)
        await #expect(throws: StoreError.self) { try await store.runs(RunQuery()) }
        try bytes.write(to: URL(fileURLWithPath: path))
        try await store.probe()
        #expect(try await store.runs(RunQuery(limit: 1000)).items.count == 300)
        await store.close()
    }

    // MARK: Means

    /// A file with some of everything in it.
    static func filled(_ folder: TemporaryFolder) async throws -> String {
        let path = folder.file("insights.db")
        let store = try SQLiteStore.open(path: path)
        try await store.acquire(Desk.node)
        let task = try await store.register([TaskRegistration(name: "one", hash: 1)], at: Desk.start)[0].id
        var ids = RunIDSource(seed: 1)
        for number in 0..<300 {
            let at = Desk.at(Double(number))
            let claim = Claim(
                run: ids.next(at: at), task: task, uses: "m.x", occurrence: at, scheduledAt: at, trigger: .cadence,
                attempts: 1, at: at, starts: true, lateness: nil, movesDependents: true, clearsMarks: false)
            let key = Desk.repository("f/r\(number % 40)")
            let payload = AttemptPayload(
                emissions: [
                    .subject(Subject(kind: "repository", key: key.key, externalID: "\(number % 40)", name: "R")),
                    .sample(Sample(key, "stars", at: at, Double(number))),
                    .sample(Sample(key, "commits", at: at.startOfDay, 3)),
                ], metrics: Desk.metrics, state: ["k": .some(.integer(Int64(number)))],
                log: [LogLine(at: at, level: "info", message: "x")])
            let finish = AttemptFinish(
                run: claim.run, task: task, fence: 1, disposition: .final(.succeeded, reason: nil), at: at,
                payload: payload)
            #expect(try await store.commit([.claim(claim), .finish(finish)]) == [.done, .done])
        }
        await store.close()
        return path
    }

    /// Uses the file in every way there is.
    ///
    /// - Returns: The errors met.
    static func everything(_ path: String) async -> [StoreError] {
        let store: SQLiteStore
        do {
            store = try SQLiteStore.open(path: path)
        } catch {
            return [error]
        }
        var errors: [StoreError] = []
        func attempt(_ body: () async throws -> Void) async {
            do {
                try await body()
            } catch let error as StoreError {
                errors.append(error)
            } catch {
                Issue.record("\(error) is no error of the store")
            }
        }
        await attempt { _ = try await store.tasks() }
        await attempt { _ = try await store.runs(RunQuery(limit: 1000)) }
        await attempt { _ = try await store.runs(RunQuery(task: "one", limit: 1000)) }
        await attempt { _ = try await store.runs(RunQuery(status: .succeeded, limit: 1000)) }
        await attempt { _ = try await store.lastRuns() }
        await attempt { _ = try await store.occurrence(task: "one", at: Desk.start) }
        await attempt { _ = try await store.subjects(SubjectQuery(sort: "stars")) }
        await attempt { _ = try await store.latest(LatestQuery()) }
        await attempt { _ = try await store.series(SeriesQuery(subject: .key("f/r1", kind: nil), metric: "stars")) }
        await attempt { _ = try await store.state(of: TaskID(1), forKey: "k") }
        await attempt { _ = try await store.pendingRequests(limit: 10) }
        await attempt { _ = try await store.recover() }
        await attempt { _ = try await store.register([TaskRegistration(name: "two", hash: 1)], at: Desk.start) }
        await attempt { _ = try await store.prune(task: TaskID(1), before: Desk.at(1000), limit: 100) }
        await attempt { try await store.probe() }
        await store.close()
        return errors
    }
}
