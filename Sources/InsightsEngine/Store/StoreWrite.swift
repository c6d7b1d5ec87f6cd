package import InsightsPlugin

/// A task's number in the store: given at its first registration, never reused.
package struct TaskID: Hashable, Sendable {
    package let value: Int64
    package init(_ value: Int64) { self.value = value }
}

/// A fencing number: each start of an attempt of a run raises it by one, and the store refuses a
/// write that names an older one.
package typealias Fence = Int64

/// A place in a group of tasks of which only so many may run at once, on all nodes of a ``SharedStore`` together.
///
/// One object for all the claims and starts of a group: they are many.
package final class GroupPlace: Sendable {
    package let name: String
    /// Most runs at once; at least 1.
    package let limit: Int

    package init(name: String, limit: Int) {
        self.name = name
        self.limit = limit
    }
}

/// Takes an occurrence: a row that is unique on (task, occurrence).
package struct Claim: Sendable {
    package var run: RunID
    package var task: TaskID
    package var uses: String
    /// The instant that no other run of the task may have; `nil` for a run by hand or at start, of which any
    /// number may share an instant.
    package var occurrence: Instant?
    package var scheduledAt: Instant
    package var trigger: Trigger
    /// How many attempts `retry` allows.
    package var attempts: Int
    /// When the claim is made.
    package var at: Instant
    /// Whether the first attempt starts with the claim (fence 1, status `running`); otherwise `queued`.
    package var starts: Bool
    /// The first start less the scheduled instant and its jitter; given when `starts`.
    package var lateness: Duration?
    /// Whether what follows by `after` follows this run.
    package var movesDependents: Bool
    /// For a run by `after`: the marks of its upstreams that the claim uses up.
    package var clearsMarks: Bool
    /// The first decision after a wrong clock was put right: what the task's newest occurrence was lies ahead of it and
    /// counts no more. Its progress goes back to this one, and records of several skips do not take it; a run or a
    /// record of this very instant does.
    package var startsAnew: Bool
    /// Of a claim that ``starts``, the place that the attempt needs: without one the claim stands as `queued`
    /// (``WriteOutcome/noPlace``). `nil` for a task without a group, and where one process alone runs tasks.
    package var group: GroupPlace?

    package init(
        run: RunID, task: TaskID, uses: String, occurrence: Instant?, scheduledAt: Instant, trigger: Trigger,
        attempts: Int, at: Instant, starts: Bool, lateness: Duration?, movesDependents: Bool, clearsMarks: Bool,
        startsAnew: Bool = false, group: GroupPlace? = nil
    ) {
        self.run = run
        self.task = task
        self.uses = uses
        self.occurrence = occurrence
        self.scheduledAt = scheduledAt
        self.trigger = trigger
        self.attempts = attempts
        self.at = at
        self.starts = starts
        self.lateness = lateness
        self.movesDependents = movesDependents
        self.clearsMarks = clearsMarks
        self.startsAnew = startsAnew
        self.group = group
    }
}

/// Starts an attempt of a run that is `queued`, `retrying`, `interrupted` or lost.
package struct AttemptStart: Sendable {
    package var run: RunID
    /// The fence as last known; the start is refused when the store's is another, and raises it by one.
    package var fence: Fence
    /// The attempt's number, from 1.
    package var attempt: Int
    package var at: Instant
    /// For the first attempt only.
    package var lateness: Duration?
    /// The place that the attempt needs, as in ``Claim/group``: without one nothing changes.
    package var group: GroupPlace?

    package init(
        run: RunID, fence: Fence, attempt: Int, at: Instant, lateness: Duration?, group: GroupPlace? = nil
    ) {
        self.run = run
        self.fence = fence
        self.attempt = attempt
        self.at = at
        self.lateness = lateness
        self.group = group
    }
}

/// Occurrences that were not run. A record whose reason equals that of the task's newest occurrence,
/// itself a skip, extends it instead of adding a row.
package struct SkipRecord: Sendable {
    /// Of the row, if one is added.
    package var run: RunID
    package var task: TaskID
    package var uses: String
    /// What would have started it.
    package var trigger: Trigger
    /// The first and the last occurrence; equal when `count` is 1.
    package var from: Instant
    package var until: Instant
    package var count: Int
    package var reason: SkipReason
    package var at: Instant
    /// As in ``Claim/clearsMarks``.
    package var clearsMarks: Bool
    /// As in ``Claim/startsAnew``: it extends no record, whatever its reason.
    package var startsAnew: Bool

    package init(
        run: RunID, task: TaskID, uses: String, trigger: Trigger, from: Instant, until: Instant, count: Int,
        reason: SkipReason, at: Instant, clearsMarks: Bool, startsAnew: Bool = false
    ) {
        self.run = run
        self.task = task
        self.uses = uses
        self.trigger = trigger
        self.from = from
        self.until = until
        self.count = count
        self.reason = reason
        self.at = at
        self.clearsMarks = clearsMarks
        self.startsAnew = startsAnew
    }
}

