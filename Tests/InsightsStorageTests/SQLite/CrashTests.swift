import Foundation
import Glibc
import InsightsEngine
import InsightsPlugin
import InsightsStorage
import Testing

@Suite("A process killed in mid-commit")
struct CrashTests {
    /// Runs that a batch of the child claims and ends.
    static let batch = 50

    @Test("loses nothing it was answered for and leaves no half of anything", arguments: [1, 2, 5, 9, 14, 22])
    func killed(afterBatches count: Int) async throws {
        let folder = TemporaryFolder()
        let (path, answers) = (folder.file("insights.db"), folder.file("answers"))
        // The child ends itself: while it runs, the wait for it blocks one of the few threads that tests share.
        await #expect(processExitsWith: .signal(SIGKILL)) {
            [path = path as String, answers = answers as String, count = count as Int] in
            let store = try SQLiteStore.open(path: path)
            try await store.acquire(NodeIdentity(name: "child", processID: getpid(), version: "1"))
            try await CrashTests.commitForEver(store, answers: answers, killAfter: count)
        }
        // One byte for each batch that was answered.
        let answered = try Data(contentsOf: URL(fileURLWithPath: answers)).count
        #expect(answered >= count)

        let store = try SQLiteStore.open(path: path)
        try await store.acquire(Desk.node)
        let runs = try await store.runs(RunQuery(limit: 10_000)).items
        #expect(runs.count >= answered * Self.batch && runs.count.isMultiple(of: Self.batch))
        #expect(runs.allSatisfy { $0.status == .succeeded && $0.samples == 1 })
        let series = try await store.series(SeriesQuery(subject: .key("f/a", kind: nil), metric: "stars"))
        #expect(series?.points.count == runs.count)
        #expect(try await store.state(of: TaskID(1), forKey: "done") == .integer(Int64(runs.count)))
        #expect(try await store.recover().isEmpty)
        #expect(try await store.pragmas(["integrity_check"]) == ["ok"])
        await store.close()
    }

    /// Once `count` batches were answered, the kernel kills this process somewhere in the following ones.
    static func commitForEver(_ store: SQLiteStore, answers: String, killAfter count: Int) async throws {
        let file = open(answers, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        let task = try await store.register([TaskRegistration(name: "one", hash: 1)], at: Desk.start)[0].id
        var ids = RunIDSource(seed: 1)
        var number = 0
        while true {
            var writes: [StoreWrite] = []
            for _ in 0..<batch {
                let at = Desk.at(Double(number))
                number += 1
                let claim = Claim(
                    run: ids.next(at: at), task: task, uses: "m.x", occurrence: at, scheduledAt: at, trigger: .cadence,
                    attempts: 1, at: at, starts: true, lateness: nil, movesDependents: true, clearsMarks: false)
                let payload = AttemptPayload(
                    emissions: [.sample(Sample(Desk.repository("f/a"), "stars", at: at, Double(number)))],
                    metrics: Desk.metrics, state: ["done": .some(.integer(Int64(number)))])
                writes.append(.claim(claim))
                writes.append(
                    .finish(
                        AttemptFinish(
                            run: claim.run, task: task, fence: 1, disposition: .final(.succeeded, reason: nil), at: at,
                            payload: payload)))
            }
            let outcomes = try await store.commit(writes)
            guard outcomes.allSatisfy({ $0 == .done }) else { exit(3) }
            write(file, "x", 1)
            if number == count * batch { killSoon() }
        }
    }

    private static func killSoon() {
        var event = sigevent()
        event.sigev_notify = Int32(SIGEV_SIGNAL)
        event.sigev_signo = SIGKILL
        var timer: timer_t?
        timer_create(CLOCK_MONOTONIC, &event, &timer)
        var time = itimerspec()
        time.it_value.tv_nsec = .random(in: 1...60_000_000)
        timer_settime(timer, 0, &time, nil)
    }
}
