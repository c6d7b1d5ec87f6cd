package import InsightsPlugin

/// Why a store cannot do what it was asked.
package struct StoreError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What kind of trouble it is, and so what follows.
    package enum Kind: String, Sendable {
        /// Locked, disk full, read-only, out of reach: work resumes by itself when that is over.
        case unavailable
        /// The file is damaged or no database of ours.
        case damaged
        /// A newer program has migrated it; both versions are in the message.
        case schemaTooNew
        /// Another process runs tasks on it; of a ``SharedStore``, one of the same name.
        case alreadyRunning
        /// This node's lease is over and it was marked as dead: nothing of what it asked for was done, and nothing will be
        /// until it enters anew; see ``SharedStore``.
        case leaseLost
        /// The URL or the query is wrong.
        case invalid
    }

    package var kind: Kind
    /// For people: what happened, where.
    package var message: String
    /// The way out.
    package var help: String?

    package init(_ kind: Kind, _ message: String, help: String? = nil) {
        self.kind = kind
        self.message = message
        self.help = help
    }

    package var description: String { help.map { "\(message); \($0)" } ?? message }
}

/// What the store keeps of a task between processes.
package struct StoredTask: Sendable {
    package var id: TaskID
    package var name: String
    /// When the task first appeared: the anchor of `every` without `starting`, in whole milliseconds.
    package var registeredAt: Instant
    /// The hash it was last registered with.
    package var hash: UInt64
    package var isPaused: Bool
    /// The newest occurrence that ended as a run or in a skip, since the grid started anew if it did: everything after
    /// it is still to come.
    package var lastOccurrence: Instant?
    /// The scheduled instant of the last success, by whatever trigger.
    package var lastSuccessAt: Instant?
    /// For a task with `after`: which upstreams succeeded since it last started, and for which instant.
    package var marks: [AfterMark]

    package init(
        id: TaskID, name: String, registeredAt: Instant, hash: UInt64, isPaused: Bool = false,
        lastOccurrence: Instant? = nil, lastSuccessAt: Instant? = nil, marks: [AfterMark] = []
    ) {
        self.id = id
        self.name = name
        self.registeredAt = registeredAt
        self.hash = hash
        self.isPaused = isPaused
        self.lastOccurrence = lastOccurrence
        self.lastSuccessAt = lastSuccessAt
        self.marks = marks
    }
}

/// A task that the manifest names.
package struct TaskRegistration: Sendable {
    package var name: String
    package var hash: UInt64
    /// Whether the definition is new to this process: then the task is registered with this hash from now on. Otherwise
    /// one that is registered keeps the hash it has, which may be that of another node's newer manifest.
    package var isNew: Bool

    package init(name: String, hash: UInt64, isNew: Bool = true) {
        self.name = name
        self.hash = hash
        self.isNew = isNew
    }
}

/// A run that an earlier process left without an end.
package struct UnfinishedRun: Sendable {
    package var run: RunID
    package var task: TaskID
    /// The task's name, also when the manifest no longer has it.
    package var name: String
    package var trigger: Trigger
    package var occurrence: Instant?
    package var scheduledAt: Instant
    /// `queued`, `running` (its node is dead: the attempt is lost), `retrying` or `interrupted`.
    package var status: RunStatus
    package var startedAt: Instant?
    package var retryAt: Instant?
    /// The last attempt started, 0 if none.
    package var attempt: Int
    /// Attempts that ended in a failure that counts for `retry`.
    package var failures: Int
    /// Attempts lost so far, this one included.
    package var losses: Int
    /// Already raised past that of the dead attempt.
    package var fence: Fence
    package var movesDependents: Bool

    package init(
        run: RunID, task: TaskID, name: String, trigger: Trigger, occurrence: Instant?, scheduledAt: Instant,
        status: RunStatus, startedAt: Instant?, retryAt: Instant?, attempt: Int, failures: Int, losses: Int,
        fence: Fence, movesDependents: Bool
    ) {
        self.run = run
        self.task = task
        self.name = name
        self.trigger = trigger
        self.occurrence = occurrence
        self.scheduledAt = scheduledAt
        self.status = status
        self.startedAt = startedAt
        self.retryAt = retryAt
        self.attempt = attempt
        self.failures = failures
        self.losses = losses
        self.fence = fence
        self.movesDependents = movesDependents
    }
}

