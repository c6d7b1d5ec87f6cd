import InsightsPlugin

@testable import InsightsEngine

/// One process of a simulation of several, and the machine that it is on.
final class SimulatedNode {
    /// Writes that go together, and what is asked of the store after them.
    struct Unit {
        var writes: [(write: StoreWrite, slot: RunSlot?, step: WriteStep?)] = []
        var reading: Reading?
    }

    enum Reading {
        case news(NewsStamp)
        case hold([HoldWish], limit: Int)
    }

    struct Code {
        var spec: AttemptSpec
        var group: String?
        /// Tells a plan for its end that was made before it was cancelled.
        var plan = 0
    }

    let index: Int
    let skew: Int64
    /// Counts its processes: what was planned for an earlier one is void.
    var process = 0
    var planner: Planner?
    /// In the store.
    var number: Int?
    var lease = LeaseKeeper()
    var clockOffset: Int64 = 0
    var living: [NodeRecord] = []
    var inbox: [PlannerEvent] = []
    var isLoopPlanned = false
    var tickPlan = 0
    var codes: [RunSlot: Code] = [:]
    var isStopping = false
    var isStoreDown = false
    var isAskingNews = false
    var isBalancing = false
    var isRenewing = false
    var choreCount = 0

    // The writer.
    var queue: [Unit] = []
    var isBusy = false
    var isWriterLost = false
    var losses = 0

    // Faults.
    var frozenUntil: Int64 = 0
    var cutUntil: Int64 = 0
    var commitFault: NodeFault?
    /// Since when nothing has kept it from its work.
    var healthySince: Int64?

    init(index: Int, skew: Int64) {
        self.index = index
        self.skew = skew
    }

    /// What a new process knows: nothing.
    func forget() {
        process += 1
        planner = nil
        number = nil
        lease = LeaseKeeper()
        clockOffset = 0
        living = []
        inbox = []
        isLoopPlanned = false
        codes = [:]
        (isStopping, isStoreDown, isAskingNews, isBalancing, isRenewing) = (false, false, false, false, false)
        queue = []
        isBusy = false
        isWriterLost = false
        losses = 0
        healthySince = nil
    }
}
