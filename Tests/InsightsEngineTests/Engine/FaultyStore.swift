import InsightsEngine
import InsightsPlugin
import InsightsStorage
import Synchronization

/// The SQLite store, with faults where a test wants them.
final class FaultyStore: Store {
    enum CommitFault { case beforeItIsApplied, afterItIsApplied }

    private struct State {
        var isAway = false
        var commitFaults: [CommitFault] = []
        var commits = 0
        var probes = 0
        var failingRegistrations = 0
    }

    static let error = StoreError(.unavailable, "the store is out of reach", help: "wait")

    private let real: SQLiteStore
    private let state = Mutex(State())

    init(_ real: SQLiteStore) { self.real = real }

    /// While it is away it neither reads nor writes.
    var isAway: Bool {
        get { state.withLock { $0.isAway } }
        set { state.withLock { $0.isAway = newValue } }
    }

    /// Commits that were asked for, and probes.
    var commits: Int { state.withLock { $0.commits } }
    var probes: Int { state.withLock { $0.probes } }

    /// The next commits fail, one for each.
    func failCommits(_ faults: [CommitFault]) { state.withLock { $0.commitFaults += faults } }

    /// The next registrations fail.
    func failRegistrations(_ count: Int) { state.withLock { $0.failingRegistrations = count } }

    private func reach() throws(StoreError) {
        if isAway { throw FaultyStore.error }
    }

    func acquire(_ node: NodeIdentity) async throws(StoreError) { try await real.acquire(node) }
    func release() async { await real.release() }
    func close() async { await real.close() }

    func register(_ tasks: [TaskRegistration], at: Instant) async throws(StoreError) -> [StoredTask] {
        try reach()
        let fails = state.withLock { state in
            defer { state.failingRegistrations = max(0, state.failingRegistrations - 1) }
            return state.failingRegistrations > 0
        }
        if fails { throw FaultyStore.error }
        return try await real.register(tasks, at: at)
    }

    func recover() async throws(StoreError) -> [UnfinishedRun] {
        try reach()
        return try await real.recover()
    }

    func commit(_ writes: [StoreWrite]) async throws(StoreError) -> [WriteOutcome] {
        let fault: CommitFault? = state.withLock { state in
            state.commits += 1
            return state.commitFaults.isEmpty ? nil : state.commitFaults.removeFirst()
        }
        try reach()
        if fault == .beforeItIsApplied { throw FaultyStore.error }
        let outcomes = try await real.commit(writes)
        if fault == .afterItIsApplied { throw FaultyStore.error }
        return outcomes
    }

    func pendingRequests(limit: Int) async throws(StoreError) -> [Request] {
        try reach()
        return try await real.pendingRequests(limit: limit)
    }

    func prune(task: TaskID, before: Instant, limit: Int) async throws(StoreError) -> Int {
        try reach()
        return try await real.prune(task: task, before: before, limit: limit)
    }

    func probe() async throws(StoreError) {
        state.withLock { $0.probes += 1 }
        try reach()
        try await real.probe()
    }

    func tasks() async throws(StoreError) -> [StoredTask] {
        try reach()
        return try await real.tasks()
    }

    func task(named name: String) async throws(StoreError) -> StoredTask? {
        try reach()
        return try await real.task(named: name)
    }

    func lastRuns() async throws(StoreError) -> [String: RunRecord] { try await real.lastRuns() }
    func runs(_ query: RunQuery) async throws(StoreError) -> Page<RunRecord> { try await real.runs(query) }

    func run(_ id: RunID) async throws(StoreError) -> RunRecord? {
        try reach()
        return try await real.run(id)
    }

    func log(of run: RunID, offset: Int) async throws(StoreError) -> [LogLine] {
        try await real.log(of: run, offset: offset)
    }

    func occurrence(task: String, at: Instant) async throws(StoreError) -> RunRecord? {
        try await real.occurrence(task: task, at: at)
    }

    func subjects(_ query: SubjectQuery) async throws(StoreError) -> Page<SubjectRecord> {
        try await real.subjects(query)
    }

    func subject(_ id: Int64) async throws(StoreError) -> SubjectRecord? { try await real.subject(id) }
    func latest(_ query: LatestQuery) async throws(StoreError) -> [LatestValue] { try await real.latest(query) }
    func series(_ query: SeriesQuery) async throws(StoreError) -> SeriesRecord? { try await real.series(query) }

    func state(of task: TaskID, forKey key: String) async throws(StoreError) -> Value? {
        try reach()
        return try await real.state(of: task, forKey: key)
    }

    func ask(_ requests: [Request]) async throws(StoreError) { try await real.ask(requests) }
    func answer(to request: RequestID) async throws(StoreError) -> RequestAnswer? { try await real.answer(to: request) }

    func setPaused(_ tasks: [String], _ isPaused: Bool) async throws(StoreError) {
        try reach()
        try await real.setPaused(tasks, isPaused)
    }

    func runningNode() async throws(StoreError) -> NodeIdentity? { try await real.runningNode() }
    func nodes() async throws(StoreError) -> [NodeRecord] { try await real.nodes() }
}
