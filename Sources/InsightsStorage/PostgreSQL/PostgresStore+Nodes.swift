package import InsightsEngine
internal import InsightsPlugin
internal import Synchronization

extension PostgresStore {
    package func acquire(_ node: NodeIdentity) async throws(StoreError) {
        let former = self.node.withLock { $0 }
        let (label, lease) = (label, lease)
        let entered = try await control { statements in
            try PostgresNodes(statements).enter(node, after: former, lease: lease, label: label)
        }
        self.node.withLock { $0 = entered }
        listener.start { [weak self] in self?.node.withLock { $0?.number } }
    }

    package func release() async {
        let former = node.withLock { node in
            defer { node = nil }
            return node
        }
        guard let former else { return }
        let notifies = listener.isOn
        // Where the database is out of reach, the lease runs out by itself.
        try? await control { statements in
            try PostgresNodes(statements).end([former.number])
            try PostgresNodes(statements).letGo(of: former.number)
            statements.concernsOthers = true
            if notifies { try statements.tellOthers(former) }
        }
    }

    package func renew(_ report: NodeReport) async throws(StoreError) -> LeaseRenewal {
        guard let current = node.withLock({ $0 }) else { throw PostgresNode.lost(label) }
        let (label, lease) = (label, lease)
        return try await control { statements in
            try PostgresNodes(statements).renew(current, report, lease: lease, label: label)
        }
    }

    package func hold(_ wishes: [HoldWish], limit: Int) async throws(StoreError) -> [HeldTask] {
        guard let current = node.withLock({ $0 }) else { throw PostgresNode.lost(label) }
        return try await writeAsNode(current) { statements in
            try PostgresNodes(statements).buryExpired(except: current.number)
            return try PostgresHolding(statements, current).hold(wishes, limit: limit)
        }
    }

    package func recover() async throws(StoreError) -> [UnfinishedRun] {
        let current = node.withLock { $0 }
        return try await writeAsNode(current) { statements in
            try PostgresHolding.recover(statements, number: current?.number ?? -1)
        }
    }

    package func abandonedTasks(limit: Int) async throws(StoreError) -> [TaskID] {
        try await read { statements in
            try statements.run(
                """
                SELECT DISTINCT r.task_id FROM runs r JOIN progress p ON p.task_id = r.task_id
                WHERE r.outcome = 0 AND \(PostgresHolding.isFree) LIMIT ?1
                """, .integer(Int64(limit))
            ).rows.map { TaskID(try $0.integer(0)) }
        }
    }

    package func news(of followers: [TaskID]) async throws(StoreError) -> StoreNews {
        try await readTogether { statements in
            let paused = try statements.run("SELECT id FROM tasks WHERE is_paused = 1").rows.map {
                TaskID(try $0.integer(0))
            }
            let definitions = try statements.run("SELECT definitions FROM counters WHERE id = 1").first?.integer(0)
            var found: [StoreNews.Follower] = []
            if !followers.isEmpty {
                var ids = PostgresArray.integers(capacity: followers.count)
                for task in followers { ids.append(task.value) }
                let marks = try PostgresTasks(statements).marks(of: ids)
                let rows = try statements.run(
                    "SELECT task_id, last_occurrence FROM progress WHERE task_id = ANY(?1::bigint[])", .array(ids))
                for row in rows.rows {
                    let task = TaskID(try row.integer(0))
                    found.append(
                        StoreNews.Follower(
                            task: task, lastOccurrence: try row.optionalInstant(1), marks: marks[task] ?? []))
                }
            }
            return StoreNews(followers: found, paused: Set(paused), definitions: definitions ?? 0)
        }
    }

    package func runningNode() async throws(StoreError) -> NodeIdentity? {
        try await nodes().filter(\.isAlive).max { first, second in
            func rank(_ node: NodeRecord) -> (Int, Int64, String) {
                (node.takesShare ? 1 : 0, node.startedAt?.milliseconds ?? 0, node.name)
            }
            return rank(first) < rank(second)
        }.map {
            NodeIdentity(name: $0.name, processID: $0.processID, version: $0.version, manifest: $0.manifest)
        }
    }

    package func nodes() async throws(StoreError) -> [NodeRecord] {
        try await read { statements in
            try statements.run(
                """
                SELECT \(PostgresNodes.columns) FROM nodes WHERE (is_dead = 0 AND expires_at >= \(PostgresSchema.clock))
                    OR renewed_at >= \(PostgresSchema.clock) - 3600000
                ORDER BY (is_dead = 0 AND expires_at >= \(PostgresSchema.clock)) DESC, renewed_at DESC LIMIT 1000
                """
            ).rows.map { try PostgresNodes.record($0) }.sorted {
                ($0.startedAt?.milliseconds ?? 0, $0.name) < ($1.startedAt?.milliseconds ?? 0, $1.name)
            }
        }
    }
}

/// The rows of nodes: who has a lease, and until when by the database's clock.
struct PostgresNodes {
    private let statements: PostgresStatements

    init(_ statements: PostgresStatements) { self.statements = statements }

