import InsightsEngine
import InsightsPlugin

/// What a store that several nodes share must do besides what ``ModelStore`` does: leases, who holds which task, places
/// in groups. A value, so that a commit that fails half-way is a copy that was never taken.
struct SharedModel {
    struct Node {
        var name: String
        /// By the database's clock, in milliseconds, as all instants here.
        var startedAt: Int64
        var lastSeen: Int64
        var expiresAt: Int64
        var isDead = false
        var epoch: Int
        var report: NodeReport
    }

    /// A place in a group.
    struct Place {
        var group: String
        var node: Int
    }

    /// How long a lease lasts, in milliseconds.
    static let lease: Int64 = 15_000

    var base = ModelStore()
    private(set) var nodes: [Node] = []
    /// By task, the node that holds it; a dead one holds nothing.
    private(set) var holders: [Int: Int] = [:]
    private(set) var places: [RunID: Place] = [:]
    private var heldEpochs: [Int: Int] = [:]
    private var hashes: [Int: UInt64] = [:]
    private(set) var definitions: Int64 = 0
    var bug: NodesBug?

    // MARK: Nodes

    /// - Parameter former: The node that the process was.
    /// - Returns: The node's number.
    mutating func enter(_ name: String, former: Int?, report: NodeReport, at: Int64) -> Int {
        if let former { bury(former) }
        let newest = nodes.map(\.epoch).max() ?? 0
        let isAlone = !nodes.contains { !$0.isDead && $0.expiresAt >= at }
        nodes.append(
            Node(
                name: name, startedAt: at, lastSeen: at, expiresAt: at + SharedModel.lease,
                epoch: isAlone && former == nil ? newest + 1 : newest, report: report))
        return nodes.count - 1
    }

    func isAlive(_ node: Int) -> Bool { !nodes[node].isDead }

    /// - Returns: `false` when the node is dead.
    mutating func renew(_ node: Int, _ report: NodeReport, at: Int64) -> Bool {
        guard isAlive(node) else { return false }
        nodes[node].expiresAt = at + SharedModel.lease
        nodes[node].lastSeen = at
        nodes[node].report = report
        return true
    }

    func living(at: Int64) -> [NodeRecord] { records(at: at).filter(\.isAlive) }

    func records(at: Int64) -> [NodeRecord] {
        nodes.map { node in
            NodeRecord(
                name: node.name, processID: 1, version: "1", startedAt: Instant(milliseconds: node.startedAt),
                lastSeen: Instant(milliseconds: node.lastSeen), isAlive: !node.isDead && node.expiresAt >= at,
                running: node.report.running, manifest: node.report.manifest, takesShare: node.report.takesShare)
        }
    }

    /// Ends a node: what it held and its places are free.
    mutating func bury(_ node: Int) {
        nodes[node].isDead = true
        holders = holders.filter { $0.value != node }
        places = places.filter { $0.value.node != node }
    }

    // MARK: Tasks

    mutating func register(_ tasks: [TaskRegistration], at: Int64) -> [StoredTask] {
        tasks.map { task in
            let number = base.register(task.name, at: at)
            if hashes[number] == nil || task.isNew && hashes[number] != task.hash {
                hashes[number] = task.hash
                definitions += 1
            }
            return base.stored(number, hash: hashes[number] ?? 0)
        }
    }

    /// - Returns: `nil` when the node is dead.
    mutating func hold(_ node: Int, _ wishes: [HoldWish], limit: Int, at: Int64) -> [HeldTask]? {
        guard isAlive(node) else { return nil }
        if bug != .noTakeover {
            for other in nodes.indices where !nodes[other].isDead && nodes[other].expiresAt < at { bury(other) }
        }
        guard isAlive(node) else { return nil }
        var held: [HeldTask] = []
        for wish in wishes where held.count < limit {
            let task = ModelStore.task(wish.task)
            let isOwn = holders[task] == node
            guard isOwn || holders[task] == nil || bug == .twoHolders, wish.hash == nil || wish.hash == hashes[task]
            else { continue }
            holders[task] = node
            let isStart = heldEpochs[task].map { $0 < nodes[node].epoch } ?? true
            heldEpochs[task] = nodes[node].epoch
            held.append(
                HeldTask(
                    task: base.stored(task, hash: hashes[task] ?? 0),
                    unfinished: base.recover(task, isFenced: !isOwn && bug != .unfencedTakeover), isStart: isStart))
        }
        return held
    }

