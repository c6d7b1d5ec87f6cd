import InsightsEngine
import InsightsPlugin
import Synchronization

/// The database that several engines of a test share, in memory.
final class SharedDatabase: Sendable {
    struct State {
        var model = SharedModel()
        var requests: [Request] = []
        var answers: [RequestID: RequestAnswer] = [:]
        var listeners: [AsyncStream<Void>.Continuation] = []
    }

    let state = Mutex(State())
    let clock: ManualEngineClock

    init(_ clock: ManualEngineClock) { self.clock = clock }

    func notify() { for listener in state.withLock({ $0.listeners }) { listener.yield() } }
}

/// One node's connection to it.
final class SharedMemoryStore: SharedStore {
    let database: SharedDatabase
    let notices: AsyncStream<Void>
    private let listener: AsyncStream<Void>.Continuation
    private let node = Mutex<Int?>(nil)
    private let cut = Mutex(false)
    /// How many registrations are to find the node dead, as if it had stood still after it entered.
    let losses = Mutex(0)

    /// - Parameter notifies: Whether it is told of what others do, or has to look.
    init(_ database: SharedDatabase, notifies: Bool = true) {
        self.database = database
        let (stream, continuation) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        (notices, listener) = (stream, continuation)
        if notifies { database.state.withLock { $0.listeners.append(continuation) } }
    }

    /// Whether the database is out of this node's reach.
    var isCut: Bool {
        get { cut.withLock { $0 } }
        set { cut.withLock { $0 = newValue } }
    }

    private var now: Int64 { database.clock.now.milliseconds }
    private static let dead = StoreError(.leaseLost, "this node is dead")

    private func ask<Result>(
        _ body: (inout SharedDatabase.State) throws(StoreError) -> Result
    ) throws(StoreError) -> Result {
        if isCut { throw StoreError(.unavailable, "cut off") }
        return try database.state.withLock { state throws(StoreError) in try body(&state) }
    }

    private func entered() throws(StoreError) -> Int {
        guard let node = node.withLock({ $0 }) else { throw SharedMemoryStore.dead }
        return node
    }

    // MARK: The node

    func acquire(_ identity: NodeIdentity) async throws(StoreError) {
        let (former, now) = (node.withLock { $0 }, now)
        let number = try ask { state in
            state.model.enter(
                identity.name, former: former,
                report: NodeReport(manifest: identity.manifest ?? 0, running: 0, takesShare: false), at: now)
        }
        node.withLock { $0 = number }
    }

    func release() async {
        guard let number = node.withLock({ $0 }), !isCut else { return }
        database.state.withLock { $0.model.bury(number) }
        database.notify()
    }

    func renew(_ report: NodeReport) async throws(StoreError) -> LeaseRenewal {
        let (number, now) = (try entered(), now)
        return try ask { state throws(StoreError) in
            guard state.model.renew(number, report, at: now) else { throw SharedMemoryStore.dead }
            return LeaseRenewal(
                at: Instant(milliseconds: now), duration: .milliseconds(SharedModel.lease),
                living: state.model.living(at: now))
        }
    }

    func hold(_ wishes: [HoldWish], limit: Int) async throws(StoreError) -> [HeldTask] {
        let (number, now) = (try entered(), now)
        return try ask { state throws(StoreError) in
            guard let held = state.model.hold(number, wishes, limit: limit, at: now) else {
                throw SharedMemoryStore.dead
            }
            return held
        }
    }

    func abandonedTasks(limit: Int) async throws(StoreError) -> [TaskID] { try ask { $0.model.abandoned() } }
    func news(of followers: [TaskID]) async throws(StoreError) -> StoreNews { try ask { $0.model.news(of: followers) } }

    func register(_ tasks: [TaskRegistration], at: Instant) async throws(StoreError) -> [StoredTask] {
        let isLost = losses.withLock { losses in
            losses -= 1
            return losses >= 0
        }
        if isLost { throw SharedMemoryStore.dead }
        return try ask { $0.model.register(tasks, at: at.milliseconds) }
    }

