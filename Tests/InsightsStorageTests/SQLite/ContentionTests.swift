import Foundation
import GRDB
import InsightsEngine
import InsightsPlugin
import InsightsStorage
import Testing

@Suite("Beside others")
struct ContentionTests {
    @Test("readers and writers of several stores on one file get through, and none is lost")
    func together() async throws {
        let folder = TemporaryFolder()
        let path = folder.file("insights.db")
        let store = try SQLiteStore.open(path: path)
        try await store.acquire(Desk.node)
        let task = try await store.register([TaskRegistration(name: "one", hash: 1)], at: Desk.start)[0].id
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for number in 0..<60 {
                    _ = try await store.commit(DiskTests.batch(task, first: number * 20, count: 20))
                }
            }
            for other in 0..<3 {
                group.addTask {
                    let beside = try SQLiteStore.open(path: path)
                    for number in 0..<20 {
                        let runs = try await beside.runs(RunQuery(limit: 10_000)).items
                        #expect(runs.count.isMultiple(of: 20))
                        let id = RunID(high: UInt64(other), low: UInt64(number))
                        try await beside.ask([Request(id: id, kind: .reload, at: Desk.start)])
                    }
                    await beside.close()
                }
            }
            group.addTask {
                for _ in 0..<50 { _ = try await store.pendingRequests(limit: 100) }
            }
            try await group.waitForAll()
        }
        #expect(try await store.runs(RunQuery(limit: 10_000)).items.count == 1200)
        #expect(try await store.pendingRequests(limit: 100).count == 60)
        await store.close()
    }

    @Test("a cancelled caller does not undo its commit")
    func cancelled() async throws {
        let folder = TemporaryFolder()
        let store = try SQLiteStore.open(path: folder.file("insights.db"))
        let task = try await store.register([TaskRegistration(name: "one", hash: 1)], at: Desk.start)[0].id
        let commit = Swift.Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return try await store.commit(DiskTests.batch(task, first: 0, count: 20))
        }
        #expect(try await commit.value.allSatisfy { $0 == .done })
        #expect(try await store.runs(RunQuery()).items.count == 20)
        await store.close()
    }

    @Test("a closed store opens again for whoever still asks")
    func closed() async throws {
        let folder = TemporaryFolder()
        let store = try SQLiteStore.open(path: folder.file("insights.db"))
        await store.close()
        await store.close()
        try await store.probe()
        #expect(try await store.tasks().isEmpty)
        await store.close()
    }
}
