internal import InsightsEngine

/// How connections to one database are made, and what must be true of it.
struct PostgresHouse: Sendable {
    /// A host that does not answer at all is given up for the next one after this.
    private static let hostPatience: Duration = .seconds(3)
    /// One statement that reads, one that writes.
    private static let readLimit = 4000
    private static let writeLimit = 10_000

    let address: PostgresAddress

    var label: String { address.label }

    /// Connects to the first host that answers and is fit for it.
    ///
    /// - Parameter writes: Whether it must take writes. Others may be served by a standby where there is no other host: one
    ///   that lags would show a node what is no longer so.
    /// - Throws: ``PostgresError`` or ``StoreError``; of several hosts that of the last.
    func connect(writes: Bool, deadline: ContinuousClock.Instant) throws -> PostgresConnection {
        var failure: (any Error)?
        for options in address.candidates {
            let isOnly = address.candidates.count == 1
            let limit = isOnly ? deadline : min(deadline, .now + PostgresHouse.hostPatience)
            do {
                let connection = try PostgresConnection(options, deadline: limit)
                try prepare(connection, writes: writes)
                connection.deadline = deadline
                return connection
            } catch {
                failure = error
            }
        }
        throw failure ?? PostgresError(kind: .connection(state: nil), message: "no host")
    }

    private func prepare(_ connection: PostgresConnection, writes: Bool) throws {
        guard connection.serverVersion >= PostgresFailure.oldestServer * 10_000 else {
            throw PostgresFailure.tooOld(connection.parameter("server_version") ?? "unknown", label)
        }
        if writes || address.candidates.count > 1, connection.parameter("in_hot_standby") == "on" {
            throw PostgresFailure.standby(label)
        }
        try connection.run(writes ? PostgresHouse.writerSettings : PostgresHouse.readerSettings)
    }

    /// A partner that vanished in the midst of a transaction must not keep its locks.
    private static let commonSettings = """
        SET search_path = \(PostgresSchema.name); SET client_min_messages = warning; SET jit = off;
        SET idle_in_transaction_session_timeout = 10000; SET extra_float_digits = 1;

        """

    private static let readerSettings = commonSettings + "SET statement_timeout = \(readLimit); SET lock_timeout = 2000"

    /// The writer's statements look for few rows in tables that grow: plans made while they are small must still be
    /// good later, so that they go by indexes whatever the planner knows. An end is durable before it is told.
    private static let writerSettings =
        commonSettings + """
            SET statement_timeout = \(writeLimit); SET lock_timeout = 5000; SET enable_seqscan = off;
            SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_bitmapscan = off; SET plan_cache_mode = force_generic_plan;
            SELECT set_config('synchronous_commit', 'on', false)
            WHERE current_setting('synchronous_commit') IN ('off', 'local', 'remote_write')
            """

    // MARK: The tables

    /// The version of the tables; 0 when there are none.
    func version(_ connection: PostgresConnection) throws -> Int {
        // Looked up as rows: `to_regclass` asks the session's own memory of names, in which a schema that was missing stays
        // missing until the transaction ends, although another process has made it while this one waited for its lock.
        let exists = try connection.run(
            """
            SELECT EXISTS (
                SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                WHERE n.nspname = '\(PostgresSchema.name)' AND c.relname = 'schema_version')
            """)
        guard try exists.first?.bool(0) == true else { return 0 }
        return try connection.run("SELECT coalesce(max(version), 0) FROM \(PostgresSchema.name).schema_version").first?
            .int(0)
            ?? 0
    }

    /// Makes sure that the tables are this program's.
    ///
    /// - Parameter migrates: Whether they are made and brought up to date if need be. One process does that; others that
    ///   start at the same time wait for it.
    /// - Parameter admitsUnfinished: Whether they may be what a copy that did not end has left.
    /// - Throws: ``StoreError`` `schemaTooNew`; `unavailable` when they are old and must not or cannot be changed.
    func checkTables(_ connection: PostgresConnection, migrates: Bool, admitsUnfinished: Bool = false) throws {
        try bringUpToDate(connection, migrates: migrates)
        let mark = try connection.run("SELECT to_regclass('\(PostgresSchema.name).\(CopySide.mark)') IS NULL")
        guard try admitsUnfinished || mark.first?.bool(0) == true else { throw CopySide.unfinished(label) }
    }

    private func bringUpToDate(_ connection: PostgresConnection, migrates: Bool) throws {
        let found = try version(connection)
        try refuseNewer(found)
        guard found < PostgresSchema.version else { return }
        guard migrates else {
            let what =
                found == 0
                ? "\(label) has no tables of this program"
                : "\(label) has version \(found) of the tables, this program needs version \(PostgresSchema.version)"
            throw StoreError(.unavailable, what, help: "`insights migrate` brings it up to date")
        }
        do {
            try migrate(connection)
        } catch let error as PostgresError where error.kind == .server(state: "42501") {
            throw StoreError(
                .unavailable,
                "\(label) needs version \(PostgresSchema.version) of the tables and has \(found), and user "
                    + "\(connection.user) may not change them (\(error.message))",
                help:
                    "run `insights migrate` as the owner of the schema \"\(PostgresSchema.name)\", or let it own them: "
                    + "GRANT CREATE ON DATABASE … TO \(connection.user)")
        }
    }

    private func refuseNewer(_ found: Int) throws(StoreError) {
        guard found > PostgresSchema.version else { return }
        throw StoreError(
            .schemaTooNew,
            "\(label) has version \(found) of the tables, this program knows up to version \(PostgresSchema.version)",
            help: "use the newer program that migrated it, or a backup from before its upgrade")
    }

    private func migrate(_ connection: PostgresConnection) throws {
        try connection.run("BEGIN")
        do {
            // Others wait here until the first is done, however long its migration takes.
            try connection.run("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0")
            try connection.run("SELECT pg_advisory_xact_lock(\(PostgresSchema.migrationLock))")
            let found = try version(connection)
            try refuseNewer(found)
            if found == 0 {
                try connection.run(
                    """
                    CREATE SCHEMA IF NOT EXISTS \(PostgresSchema.name);
                    CREATE TABLE IF NOT EXISTS \(PostgresSchema.name).schema_version (
                        version INTEGER PRIMARY KEY, applied_at TIMESTAMPTZ NOT NULL DEFAULT now())
                    """)
            }
            for next in found..<PostgresSchema.version {
                try connection.run(PostgresSchema.migrations[next])
                try connection.run("INSERT INTO schema_version (version) VALUES (\(next + 1))")
            }
            try connection.run("COMMIT")
        } catch {
            // The first error is the one to tell; a connection that is gone has undone it already.
            if !connection.isBroken { _ = try? connection.run("ROLLBACK") }
            throw error
        }
    }
}
