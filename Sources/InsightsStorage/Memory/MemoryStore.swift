package import InsightsEngine
package import InsightsPlugin
internal import Synchronization

/// A store that says yes to every write and keeps none: for measuring the engine by itself, and for tests that need no
/// history.
///
/// What it answers is true of a store that has just been made: tasks are numbered as they are registered, every claim
/// is granted (unique occurrences are then the planner's word alone), and every query finds nothing. It is not a small
/// database: what was written cannot be read back.
package final class MemoryStore: Store {
    private let nextTask = Atomic<Int64>(1)
    private let node = Mutex<NodeIdentity?>(nil)

    package init() {}

    package func acquire(_ node: NodeIdentity) async throws(StoreError) {
        let other = self.node.withLock { current in
            defer { current = current ?? node }
            return current
        }
        guard let other else { return }
        throw StoreError(.alreadyRunning, "process \(other.processID) (\(other.name)) runs tasks on this store")
    }

    package func release() async { node.withLock { $0 = nil } }

    package func runningNode() async throws(StoreError) -> NodeIdentity? { node.withLock { $0 } }

    package func nodes() async throws(StoreError) -> [NodeRecord] {
        node.withLock { $0 }.map { node in
            [
                NodeRecord(
                    name: node.name, processID: node.processID, version: node.version, startedAt: nil,
                    lastSeen: SystemClock().now, isAlive: true, running: 0, manifest: node.manifest, takesShare: true)
            ]
        } ?? []
    }

    /// Numbers the tasks; a name that was registered before gets another number.
    package func register(_ tasks: [TaskRegistration], at: Instant) async throws(StoreError) -> [StoredTask] {
        let count = Int64(tasks.count)
        var next = nextTask.add(count, ordering: .relaxed).oldValue
        return tasks.map { task in
            defer { next += 1 }
            return StoredTask(id: TaskID(next), name: task.name, registeredAt: at, hash: task.hash)
        }
    }

    package func commit(_ writes: [StoreWrite]) async throws(StoreError) -> [WriteOutcome] {
        [WriteOutcome](repeating: .done, count: writes.count)
    }

    package func recover() async throws(StoreError) -> [UnfinishedRun] { [] }
    package func pendingRequests(limit: Int) async throws(StoreError) -> [Request] { [] }
    package func prune(task: TaskID, before: Instant, limit: Int) async throws(StoreError) -> Int { 0 }
    package func probe() async throws(StoreError) {}

    package func tasks() async throws(StoreError) -> [StoredTask] { [] }
    package func lastRuns() async throws(StoreError) -> [String: RunRecord] { [:] }
    package func runs(_ query: RunQuery) async throws(StoreError) -> Page<RunRecord> { Page(items: []) }
    package func run(_ id: RunID) async throws(StoreError) -> RunRecord? { nil }
    package func log(of run: RunID, offset: Int) async throws(StoreError) -> [LogLine] { [] }
    package func occurrence(task: String, at: Instant) async throws(StoreError) -> RunRecord? { nil }
    package func subjects(_ query: SubjectQuery) async throws(StoreError) -> Page<SubjectRecord> {
        Page(items: [], total: 0)
    }
    package func subject(_ id: Int64) async throws(StoreError) -> SubjectRecord? { nil }
    package func latest(_ query: LatestQuery) async throws(StoreError) -> [LatestValue] { [] }
    package func series(_ query: SeriesQuery) async throws(StoreError) -> SeriesRecord? { nil }
    package func state(of task: TaskID, forKey key: String) async throws(StoreError) -> Value? { nil }
    package func ask(_ requests: [Request]) async throws(StoreError) {}
    package func answer(to request: RequestID) async throws(StoreError) -> RequestAnswer? { nil }
    package func setPaused(_ tasks: [String], _ isPaused: Bool) async throws(StoreError) {}
    package func close() async { await release() }
}
