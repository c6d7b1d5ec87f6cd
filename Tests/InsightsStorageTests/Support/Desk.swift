import InsightsEngine
import InsightsPlugin
import Testing

/// A store with tasks in it, and short words for what a test does to it.
final class Desk {
    static let start = Instant("2026-03-02T10:00:00Z")!
    static let node = NodeIdentity(name: "desk-1", processID: 4711, version: "9.9.9", manifest: .max - 1)

    let folder: TemporaryFolder
    let kind: StoreKind
    private(set) var store: any Store
    private(set) var tasks: [StoredTask] = []
    private var ids = RunIDSource(seed: 7)

    var task: TaskID { tasks[0].id }

    /// Registers `tasks` and takes the place of the process that runs them.
    init(_ kind: StoreKind, tasks names: [String] = ["one", "two", "three"]) async throws {
        folder = TemporaryFolder()
        self.kind = kind
        store = try await kind.openOffPool(folder.path)
        try await store.acquire(Desk.node)
        tasks = try await store.register(names.map { TaskRegistration(name: $0, hash: 1) }, at: Desk.start)
    }

    func close() async { await store.close() }

    /// As after the end of the process: what is not stored is gone.
    func reopen() async throws {
        await store.close()
        store = try await kind.openOffPool(folder.path)
        try await store.acquire(Desk.node)
    }

    func id() -> RunID { ids.next(at: Desk.start) }

    static func at(_ seconds: Double) -> Instant {
        Instant(milliseconds: start.milliseconds + Int64(seconds * 1000))
    }

    static func day(_ text: String) -> Instant { Instant(text + "T00:00:00Z")! }

    // MARK: Writes

    func commit(_ writes: StoreWrite...) async throws -> [WriteOutcome] { try await store.commit(writes) }

    func claim(
        _ at: Double, run: RunID? = nil, task: TaskID? = nil, byHand: Bool = false, starts: Bool = true,
        attempts: Int = 1, clearsMarks: Bool = false, trigger: Trigger? = nil, startsAnew: Bool = false
    ) -> Claim {
        Claim(
            run: run ?? id(), task: task ?? self.task, uses: "test.module", occurrence: byHand ? nil : Desk.at(at),
            scheduledAt: Desk.at(at), trigger: trigger ?? (byHand ? .manual : .cadence), attempts: attempts,
            at: Desk.at(at), starts: starts, lateness: starts ? .milliseconds(12) : nil, movesDependents: !byHand,
            clearsMarks: clearsMarks, startsAnew: startsAnew)
    }

    func start(_ run: RunID, fence: Fence, attempt: Int, at: Double) -> StoreWrite {
        .start(AttemptStart(run: run, fence: fence, attempt: attempt, at: Desk.at(at), lateness: .milliseconds(5)))
    }

    func skip(
        _ from: Double, until: Double? = nil, count: Int = 1, _ reason: SkipReason = .overlap, task: TaskID? = nil,
        at: Double? = nil, clearsMarks: Bool = false, startsAnew: Bool = false
    ) -> SkipRecord {
        SkipRecord(
            run: id(), task: task ?? self.task, uses: "test.module", trigger: .cadence, from: Desk.at(from),
            until: Desk.at(until ?? from), count: count, reason: reason, at: Desk.at(at ?? until ?? from),
            clearsMarks: clearsMarks, startsAnew: startsAnew)
    }

    func finish(
        _ run: RunID, fence: Fence = 1, _ disposition: Disposition = .final(.succeeded, reason: nil), at: Double,
        task: TaskID? = nil, error: RunError? = nil, payload: AttemptPayload = AttemptPayload(),
        marks: [AfterMark] = [], skips: [SkipRecord] = [], counts: Bool = false
    ) -> StoreWrite {
        .finish(
            AttemptFinish(
                run: run, task: task ?? self.task, fence: fence, disposition: disposition, at: Desk.at(at),
                duration: .milliseconds(250), error: error, countsAsFailure: counts, payload: payload, marks: marks,
                skips: skips))
    }

    func checkpoint(
        _ run: RunID, fence: Fence = 1, at: Double, task: TaskID? = nil, _ payload: AttemptPayload
    ) -> StoreWrite {
        .checkpoint(
            AttemptCheckpoint(run: run, task: task ?? self.task, fence: fence, at: Desk.at(at), payload: payload))
    }

    // MARK: What a run hands over

    static let stars = MetricDeclaration("stars", unit: "stars", shape: .gauge, additive: true, summary: "Stars")
    static let commits = MetricDeclaration(
        "commits", unit: "commits", shape: .daily, additive: true, rewritable: true, summary: "Commits")
    static let views = MetricDeclaration("views", unit: "views", shape: .daily, additive: true, summary: "Views")
    static let visitors = MetricDeclaration(
        "visitors", unit: "people", shape: .daily, additive: false, summary: "Unique visitors")
    static let downloads = MetricDeclaration(
        "downloads", unit: "1", shape: .total, additive: true, summary: "Downloads")
    static let referrers = MetricDeclaration(
        "referrers", unit: "views", shape: .ranking, additive: false, summary: "Referrers")
    static let metrics = [stars, commits, views, visitors, downloads, referrers]

    /// A run by hand that succeeds with these emissions, all within one commit.
    ///
    /// - Parameter at: When it is written, which decides which days are complete.
    @discardableResult
    func emit(
        _ emissions: [Emission], metrics: [MetricDeclaration] = Desk.metrics, at: Instant = Desk.start
    ) async throws -> WriteOutcome {
        let run = id()
        var claim = claim(0, run: run, byHand: true)
        claim.scheduledAt = at
        let finish = AttemptFinish(
            run: run, task: task, fence: 1, disposition: .final(.succeeded, reason: nil), at: at,
            payload: AttemptPayload(emissions: emissions, metrics: metrics))
        return try await store.commit([.claim(claim), .finish(finish)])[1]
    }

    static func repository(_ key: String) -> SubjectReference { SubjectReference(kind: "repository", key: key) }

    func subject(_ key: String, kind: String = "repository") async throws -> SubjectRecord? {
        try await store.subjects(SubjectQuery(kind: kind, limit: 1000)).items.first { $0.key == key }
    }

    func points(
        _ key: String, _ metric: String, from: Instant? = nil, to: Instant? = nil, step: SeriesStep? = nil
    ) async throws -> [String] {
        let query = SeriesQuery(subject: .key(key, kind: nil), metric: metric, from: from, to: to, step: step)
        return try await store.series(query)?.points.map { "\($0.at) \($0.value.json.json)" } ?? ["none"]
    }
}

/// Runs `body` on a fresh store and closes it whatever comes.
func withDesk(
    _ kind: StoreKind, tasks: [String] = ["one", "two", "three"], _ body: (Desk) async throws -> Void
) async throws {
    // All at once would only wait for one another, until a store's own deadlines are over.
    await Turnstile.desks.enter()
    defer { Turnstile.desks.leave() }
    let desk = try await Desk(kind, tasks: tasks)
    do {
        try await body(desk)
    } catch {
        await desk.close()
        throw error
    }
    await desk.close()
}