/// A request's id: the asker chooses it. For `run` it is also the id of the run that follows.
package typealias RequestID = RunID

/// What another process asks of the one that runs tasks, through the store.
package struct Request: Sendable {
    package enum Kind: Hashable, Sendable {
        /// `dependents`: what follows by `after` follows. `batch`: one of several triggered together.
        case run(task: String, dependents: Bool, batch: Bool)
        /// Another node asks for the task, to run it together with others: its holder is to release it if nothing of it
        /// is going (``RequestAnswer/accepted``), or to refuse with ``RequestRefusal/busy``.
        case release(task: String)
        case cancel(RunID)
        /// The stored pauses have changed.
        case pausesChanged
        case reload
    }

    package var id: RequestID
    package var kind: Kind
    package var at: Instant

    package init(id: RequestID, kind: Kind, at: Instant) {
        self.id = id
        self.kind = kind
        self.at = at
    }
}

/// The answer to a request.
package enum RequestAnswer: Hashable, Sendable {
    /// Done; of a `run`, the run has the request's id.
    case accepted
    /// Refused by `overlap`: this run is going.
    case overlaps(RunID)
    /// Refused, with the reason for people.
    case refused(String)
}

/// The reasons of a refusal that the asker tells apart.
package enum RequestRefusal {
    /// The manifest in force does not name the task.
    package static let unknownTask = "the manifest in force has no such task"
    /// A shutdown has begun.
    package static let stopping = "it is stopping"
    /// Nothing can be claimed at the moment.
    package static let storeUnavailable = "its store takes no writes at the moment"
    /// Of a ``Request/Kind/release(task:)``: runs of the task are going.
    package static let busy = "runs of it are going"
}

/// A process that runs tasks.
package struct NodeIdentity: Sendable {
    /// Unique per process start, e.g. `host-1234-5f3a`.
    package var name: String
    package var processID: Int32
    package var version: String
    /// ``Manifest/hash`` of the manifest to start with; `nil` when that is not known.
    package var manifest: UInt64?

    package init(name: String, processID: Int32, version: String, manifest: UInt64? = nil) {
        self.name = name
        self.processID = processID
        self.version = version
        self.manifest = manifest
    }
}

/// Where state lives: the port behind which SQLite and PostgreSQL are.
///
/// A vocabulary of its own, so that the engine knows no SQL: claims, starts, finishes. Every method is
/// safe to call from any task, does its blocking work off the cooperative pool, and has a deadline of
/// its own; cancellation does not undo a commit that is under way.
///
/// One process at a time runs tasks on it and has them all, unless it is a ``SharedStore`` as well.
package protocol Store: StoreReader {
    /// Becomes the process that runs tasks, or one of several where the store allows it.
    ///
    /// Asked again by a process that was a node of a ``SharedStore``, it ends that node (as if its lease were over) and
    /// enters another.
    ///
    /// - Throws: ``StoreError`` `alreadyRunning` with the other's process id where only one may, or where another living
    ///   node has the same name.
    func acquire(_ node: NodeIdentity) async throws(StoreError)

    /// Gives the place back; the store stays open for reading. Of a ``SharedStore``, what the node still holds is free at
    /// once, and attempts that it has going are lost.
    func release() async

    /// Makes sure that every task has a row, and tells what is stored of each, in the order given.
    ///
    /// - Parameter at: The first registration of those that are new, in whole milliseconds.
    func register(_ tasks: [TaskRegistration], at: Instant) async throws(StoreError) -> [StoredTask]

    /// Takes over every run without an end, and fences the going attempts off: the process that asks has none yet, and
    /// no other runs tasks. Of a ``SharedStore`` it does so for the tasks that no other living node holds; a node holds
    /// tasks instead (``SharedStore/hold(_:limit:)``).
    ///
    /// - Returns: The oldest scheduled instant first. Of a lost attempt's run the fence is raised by one and the loss
    ///   counted, once, however often this is asked.
    func recover() async throws(StoreError) -> [UnfinishedRun]

    /// Applies all writes in one durable transaction, in order, and tells what became of each.
    ///
    /// On an error nothing, or (the answer was lost) everything was applied: send the same batch again. With `leaseLost`
    /// nothing was, now or by an earlier try; it is not to be sent again.
    func commit(_ writes: [StoreWrite]) async throws(StoreError) -> [WriteOutcome]

    /// Requests that are not yet answered, oldest first, at most `limit`; asked every half second, so cheap when
    /// there are none.
    ///
    /// Of a ``SharedStore`` those that concern this node: one about a task or a run goes to the living node that holds the
    /// task; where none does, and for what concerns no task, any node may see it, several at once. So it is answered by
    /// the first that can, and a second answer changes nothing.
    func pendingRequests(limit: Int) async throws(StoreError) -> [Request]

    /// Deletes finished runs and their logs, those of `task` that ended before `before`, in one small batch; never
    /// the row that tells a task's newest occurrence.
    ///
    /// - Returns: How many rows went; fewer than `limit` when there are no more.
    func prune(task: TaskID, before: Instant, limit: Int) async throws(StoreError) -> Int

    /// A check that the store can be written, for `/ready`.
    func probe() async throws(StoreError)
}

