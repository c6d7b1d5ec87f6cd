internal import InsightsPlugin

/// Where a run stands for the planner; finer than ``RunStatus``, as it tells which answer is awaited.
enum RunPhase: UInt8, Sendable {
    /// The slot is empty.
    case free
    /// The claim is on its way to the store.
    case claiming
    /// Claimed; runs of the same task come first.
    case waiting
    /// Claimed; members of the same trigger by hand come first.
    case held
    /// A place is all it needs.
    case ready
    /// The start of an attempt is on its way to the store.
    case starting
    /// Code is going on.
    case running
    /// The end of an attempt, or of the run, is on its way to the store.
    case finishing
    /// That end is stored, but the code has not come back.
    case lingering
    /// Waits for its next attempt's time.
    case retrying
    /// Left by an earlier process and not to be touched, as the scheduler is off.
    case parked
}

/// What follows once an attempt's end is stored.
enum Sequel: UInt8, Sendable {
    case final
    case retry
    /// Nothing in this process.
    case interrupted
}

/// Why a run is ended from outside.
enum CancelCause: UInt8, Sendable {
    case none
    case `operator`
    case replaced
    case removed
    case disabled
    /// A newer occurrence took its turn: `overlap: queue` holds the newest only.
    case displaced
    case upstreamFailed
    /// The grace period is over.
    case shutdown
    case deadline
}

/// What the planner keeps of one run.
struct PlannedRun: Sendable {
    struct Flags: OptionSet, Sendable {
        let rawValue: UInt16
        /// It has an instant that no other run of the task may have.
        static let hasOccurrence = Flags(rawValue: 1 << 0)
        static let movesDependents = Flags(rawValue: 1 << 1)
        /// The claim starts the first attempt.
        static let startsWithClaim = Flags(rawValue: 1 << 2)
        /// A missed occurrence of `catch_up: all`.
        static let isReplay = Flags(rawValue: 1 << 3)
        /// One of several triggered together.
        static let isGrouped = Flags(rawValue: 1 << 4)
        static let holdsPlace = Flags(rawValue: 1 << 5)
        /// Code is going on, wanted or not.
        static let hasCode = Flags(rawValue: 1 << 6)
        static let isLive = Flags(rawValue: 1 << 7)
        static let isWaiting = Flags(rawValue: 1 << 8)
        /// The store has refused what it handed over.
        static let wasRejected = Flags(rawValue: 1 << 9)
        /// Its end is written, but not that its place in the group is free: the code goes on.
        static let keepsPlace = Flags(rawValue: 1 << 10)
    }

    var id: RunID
    var scheduledAt: Int64
    /// As last known from the store.
    var fence: Fence = 0
    /// Uptime of the first start in this process, or ``PlannedTask/none``.
    var firstStart = PlannedTask.none
    /// Uptime of the last end; while it waits for a further attempt, of that attempt.
    var mark = PlannedTask.none
    /// Index of its task, or -1 when the manifest has none.
    var task: Int32
    var generation: UInt32 = 0
    /// Neighbours in the task's list of going or waiting runs; in a free slot `next` is the next free one.
    var next: Int32 = -1
    var previous: Int32 = -1
    /// The last attempt started.
    var attempt: Int32 = 0
    var failures: Int32 = 0
    var phase = RunPhase.claiming
    var sequel = Sequel.final
    var cause = CancelCause.none
    var trigger: Trigger
    var flags: Flags

    init(id: RunID, task: Int32, scheduledAt: Int64, trigger: Trigger, flags: Flags) {
        self.id = id
        self.task = task
        self.scheduledAt = scheduledAt
        self.trigger = trigger
        self.flags = flags
    }
}

/// What few runs have.
struct RunDetails: Sendable {
    /// How it ends, when that is not a plain success; told once the end is stored.
    var ending: Ending?
    /// Skips of tasks after this one that are written with its end, and those tasks.
    var skips: [SkipRecord] = []
    var skippedTasks: [TaskLabel] = []
    /// Of a run whose task the manifest no longer has.
    var name: String?
    var taskID: TaskID?
    /// The trigger by hand that it belongs to, and how many of its members it waits for.
    var group: UInt64 = 0
    var awaited = 0
    /// The trigger by hand that is told this once the run's first write is durable.
    var asker: (token: UInt64, answer: TriggerAnswer)?

    struct Ending: Sendable {
        var status: RunStatus
        var reason: String?
        var error: RunError?
    }
}

/// The slots of all runs: dense, and reused under a new generation.
struct RunTable: Sendable {
    private(set) var slots: [PlannedRun] = []
    private var firstFree: Int32 = -1
    private(set) var count = 0

    subscript(slot: Int32) -> PlannedRun {
        _read { yield slots[Int(slot)] }
        _modify { yield &slots[Int(slot)] }
    }

    mutating func insert(_ run: PlannedRun) -> Int32 {
        count += 1
        guard firstFree >= 0 else {
            slots.append(run)
            return Int32(slots.count - 1)
        }
        let slot = firstFree
        firstFree = slots[Int(slot)].next
        let generation = slots[Int(slot)].generation
        slots[Int(slot)] = run
        slots[Int(slot)].generation = generation
        return slot
    }

    mutating func remove(_ slot: Int32) {
        count -= 1
        slots[Int(slot)].phase = .free
        slots[Int(slot)].generation &+= 1
        slots[Int(slot)].next = firstFree
        firstFree = slot
    }

    /// The slot's index, unless it has another run by now.
    func index(of name: RunSlot) -> Int32? {
        guard name.index >= 0, Int(name.index) < slots.count else { return nil }
        let run = slots[Int(name.index)]
        return run.generation == name.generation && run.phase != .free ? name.index : nil
    }

    func name(of slot: Int32) -> RunSlot { RunSlot(index: slot, generation: slots[Int(slot)].generation) }

    /// - Complexity: O(slots); for an operator's wishes.
    func index(of id: RunID) -> Int32? {
        slots.firstIndex { $0.id == id && $0.phase != .free }.map(Int32.init)
    }
}
