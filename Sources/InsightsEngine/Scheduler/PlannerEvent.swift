package import InsightsPlugin

/// Now, by both clocks.
package struct Moment: Hashable, Sendable {
    /// The wall clock, which people set and which can step.
    package var wall: Instant
    /// Milliseconds on a clock that never steps and counts suspend; only differences mean anything.
    package var uptime: Int64

    package init(wall: Instant, uptime: Int64) {
        self.wall = wall
        self.uptime = uptime
    }
}

/// Names a run that the planner holds: a slot, and a generation that tells a late event of the slot's former run.
package struct RunSlot: Hashable, Sendable {
    package var index: Int32
    package var generation: UInt32

    package init(index: Int32, generation: UInt32) {
        self.index = index
        self.generation = generation
    }
}

/// Which of a run's writes the store has answered.
package enum WriteStep: Hashable, Sendable {
    case claim
    case start
    case finish
}

/// What came of an attempt's code.
package enum AttemptResult: Hashable, Sendable {
    case succeeded(summary: String?)
    // Boxed, as few results have one and every result is passed on many times.
    indirect case failed(RunError)
    /// It gave up because it was cancelled.
    case cancelled
}

/// A trigger by hand.
package struct ManualTrigger: Sendable {
    /// What the answer names.
    package var token: UInt64
    /// The id the run is to have, when the asker chose one.
    package var run: RunID?
    package var task: String
    /// Whether what follows by `after` follows this run.
    package var movesDependents: Bool
    /// One of several triggered together: refused by `overlap` it becomes a `skipped` record, not an error. Those of
    /// one group start in `after` order.
    package var group: UInt64?
    /// The answer is a write as well: then it comes with the claim, so that one commit holds both.
    package var isAnsweredInStore: Bool

    package init(
        token: UInt64, run: RunID?, task: String, movesDependents: Bool, group: UInt64?,
        isAnsweredInStore: Bool = false
    ) {
        self.token = token
        self.run = run
        self.task = task
        self.movesDependents = movesDependents
        self.group = group
        self.isAnsweredInStore = isAnsweredInStore
    }
}

/// The answer to a trigger by hand.
package enum TriggerAnswer: Hashable, Sendable {
    case accepted(RunID)
    /// Refused by `overlap`; that run is going.
    case overlaps(RunID)
    /// Not run, but recorded as skipped under this id.
    case skipped(RunID, SkipReason)
    case unknownTask
    /// A shutdown has begun.
    case stopping
    /// The store does not take writes: nothing was started that could not be claimed.
    case storeUnavailable
    /// Another node has the task; told to people when it has not answered in time.
    case elsewhere
}

/// Which tasks are to be given to other nodes.
package enum ReleaseWish: Sendable {
    /// At most so many that are idle: no run of them is left, and none is about to be claimed.
    case idle(Int)
    /// These, which are registered with another definition, once they are idle; nothing more of them starts by itself.
    case differing([TaskID])
    /// This one, if it is idle; the request is answered.
    case asked(task: String, RequestID)
}

/// What the planner is told.
package enum PlannerEvent: Sendable {
    /// Time has passed; every event tells the time, this one nothing else.
    case tick
    /// The manifest in force, first or anew, with what is stored of each task (same order as `manifest.tasks`).
    indirect case manifest(Manifest, [StoredTask])
    /// Runs that an earlier process left without an end.
    case recovered([UnfinishedRun])
    /// A run's write was answered.
    case settled(RunSlot, WriteStep, WriteOutcome)
    /// An attempt's code has come back.
    case ended(RunSlot, AttemptResult)
    indirect case trigger(ManualTrigger)
    /// An operator cancels a run.
    case cancel(RunID)
    case setPaused(task: String, Bool)
    /// This node holds these from now on. Only where several share the store.
    case held([HeldTask])
    case release(ReleaseWish)
    /// This node's lease was not renewed in time: all that it had may be others' by now.
    case leaseLost
    /// Asks for ``PlannerAction/readNews(_:)``.
    case askNews
    case news(StoreNews, NewsStamp)
    /// Another node may have left a place in a group.
    case placesFreed
    /// Whether the store takes writes: while it does not, nothing new is claimed.
    case storeAvailable(Bool)
    /// Nothing new starts from here on.
    case shutdown
    /// What still runs is cut short.
    case graceOver
}

/// What the shell is to execute.
package struct AttemptSpec: Sendable {
    package var run: RunID
    package var task: TaskID
    package var definition: TaskDefinition
    package var scheduledAt: Instant
    /// From 1.
    package var attempt: Int
    package var fence: Fence
    package var deadline: Instant
    package var lastSuccessAt: Instant?
    package var trigger: Trigger

    package init(
        run: RunID, task: TaskID, definition: TaskDefinition, scheduledAt: Instant, attempt: Int, fence: Fence,
        deadline: Instant, lastSuccessAt: Instant?, trigger: Trigger
    ) {
        self.run = run
        self.task = task
        self.definition = definition
        self.scheduledAt = scheduledAt
        self.attempt = attempt
        self.fence = fence
        self.deadline = deadline
        self.lastSuccessAt = lastSuccessAt
        self.trigger = trigger
    }
}

/// A task as the store numbers it and as people call it.
package struct TaskLabel: Hashable, Sendable, CustomStringConvertible {
    package var id: TaskID
    package var name: String

    package var description: String { name }
}

/// What happened, for logs, metrics and people who watch; nothing follows from it.
package enum Observation: Sendable {
    /// An attempt starts; lateness on the first one.
    case started(task: TaskLabel, run: RunID, attempt: Int, trigger: Trigger, lateness: Duration?)
    /// A run has its final state, durably; `attempt` is the last one started, 0 if none.
    case finished(
        task: TaskLabel, run: RunID, attempt: Int, status: RunStatus, reason: String?, duration: Duration?,
        error: RunError?)
    /// An attempt failed and another follows.
    indirect case retrying(task: TaskLabel, run: RunID, attempt: Int, error: RunError, at: Instant)
    /// Occurrences were skipped.
    case skipped(task: TaskLabel, reason: SkipReason, count: Int)
    /// The wall clock stepped: by this much against elapsed time.
    case clockStepped(Duration)
    /// A claim or start was refused: another run has it.
    case refused(task: TaskLabel, run: RunID)
    /// Code went on long after it was cancelled and was given up; it can no longer write.
    case abandoned(task: TaskLabel, run: RunID, attempt: Int)
}

/// What the planner wants done, in order.
package enum PlannerAction: Sendable {
    /// Write this; answer with `settled` for the run, if one is named. Writes of one call are committed together.
    case write(StoreWrite, RunSlot?, WriteStep?)
    /// Run the attempt's code; answer with `ended`.
    case execute(RunSlot, AttemptSpec)
    /// Cancel the attempt's code; `ended` follows, or never does.
    case abort(RunSlot)
    /// Give the attempt up: drop what it handed over but its log, and whatever it may still do.
    case abandon(RunSlot)
    /// Tell who triggered by hand; of a run, once it is durable.
    case answer(token: UInt64, TriggerAnswer)
    case observe(Observation)
    /// Once all writes so far are committed, and before any later one: read the news of these; answer with `news`.
    case readNews(NewsStamp)
    /// The lease is lost: drop every write that was asked for before this and is not committed.
    case forgetWrites
    /// After a shutdown: nothing runs and nothing is left to write.
    case drained
}