/// What can be asked of a store, by commands and routes alike, also beside a running process.
package protocol StoreReader: Sendable {
    /// Every task that was ever registered, by name.
    func tasks() async throws(StoreError) -> [StoredTask]
    /// The registered task of that name, or `nil`; reads no other.
    func task(named name: String) async throws(StoreError) -> StoredTask?
    /// The newest run of each task by scheduled instant, by task name.
    func lastRuns() async throws(StoreError) -> [String: RunRecord]
    /// Runs, newest scheduled instant first.
    func runs(_ query: RunQuery) async throws(StoreError) -> Page<RunRecord>
    func run(_ id: RunID) async throws(StoreError) -> RunRecord?
    /// A run's log lines from number `offset` on. Early ones may be missing: a run keeps 1 MiB, and later lines take
    /// the place of those of earlier attempts. A line then says how many are gone, in the place of the last of them.
    func log(of run: RunID, offset: Int) async throws(StoreError) -> [LogLine]
    /// What became of an occurrence: the run or the skip record that covers it.
    func occurrence(task: String, at: Instant) async throws(StoreError) -> RunRecord?
    func subjects(_ query: SubjectQuery) async throws(StoreError) -> Page<SubjectRecord>
    func subject(_ id: Int64) async throws(StoreError) -> SubjectRecord?
    /// The latest value of each series that fits, ordered by kind, key, metric.
    func latest(_ query: LatestQuery) async throws(StoreError) -> [LatestValue]
    /// One series, or `nil` when there is none.
    func series(_ query: SeriesQuery) async throws(StoreError) -> SeriesRecord?
    /// A value of a task's state.
    func state(of task: TaskID, forKey key: String) async throws(StoreError) -> Value?
    /// Asks the process that runs tasks for something.
    func ask(_ requests: [Request]) async throws(StoreError)
    /// The answer to a request, or `nil` while there is none.
    func answer(to request: RequestID) async throws(StoreError) -> RequestAnswer?
    /// Stores a pause or its end, also while no process runs tasks.
    func setPaused(_ tasks: [String], _ isPaused: Bool) async throws(StoreError)
    /// The process that runs tasks on this store, or `nil`; with process id 0 there is one that is not known yet. Of
    /// several the one that started last and takes a share of the tasks, if any does.
    func runningNode() async throws(StoreError) -> NodeIdentity?
    /// The processes that run tasks on this store, and those that did within the last hour, by
    /// ``NodeRecord/startedAt``, then name; at most 1000, living ones first kept.
    func nodes() async throws(StoreError) -> [NodeRecord]
    /// Closes every connection.
    func close() async
}

extension StoreReader {
    /// For stores that have no quicker way.
    package func task(named name: String) async throws(StoreError) -> StoredTask? {
        try await tasks().first { $0.name == name }
    }
}