    static let columns = """
        name, pid, version, started_at, renewed_at, is_dead = 0 AND expires_at >= \(PostgresSchema.clock), running, manifest, \
        takes_share
        """

    static func record(_ row: PostgresRow) throws -> NodeRecord {
        NodeRecord(
            name: try row.text(0), processID: Int32(clamping: try row.integer(1)), version: try row.text(2),
            startedAt: try row.instant(3), lastSeen: try row.instant(4), isAlive: try row.bool(5),
            running: try row.int(6), manifest: try row.optionalInteger(7).map { UInt64(bitPattern: $0) },
            takesShare: try row.bool(8))
    }

    /// Enters a node, one at a time: whether it begins an epoch depends on who lives.
    ///
    /// - Parameter former: What this process was before, which is ended.
    func enter(
        _ node: NodeIdentity, after former: PostgresNode?, lease: Duration, label: String
    ) throws -> PostgresNode {
        _ = try statements.run("SELECT pg_advisory_xact_lock(\(PostgresSchema.entranceLock))")
        if let former { try end([former.number]) }
        let name = StoredText.clean(node.name)
        let living = try statements.run(
            "SELECT name, pid FROM nodes WHERE is_dead = 0 AND expires_at >= \(PostgresSchema.clock)")
        if let other = try living.rows.first(where: { try $0.text(0) == name }) {
            throw StoreError(
                .alreadyRunning,
                "a node with the name \"\(name)\" (process \(try other.integer(1))) runs tasks on \(label)",
                help: "give each node a name of its own, or wait 15 s for the lease of one that was killed")
        }
        let begins = former == nil && living.rowCount == 0
        let epoch = try statements.run(
            "UPDATE counters SET epoch = epoch + ?1 WHERE id = 1 RETURNING epoch", .integer(begins ? 1 : 0)
        ).first?.integer(0)
        // Those that nothing refers to any more.
        _ = try statements.run(
            "DELETE FROM nodes WHERE is_dead = 1 AND renewed_at < \(PostgresSchema.clock) - 86400000")
        let number = try statements.run(
            """
            INSERT INTO nodes (name, pid, version, started_at, renewed_at, expires_at, manifest, running, takes_share,
                is_dead, epoch)
            SELECT ?1, ?2, ?3, now, now, now + ?4, ?5, 0, 1, 0, ?6 FROM (SELECT \(PostgresSchema.clock) AS now) AS c
            RETURNING number
            """, .text(name), .integer(Int64(node.processID)), .text(StoredText.clean(node.version)),
            .integer(lease.components.seconds * 1000),
            node.manifest.map { .integer(Int64(bitPattern: $0)) } ?? .null, .integer(epoch ?? 0)
        ).first?.integer(0)
        return PostgresNode(number: number ?? 0, epoch: epoch ?? 0, identity: node)
    }

    func renew(_ node: PostgresNode, _ report: NodeReport, lease: Duration, label: String) throws -> LeaseRenewal {
        let renewed = try statements.run(
            """
            UPDATE nodes SET renewed_at = c.now, expires_at = c.now + ?2, manifest = ?3, running = ?4, takes_share = ?5
            FROM (SELECT \(PostgresSchema.clock) AS now) AS c WHERE number = ?1 AND is_dead = 0 RETURNING renewed_at
            """, .integer(node.number), .integer(lease.components.seconds * 1000),
            .integer(Int64(bitPattern: report.manifest)), .integer(Int64(report.running)),
            .integer(report.takesShare ? 1 : 0))
        guard let row = renewed.first else { throw PostgresNode.lost(label) }
        let living = try statements.run(
            """
            SELECT \(PostgresNodes.columns) FROM nodes WHERE is_dead = 0 AND expires_at >= \(PostgresSchema.clock)
            ORDER BY started_at, name
            """)
        return LeaseRenewal(
            at: try row.instant(0), duration: lease, living: try living.rows.map { try PostgresNodes.record($0) })
    }

    /// Marks the nodes as dead whose lease is over, but for those that are writing at this moment.
    func buryExpired(except own: Int64) throws {
        let expired = try statements.run(
            """
            SELECT number FROM nodes WHERE is_dead = 0 AND expires_at < \(PostgresSchema.clock) AND number <> ?1
            FOR UPDATE SKIP LOCKED
            """, .integer(own))
        try end(try expired.rows.map { try $0.integer(0) })
    }

    /// Marks nodes as dead; their places in groups are free.
    func end(_ numbers: [Int64]) throws {
        guard !numbers.isEmpty else { return }
        var list = PostgresArray.integers(capacity: numbers.count)
        for number in numbers { list.append(number) }
        _ = try statements.run("UPDATE nodes SET is_dead = 1 WHERE number = ANY(?1::bigint[])", .array(list))
        _ = try statements.run("DELETE FROM places WHERE node = ANY(?1::bigint[])", .array(list))
        statements.concernsOthers = true
    }

    /// Frees every task that a node holds.
    func letGo(of number: Int64) throws {
        _ = try statements.run("UPDATE progress SET node = NULL WHERE node = ?1", .integer(number))
    }
}
