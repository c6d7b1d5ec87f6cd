package import InsightsEngine
package import InsightsPlugin
internal import Synchronization

/// A store that answers claims and records nothing: for measuring the engine by itself.
package final class MemoryStore: Store {
    private let nextID = Mutex<Int64>(1)
    package init() {}
    package func acquire(_ node: NodeIdentity) async throws(StoreError) {}
    package func release() async {}
    package func register(_ tasks: [TaskRegistration], at: Instant) async throws(StoreError) -> [StoredTask] {
        let first = nextID.withLock { next in
            defer { next += Int64(tasks.count) }
            return next
        }
        return tasks.enumerated().map {
            StoredTask(id: TaskID(first + Int64($0)), name: $1.name, registeredAt: at, hash: $1.hash)
        }
    }
    package func recover() async throws(StoreError) -> [UnfinishedRun] { [] }
    package func renewLeases() async throws(StoreError) -> [RunID] { [] }
    package func commit(_ writes: [StoreWrite]) async throws(StoreError) -> [WriteOutcome] {
        Array(repeating: .done, count: writes.count)
    }
    package func pendingRequests(limit: Int) async throws(StoreError) -> [Request] { [] }
    package func prune(task: TaskID, before: Instant, limit: Int) async throws(StoreError) -> Int { 0 }
    package func probe() async throws(StoreError) {}
    package func tasks() async throws(StoreError) -> [StoredTask] { [] }
    package func lastRuns() async throws(StoreError) -> [String: RunRecord] { [:] }
    package func runs(_ query: RunQuery) async throws(StoreError) -> Page<RunRecord> { Page(items: []) }
    package func run(_ id: RunID) async throws(StoreError) -> RunRecord? { nil }
    package func log(of run: RunID, offset: Int) async throws(StoreError) -> [LogLine] { [] }
    package func occurrence(task: String, at: Instant) async throws(StoreError) -> RunRecord? { nil }
    package func subjects(_ query: SubjectQuery) async throws(StoreError) -> Page<SubjectRecord> { Page(items: []) }
    package func subject(_ id: Int64) async throws(StoreError) -> SubjectRecord? { nil }
    package func latest(_ query: LatestQuery) async throws(StoreError) -> [LatestValue] { [] }
    package func series(_ query: SeriesQuery) async throws(StoreError) -> SeriesRecord? { nil }
    package func state(of task: TaskID, forKey key: String) async throws(StoreError) -> Value? { nil }
    package func ask(_ requests: [Request]) async throws(StoreError) {}
    package func answer(to request: RequestID) async throws(StoreError) -> RequestAnswer? { nil }
    package func setPaused(_ tasks: [String], _ isPaused: Bool) async throws(StoreError) {}
    package func runningNode() async throws(StoreError) -> NodeIdentity? { nil }
    package func close() async {}
}
