package import InsightsPlugin

/// A store on which several processes run tasks at once.
///
/// Each task is *held* by at most one node at a time, and the holder alone decides its occurrences, its `overlap`, its
/// retries and its replays. Holding is placement and speed; that an occurrence starts once rests on the claim, a row
/// that is unique on (task, scheduled instant), and that the dead cannot write on the fence and on the lease.
///
/// A node has one *lease* for all that it holds, judged by the database's clock. ``Store/acquire(_:)`` enters the node
/// with a lease of 15 s, ``renew(_:)`` prolongs it, ``Store/release()`` ends it. Once another node has found the lease to
/// be over and has marked the node as dead, the node is dead for good: every transaction that it begins, or has under
/// way, is refused whole with ``StoreError`` `leaseLost`, however long it was paused or cut off. A process that goes on
/// calls ``Store/acquire(_:)`` again, which ends its former node itself, and takes tasks anew.
///
/// ``Store/commit(_:)``, ``hold(_:limit:)``, ``Store/register(_:at:)`` and ``Store/prune(task:before:limit:)`` are the
/// node's: they throw `leaseLost` when there is no lease. A ``Store/commit(_:)`` of a process that is no node (a command
/// that withdraws its request) is taken if it holds answers and pauses only.
package protocol SharedStore: Store {
    /// Yields when another process has done what this one may be waiting for, so that it need not wait for its next
    /// look: a request or an answer was stored, a pause or a definition changed, a task was released, a mark or a skip
    /// was written for a task after another, a place in a group came free.
    ///
    /// Never more than a hint: none may come, one may come too often, and a burst may come as one. For one reader; ends
    /// when the store is closed. A database without such a thing has a stream that never yields.
    var notices: AsyncStream<Void> { get }

    /// Renews this node's lease; asked every 5 s. It stands for all the tasks and attempts that the node has.
    ///
    /// A lease that is over is renewed all the same as long as nobody has marked the node as dead.
    ///
    /// - Parameter report: What the node tells of itself, for others to see.
    /// - Throws: ``StoreError`` `leaseLost` when the node is dead, or was never entered.
    func renew(_ report: NodeReport) async throws(StoreError) -> LeaseRenewal

    /// Marks the nodes as dead whose lease is over, and takes tasks that no living node holds.
    ///
    /// Of a node that is marked as dead every place in a group is free at once. A wish that names a hash is left out when
    /// the task was registered last with another one, and so is one whose task another node is taking at this moment:
    /// nothing is waited for. What is left out is wished for again later.
    ///
    /// A going attempt of a task that is taken is lost: its run's fence is raised by one and the loss counted, once. The
    /// node that takes the task must not have any attempt of it going.
    ///
    /// A task that this node holds already is answered like one that it takes, without counting losses anew.
    ///
    /// - Parameters:
    ///   - wishes: At most 10 000 at a time.
    ///   - limit: How many of them are taken at most; 0 marks the dead and takes none.
    /// - Returns: Those that were taken, durably, in the order of the wishes.
    func hold(_ wishes: [HoldWish], limit: Int) async throws(StoreError) -> [HeldTask]

    /// Tasks that no living node holds and that have runs without an end, at most `limit`, in no order: what nobody's
    /// manifest names any more has to be ended by somebody.
    func abandonedTasks(limit: Int) async throws(StoreError) -> [TaskID]

    /// What others have decided that concerns this node; asked once a second, so cheap when there is little.
    ///
    /// One consistent reading of what is committed.
    ///
    /// - Parameter followers: Tasks with `after` that the node holds.
    func news(of followers: [TaskID]) async throws(StoreError) -> StoreNews
}

/// What a node tells of itself with each renewal.
package struct NodeReport: Hashable, Sendable {
    /// ``Manifest/hash`` of the manifest in force.
    package var manifest: UInt64
    /// Attempts going on.
    package var running: Int
    /// Whether it takes its share of the tasks; a process that starts nothing by cadence takes what it is asked to run
    /// and no more.
    package var takesShare: Bool

    package init(manifest: UInt64, running: Int, takesShare: Bool) {
        self.manifest = manifest
        self.running = running
        self.takesShare = takesShare
    }
}

/// A lease that was renewed.
package struct LeaseRenewal: Sendable {
    /// The database's clock (`clock_timestamp()`) when it was renewed.
    package var at: Instant
    /// How long from ``at`` it lasts by the database's clock: 15 s.
    package var duration: Duration
    /// The nodes whose lease is not over, this one included, by ``NodeRecord/startedAt`` and name.
    package var living: [NodeRecord]

    package init(at: Instant, duration: Duration, living: [NodeRecord]) {
        self.at = at
        self.duration = duration
        self.living = living
    }
}

/// A task that a node wants to hold.
package struct HoldWish: Hashable, Sendable {
    package var task: TaskID
    /// Its definition's; the task is taken only if it was registered last with this one. `nil`: whatever it was
    /// registered with.
    package var hash: UInt64?

    package init(task: TaskID, hash: UInt64?) {
        self.task = task
        self.hash = hash
    }
}

/// A task that this node holds from now on.
package struct HeldTask: Sendable {
    /// What is stored of it, with all that was committed before it was taken.
    package var task: StoredTask
    /// Its runs without an end, by scheduled instant, then by age; see ``Store/recover()`` of their fences.
    package var unfinished: [UnfinishedRun]
    /// Whether this is a start and not just another holder: no node has held the task since a time at which none lived.
    ///
    /// A process that enters while no node lives begins an *epoch*; one that enters while another lives, or enters anew
    /// after it has lost its lease, belongs to the newest there is. The task was last held in an older epoch than this
    /// node's, or never.
    package var isStart: Bool

    package init(task: StoredTask, unfinished: [UnfinishedRun], isStart: Bool) {
        self.task = task
        self.unfinished = unfinished
        self.isStart = isStart
    }
}

/// What has been decided elsewhere.
package struct StoreNews: Sendable {
    /// Of a task with `after`: what others' ends have left it.
    package struct Follower: Hashable, Sendable {
        package var task: TaskID
        /// As in ``StoredTask/lastOccurrence``.
        package var lastOccurrence: Instant?
        /// As in ``StoredTask/marks``.
        package var marks: [AfterMark]

        package init(task: TaskID, lastOccurrence: Instant?, marks: [AfterMark]) {
            self.task = task
            self.lastOccurrence = lastOccurrence
            self.marks = marks
        }
    }

    /// One for each that was asked for and has a row, in no order.
    package var followers: [Follower]
    /// Every task that is paused.
    package var paused: Set<TaskID>
    /// Rises, by commits, with each registration that changed a definition's hash or added a task: then what is stored
    /// of the definitions is worth another look.
    package var definitions: Int64

    package init(followers: [Follower], paused: Set<TaskID>, definitions: Int64) {
        self.followers = followers
        self.paused = paused
        self.definitions = definitions
    }
}