    func recover() async throws(StoreError) -> [UnfinishedRun] { try ask { $0.model.base.recover() } }

    func commit(_ writes: [StoreWrite]) async throws(StoreError) -> [WriteOutcome] {
        let number = node.withLock { $0 }
        let outcomes = try ask { state throws(StoreError) in
            guard let results = state.model.commit(number, writes) else { throw SharedMemoryStore.dead }
            for case .answer(let request, let answer) in writes {
                state.requests.removeAll { $0.id == request }
                if state.answers[request] == nil { state.answers[request] = answer }
            }
            return results.map(\.outcome)
        }
        database.notify()
        return outcomes
    }

    func pendingRequests(limit: Int) async throws(StoreError) -> [Request] {
        let number = node.withLock { $0 }
        return try ask { state in
            state.requests.filter { request in
                let name: String? =
                    switch request.kind {
                    case .run(let task, _, _), .release(let task): task
                    case .cancel(let run): state.model.base.row(run).map { state.model.base.tasks[$0.task].name }
                    case .pausesChanged, .reload: nil
                    }
                let task = name.flatMap { name in state.model.base.tasks.firstIndex { $0.name == name } }
                let holder = task.flatMap { state.model.holders[$0] }
                return holder == nil || holder == number
            }
        }
    }

    func prune(task: TaskID, before: Instant, limit: Int) async throws(StoreError) -> Int { 0 }
    func probe() async throws(StoreError) { try ask { _ in } }

    // MARK: Reading

    private static func record(_ row: ModelStore.Row, _ store: ModelStore) -> RunRecord {
        RunRecord(
            id: row.run, task: store.tasks[row.task].name, uses: "test.scripted", trigger: row.trigger,
            scheduledAt: Instant(milliseconds: row.scheduledAt), status: row.status, reason: row.reason,
            attempt: row.attempt, count: row.count, error: row.error)
    }

    func tasks() async throws(StoreError) -> [StoredTask] {
        try ask { state in state.model.base.tasks.indices.map { state.model.base.stored($0, hash: 0) } }
    }

    func lastRuns() async throws(StoreError) -> [String: RunRecord] { [:] }

    func runs(_ query: RunQuery) async throws(StoreError) -> Page<RunRecord> {
        try ask { state in Page(items: state.model.base.rows.map { SharedMemoryStore.record($0, state.model.base) }) }
    }

    func run(_ id: RunID) async throws(StoreError) -> RunRecord? {
        try ask { state in state.model.base.row(id).map { SharedMemoryStore.record($0, state.model.base) } }
    }

    func log(of run: RunID, offset: Int) async throws(StoreError) -> [LogLine] { [] }
    func occurrence(task: String, at: Instant) async throws(StoreError) -> RunRecord? { nil }
    func subjects(_ query: SubjectQuery) async throws(StoreError) -> Page<SubjectRecord> { Page(items: []) }
    func subject(_ id: Int64) async throws(StoreError) -> SubjectRecord? { nil }
    func latest(_ query: LatestQuery) async throws(StoreError) -> [LatestValue] { [] }
    func series(_ query: SeriesQuery) async throws(StoreError) -> SeriesRecord? { nil }
    func state(of task: TaskID, forKey key: String) async throws(StoreError) -> Value? { nil }

    func ask(_ requests: [Request]) async throws(StoreError) {
        try ask { $0.requests += requests }
        database.notify()
    }

    func answer(to request: RequestID) async throws(StoreError) -> RequestAnswer? { try ask { $0.answers[request] } }

    func setPaused(_ tasks: [String], _ isPaused: Bool) async throws(StoreError) {
        try ask { state in for task in tasks { state.model.base.setPaused(task, isPaused) } }
        database.notify()
    }

    func runningNode() async throws(StoreError) -> NodeIdentity? { nil }

    func nodes() async throws(StoreError) -> [NodeRecord] {
        let now = now
        return try ask { $0.model.records(at: now) }
    }

    func close() async { listener.finish() }
}