/// What an attempt leaves: applied whole, under its fence, or not at all.
package struct AttemptPayload: Sendable {
    package var emissions: [Emission]
    /// Every metric that an emission may name.
    package var metrics: [MetricDeclaration]
    /// `nil` removes the key.
    package var state: [String: Value?]
    /// To be appended to the run's log, in order.
    package var log: [LogLine]

    package init(
        emissions: [Emission] = [], metrics: [MetricDeclaration] = [], state: [String: Value?] = [:],
        log: [LogLine] = []
    ) {
        self.emissions = emissions
        self.metrics = metrics
        self.state = state
        self.log = log
    }

    package var isEmpty: Bool { emissions.isEmpty && state.isEmpty && log.isEmpty }
}

/// Makes what a going attempt handed over durable.
package struct AttemptCheckpoint: Sendable {
    package var run: RunID
    package var task: TaskID
    package var fence: Fence
    package var at: Instant
    package var payload: AttemptPayload

    package init(run: RunID, task: TaskID, fence: Fence, at: Instant, payload: AttemptPayload) {
        self.run = run
        self.task = task
        self.fence = fence
        self.at = at
        self.payload = payload
    }
}

/// What becomes of a run when an attempt ends, or before one started.
package enum Disposition: Hashable, Sendable {
    /// `succeeded`, `failed`, `timed_out`, `cancelled` or `skipped`, with a reason where there is one.
    case final(RunStatus, reason: String?)
    /// Another attempt, not before this instant.
    case retrying(at: Instant)
    /// A shutdown cut it short; the next process starts it again.
    case interrupted
}

/// A success of an upstream that a task with `after` is to be told of, durable with that success.
package struct AfterMark: Hashable, Sendable {
    /// The task with `after`.
    package var task: TaskID
    package var upstream: TaskID
    package var scheduledAt: Instant

    package init(task: TaskID, upstream: TaskID, scheduledAt: Instant) {
        self.task = task
        self.upstream = upstream
        self.scheduledAt = scheduledAt
    }
}

/// Ends an attempt, or a run that has none going.
package struct AttemptFinish: Sendable {
    package var run: RunID
    package var task: TaskID
    /// The attempt's; for a run without a going attempt the last known one.
    package var fence: Fence
    package var disposition: Disposition
    package var at: Instant
    /// From the run's first start in this process; `nil` when none started.
    package var duration: Duration?
    package var error: RunError?
    package var summary: String?
    /// Whether the ended attempt counts for `retry`; a lost or interrupted one does not.
    package var countsAsFailure: Bool
    package var payload: AttemptPayload
    /// Written only if this is accepted: the marks of tasks that wait for this one …
    package var marks: [AfterMark]
    /// … and the skips (`upstream_failed`) of those that now will not come.
    package var skips: [SkipRecord]
    /// Whether its place in its group stays taken, as its code goes on after the end: ``StoreWrite/leave(_:)`` follows.
    /// Otherwise the place, if it has one, is free with this end.
    package var keepsPlace: Bool

    package init(
        run: RunID, task: TaskID, fence: Fence, disposition: Disposition, at: Instant, duration: Duration? = nil,
        error: RunError? = nil, summary: String? = nil, countsAsFailure: Bool = false,
        payload: AttemptPayload = AttemptPayload(), marks: [AfterMark] = [], skips: [SkipRecord] = [],
        keepsPlace: Bool = false
    ) {
        self.run = run
        self.task = task
        self.fence = fence
        self.disposition = disposition
        self.at = at
        self.duration = duration
        self.error = error
        self.summary = summary
        self.countsAsFailure = countsAsFailure
        self.payload = payload
        self.marks = marks
        self.skips = skips
        self.keepsPlace = keepsPlace
    }
}

/// One change of the store.
///
/// Every write is idempotent by its run's id and fence, so that a commit whose answer was lost can be
/// sent again: a claim that finds its own row, a finish that finds itself applied, answer `done`.
package enum StoreWrite: Sendable {
    case claim(Claim)
    case start(AttemptStart)
    case skip(SkipRecord)
    indirect case checkpoint(AttemptCheckpoint)
    // Boxed, as it is large and passed on many times.
    indirect case finish(AttemptFinish)
    /// Stored; survives restarts.
    case setPaused(task: TaskID, Bool)
    /// Ends a request from another process; the first answer stays.
    case answer(RequestID, RequestAnswer)
    /// Frees the place in its group that a run has kept after its end, if this node still has it.
    case leave(RunID)
    /// Lets another node hold the task; after all writes of it, and always `done`. Nothing where one process has them
    /// all, or when this node does not hold it.
    case release(TaskID)
}

/// What became of one write.
package enum WriteOutcome: Hashable, Sendable {
    /// Applied, now or by an earlier try of the same write.
    case done
    /// A claim whose occurrence another run has, or a start of a run that somebody else moved on.
    case conflict
    /// The write named an older fencing number, or the run is over: nothing of it was applied.
    case fenced
    /// No place in the group: a claim stands as `queued`, as if it did not start; a start changes nothing. A claim that is
    /// sent again and finds its own row waiting answers this as well, whether or not there is a place by now.
    ///
    /// Places are counted as if the writes of a batch were applied one after the other, so that an end frees one for a
    /// later start in it, and across all nodes: those of nodes that are not marked as dead count.
    case noPlace
    /// What it hands over cannot be stored, for a reason that trying again does not mend, such as a
    /// metric that changed its shape: nothing of it was applied.
    indirect case rejected(RunError)
}
