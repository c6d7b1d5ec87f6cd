internal import InsightsPlugin

/// What the planner keeps of one task: 64 bytes, as there may be a million of them. What few tasks have,
/// such as the marks of `after`, is kept beside.
///
/// Instants are milliseconds of wall time; ``none`` and ``never`` stand for `nil`, which would cost eight
/// more bytes each.
struct PlannedTask: Sendable {
    struct Flags: OptionSet, Sendable {
        let rawValue: UInt16
        /// The cadence starts it.
        static let enabled = Flags(rawValue: 1 << 0)
        static let paused = Flags(rawValue: 1 << 1)
        /// It has `after` instead of instants of its own.
        static let follows = Flags(rawValue: 1 << 2)
        static let jittered = Flags(rawValue: 1 << 3)
        /// Some task has it in its `after`.
        static let isFollowed = Flags(rawValue: 1 << 4)
        /// Its place in the due queue is taken.
        static let isQueued = Flags(rawValue: 1 << 5)
        /// `on_start` has yet to be asked: nothing was decided in this process.
        static let atStart = Flags(rawValue: 1 << 6)
        /// `every` has a grid of its own.
        static let anchored = Flags(rawValue: 1 << 7)
        /// None of its occurrences was ever decided.
        static let isNew = Flags(rawValue: 1 << 8)
        /// Its grid has started anew after a wrong clock, and the store has yet to be told with the next decision.
        static let isAnew = Flags(rawValue: 1 << 9)
        /// This node decides about it; always so where one process has them all.
        static let held = Flags(rawValue: 1 << 10)
        /// Held until it is idle, and no longer: nothing more of it starts by itself.
        static let leaving = Flags(rawValue: 1 << 11)
    }

    static let none = Int64.min
    static let never = Int64.max

    var id: TaskID
    /// The first point of the grid of `every` without `starting`; what a `cron` that never ran counts from.
    var anchor: Int64
    /// The last occurrence that was decided, whether it became a run or a skip.
    var last: Int64
    /// The occurrence that is decided next; of a task with `after`, the one that waits to be decided.
    var next: Int64
    /// Scheduled instant of the last success.
    var lastSuccess: Int64
    /// The runs that are going, newest first: admitted by `overlap`, and not over.
    var live: Int32 = -1
    /// The runs that wait for those, oldest first.
    var waiting: Int32 = -1
    var lastWaiting: Int32 = -1
    /// Index of the group it belongs to, or -1.
    var group: Int32
    var flags: Flags

    init(_ stored: StoredTask, group: Int32, flags: Flags) {
        id = stored.id
        last = stored.lastOccurrence?.milliseconds ?? PlannedTask.none
        anchor = (stored.lastOccurrence ?? stored.registeredAt).milliseconds
        next = PlannedTask.never
        lastSuccess = stored.lastSuccessAt?.milliseconds ?? PlannedTask.none
        self.group = group
        self.flags = flags
        if stored.isPaused { self.flags.insert(.paused) }
        if last == PlannedTask.none { self.flags.insert(.isNew) }
    }

    /// Whether any run of it is unfinished.
    var isGoing: Bool { live >= 0 || waiting >= 0 }
}

extension PlannedTask.Flags {
    /// What a changed definition changes.
    static let ofDefinition: PlannedTask.Flags = [.enabled, .jittered, .follows, .anchored]
}

/// The upstreams of a task with `after`, and what is known of them since it last started.
struct AfterChain: Sendable {
    var upstreams: [Int32]
    /// For each upstream the scheduled instant of its newest success, or ``PlannedTask/none``.
    var marks: [Int64]
    /// Number of the last decision that used marks up, or of the last holding of the task: older news is void.
    var version: UInt64 = 0

    /// The scheduled instant of the occurrence that the marks make, once each upstream has one.
    var occurrence: Int64? {
        guard let latest = marks.max(), !marks.contains(PlannedTask.none) else { return nil }
        return latest
    }

    mutating func clear() {
        for index in marks.indices { marks[index] = PlannedTask.none }
    }
}

/// The places of one group of tasks.
struct PlaceGroup: Sendable {
    var limit: Int
    var taken = 0
    /// What the store is asked for with each start, where other nodes have places of the group as well.
    var place: GroupPlace?
    /// The store had no place when it was asked last.
    var isBlocked = false

    var hasPlace: Bool { taken < limit && !isBlocked }
}
