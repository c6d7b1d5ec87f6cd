internal import InsightsEngine
internal import Synchronization

/// This process as a node: since it has entered, until it leaves or is found dead.
final class PostgresNode: Sendable {
    let number: Int64
    let epoch: Int64
    let identity: NodeIdentity
    /// Runs that may have a place in a group: those that took one, whether or not that was committed.
    private let places = Mutex<Set<RunID>>([])

    init(number: Int64, epoch: Int64, identity: NodeIdentity) {
        self.number = number
        self.epoch = epoch
        self.identity = identity
    }

    func notePlace(of run: RunID) { places.withLock { _ = $0.insert(run) } }

    func mayHavePlace(_ run: RunID) -> Bool { places.withLock { $0.contains(run) } }

    /// To be called when it is durable that these have none any more.
    func forgetPlaces(of runs: [RunID]) {
        guard !runs.isEmpty else { return }
        places.withLock { places in
            for run in runs { places.remove(run) }
        }
    }

    static func lost(_ label: String) -> StoreError {
        StoreError(
            .leaseLost, "this node's lease at \(label) is over, and another node has taken what it held",
            help: "it enters anew by itself; look whether it or the database was stopped or cut off")
    }
}

/// One batch of a node, within its transaction.
final class PostgresSharing: BatchSharing {
    private unowned let statements: PostgresStatements
    private let node: PostgresNode
    /// Runs whose places this batch frees.
    private(set) var left: [RunID] = []

    init(_ statements: PostgresStatements, _ node: PostgresNode) {
        self.statements = statements
        self.node = node
    }

    func begin(_ writes: [StoreWrite]) throws {
        var groups: Set<String> = []
        var measures = false
        for write in writes {
            switch write {
            case .claim(let claim): if let group = claim.group, claim.starts { groups.insert(group.name) }
            case .start(let start): if let group = start.group { groups.insert(group.name) }
            case .checkpoint(let checkpoint): measures = measures || !checkpoint.payload.emissions.isEmpty
            case .finish(let finish): measures = measures || !finish.payload.emissions.isEmpty
            default: break
            }
        }
        // Who is who among subjects is decided by one transaction at a time, as are places in a group; always in this
        // order, and groups by name, so that two never wait for each other.
        if measures { _ = try statements.run("SELECT pg_advisory_xact_lock(\(PostgresSchema.measuresLock))") }
        for group in groups.sorted() {
            _ = try statements.run(
                "INSERT INTO groups VALUES (?1) ON CONFLICT (name) DO NOTHING", .text(StoredText.clean(group)))
            _ = try statements.run("SELECT 1 FROM groups WHERE name = ?1 FOR UPDATE", .text(StoredText.clean(group)))
        }
    }

    func takePlace(_ run: RunID, in group: GroupPlace) throws -> Bool {
        node.notePlace(of: run)
        left.removeAll { $0 == run }
        let taken = try statements.run(
            """
            INSERT INTO places SELECT ?1, ?2, ?3 WHERE (SELECT count(*) FROM places WHERE group_name = ?2 AND run <> ?1) < ?4
            ON CONFLICT (run) DO UPDATE SET group_name = excluded.group_name, node = excluded.node
            """, .id(run), .text(StoredText.clean(group.name)), .integer(node.number), .integer(Int64(group.limit)))
        return taken.changedRows == 1
    }

    func leavePlace(_ run: RunID) throws {
        guard node.mayHavePlace(run) else { return }
        left.append(run)
        _ = try statements.run("DELETE FROM places WHERE run = ?1 AND node = ?2", .id(run), .integer(node.number))
        noteNews()
    }

    func mayHavePlace(_ run: RunID) -> Bool { node.mayHavePlace(run) }

    func release(_ task: TaskID) throws {
        _ = try statements.run(
            "UPDATE progress SET node = NULL WHERE task_id = ?1 AND node = ?2", .integer(task.value),
            .integer(node.number))
        noteNews()
    }

    func noteNews() { statements.concernsOthers = true }
}