    func abandoned() -> [TaskID] {
        let open = Set(base.rows.filter { !$0.status.isFinal }.map(\.task))
        return open.filter { holders[$0] == nil }.sorted().map { TaskID(Int64($0) + 1) }
    }

    func news(of followers: [TaskID]) -> StoreNews {
        StoreNews(
            followers: followers.map { task in
                let number = ModelStore.task(task)
                return StoreNews.Follower(
                    task: task, lastOccurrence: base.tasks[number].last.map(Instant.init(milliseconds:)),
                    marks: base.marks(of: number))
            },
            paused: Set(base.tasks.indices.filter { base.tasks[$0].isPaused }.map { TaskID(Int64($0) + 1) }),
            definitions: definitions)
    }

    // MARK: Writes

    /// - Parameter node: `nil`: of a process that is none.
    /// - Returns: For each write the outcome, and whether it was new; `nil` when the node is dead.
    mutating func commit(_ node: Int?, _ writes: [StoreWrite]) -> [(outcome: WriteOutcome, isNew: Bool)]? {
        if let node, !isAlive(node) { return nil }
        base.beginBatch()
        var results: [(outcome: WriteOutcome, isNew: Bool)] = []
        for write in writes { results.append(apply(write, node ?? -1)) }
        return results
    }

    private mutating func apply(_ write: StoreWrite, _ node: Int) -> (outcome: WriteOutcome, isNew: Bool) {
        switch write {
        case .claim(var claim):
            guard let group = claim.group, claim.starts else { return plainly(write) }
            if let row = base.row(claim.run) {
                return row.attempt == 0 && row.status == .queued ? (.noPlace, false) : plainly(write)
            }
            guard hasPlace(group, for: claim.run) else {
                claim.starts = false
                let (outcome, isNew) = base.apply(.claim(claim))
                return (outcome == .done ? .noPlace : outcome, isNew)
            }
            let (outcome, isNew) = base.apply(write)
            if outcome == .done { places[claim.run] = Place(group: group.name, node: node) }
            return (outcome, isNew)
        case .start(let start):
            guard let group = start.group else { return plainly(write) }
            if base.accepts(start), !hasPlace(group, for: start.run) { return (.noPlace, true) }
            let (outcome, isNew) = base.apply(write)
            if outcome == .done, isNew { places[start.run] = Place(group: group.name, node: node) }
            return (outcome, isNew)
        case .finish(let finish):
            let (outcome, isNew) = base.apply(write)
            if outcome == .done, isNew, !finish.keepsPlace || bug == .hastyPlace { places[finish.run] = nil }
            return (outcome, isNew)
        case .leave(let run):
            if places[run]?.node == node { places[run] = nil }
            return (.done, true)
        case .release(let task):
            if holders[ModelStore.task(task)] == node { holders[ModelStore.task(task)] = nil }
            return (.done, true)
        case .setPaused(let task, let isPaused):
            base.setPaused(base.tasks[ModelStore.task(task)].name, isPaused)
            return (.done, true)
        case .skip, .checkpoint, .answer:
            let (outcome, isNew) = base.apply(write)
            return (outcome, isNew)
        }
    }

    private mutating func plainly(_ write: StoreWrite) -> (outcome: WriteOutcome, isNew: Bool) {
        let (outcome, isNew) = base.apply(write)
        return (outcome, isNew)
    }

    private func hasPlace(_ group: GroupPlace, for run: RunID) -> Bool {
        bug == .ignoredPlaces
            || places.count { $0.value.group == group.name && $0.key != run } < group.limit
    }
}
