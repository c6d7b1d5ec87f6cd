package import InsightsEngine
internal import InsightsPlugin
internal import Synchronization

/// The store in a PostgreSQL database, which any number of processes share.
///
/// The pool is bounded: one connection that writes batches, one for what must not wait for them (leases, requests,
/// pauses, the probe), a few that read, and one that listens (``PostgresListener``). Each is on a queue of its own
/// (``PostgresLane``), opened when first needed and again after an error, with growing delay. Every call has a deadline
/// on both sides.
///
/// The rules by which batches are written are those of every store (``BatchWriter``).
package final class PostgresStore: SharedStore {
    /// What may become of the tables when the database is opened.
    package enum Mode: Sendable {
        /// They are made if there are none, and migrated if they are old.
        case create
        /// They must be there and up to date; for a user that may not alter them, too.
        case existing
        /// As ``create``, and they may be what a copy that did not end has left.
        case copyTarget
    }

    /// Reads that may run at once.
    private static let readerCount = 3
    private static let readLimit: Duration = .seconds(5)
    private static let writeLimit: Duration = .seconds(30)
    private static let controlLimit: Duration = .seconds(5)
    /// How often a transaction is made again after a deadlock or the like.
    private static let tries = 5

    /// How long a lease lasts by the database's clock, unless a test says otherwise.
    package static let lease: Duration = .seconds(15)

    let house: PostgresHouse
    let lease: Duration
    private let writer: PostgresLane
    private let control: PostgresLane
    private let readers: [PostgresLane]
    let listener: PostgresListener
    let node = Mutex<PostgresNode?>(nil)

    package var notices: AsyncStream<Void> { listener.notices }

    private init(_ address: PostgresAddress, notifies: Bool, lease: Duration) {
        self.lease = lease
        let house = PostgresHouse(address: address)
        self.house = house
        writer = PostgresLane("writer", house, writes: true)
        control = PostgresLane("control", house, writes: true)
        readers = (0..<PostgresStore.readerCount).map { PostgresLane("reader.\($0)", house, writes: false) }
        listener = PostgresListener(house, isOn: notifies)
    }

    /// Opens a database, and makes sure that its tables are this program's.
    ///
    /// Blocks for as long as that takes: for the start of a program.
    ///
    /// - Parameters:
    ///   - uri: `postgres://…`, any libpq URI, several hosts included.
    ///   - notifies: Whether other nodes are told of what concerns them (`NOTIFY`), and are listened to; without it they
    ///     find out by asking, within a second.
    ///   - lease: How long a node's lease lasts.
    /// - Throws: ``StoreError``.
    package static func open(
        uri: String, mode: Mode = .create, notifies: Bool = true, lease: Duration = lease
    ) throws(StoreError) -> PostgresStore {
        let store = PostgresStore(try PostgresAddress(uri), notifies: notifies, lease: lease)
        let house = store.house
        try store.control.performNow(within: .seconds(mode == .existing ? 10 : 120)) { session in
            try house.checkTables(
                session.connection, migrates: mode != .existing, admitsUnfinished: mode == .copyTarget)
        }
        return store
    }

    /// Opens the database that a URL names, as ``open(uri:mode:notifies:)``.
    package static func open(
        _ uri: PostgresURI, mode: Mode = .create, notifies: Bool = true
    ) throws(StoreError) -> PostgresStore {
        try open(uri: uri.text, mode: mode, notifies: notifies)
    }

    /// Opens the database that a URL names; `nil` when it has no tables of this program, and none are made.
    package static func openIfThere(
        _ uri: PostgresURI, notifies: Bool = true
    ) throws(StoreError) -> PostgresStore? {
        let store = PostgresStore(try PostgresAddress(uri.text), notifies: notifies, lease: lease)
        let house = store.house
        let isThere = try store.control.performNow(within: .seconds(10)) { session in
            guard try house.version(session.connection) > 0 else { return false }
            try house.checkTables(session.connection, migrates: false)
            return true
        }
        return isThere ? store : nil
    }

    /// Makes the tables of the database that a URL names, as ``migrate(uri:grantingTo:)``.
    package static func migrate(
        _ uri: PostgresURI, grantingTo role: String? = nil
    ) throws(StoreError) -> (from: Int, to: Int) {
        try migrate(uri: uri.text, grantingTo: role)
    }

    /// Makes the tables or brings them up to date, and lets another user work with them who may not alter them.
    ///
    /// - Parameters:
    ///   - uri: Of a user that owns the schema, or may make it.
    ///   - role: The user to let in; `nil`: none.
    /// - Returns: The version before, 0 when there was none, and now.
    package static func migrate(
        uri: String, grantingTo role: String? = nil
    ) throws(StoreError) -> (from: Int, to: Int) {
        let house = PostgresHouse(address: try PostgresAddress(uri))
        let lane = PostgresLane("migration", house, writes: true)
        return try lane.performNow(within: .seconds(3600)) { session in
            let connection = session.connection
            let from = try house.version(connection)
            try house.checkTables(connection, migrates: true)
            if let role {
                let quoted =
                    "\"" + role.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"")
                    + "\""
                let schema = PostgresSchema.name
                try connection.run(
                    """
                    GRANT USAGE ON SCHEMA \(schema) TO \(quoted);
                    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA \(schema) TO \(quoted);
                    GRANT USAGE ON ALL SEQUENCES IN SCHEMA \(schema) TO \(quoted)
                    """)
            }
            return (from: from, to: PostgresSchema.version)
        }
    }

    /// Where the database is, without secrets.
    package var label: String { house.label }

    package func close() async {
        await release()
        await listener.close()
        await writer.close()
        await control.close()
        for reader in readers { await reader.close() }
    }

    // MARK: Plumbing for the rest of the store

    /// Runs `body` on a connection that reads, the one with the fewest waiting.
    func read<Result: Sendable>(
        _ body: @escaping @Sendable (PostgresStatements) throws -> Result
    ) async throws(StoreError) -> Result {
        let reader = readers.min { $0.waiting.load(ordering: .relaxed) < $1.waiting.load(ordering: .relaxed) }
        return try await (reader ?? control).perform(within: PostgresStore.readLimit) { session in
            try body(session.statements)
        }
    }

    /// Reads one state of the database by several statements.
    func readTogether<Result: Sendable>(
        _ body: @escaping @Sendable (PostgresStatements) throws -> Result
    ) async throws(StoreError) -> Result {
        try await read { statements in
            try statements.transaction("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY") { try body(statements) }
        }
    }

    /// Writes in one durable transaction, by batches' connection.
    func write<Result: Sendable>(
        _ body: @escaping @Sendable (PostgresStatements) throws -> Result
    ) async throws(StoreError) -> Result {
        try await writer.perform(within: PostgresStore.writeLimit) { session in
            try PostgresStore.repeatedly(session.statements, body)
        }
    }

    /// Writes in one durable transaction that does not wait for batches.
    func control<Result: Sendable>(
        within limit: Duration = controlLimit, _ body: @escaping @Sendable (PostgresStatements) throws -> Result
    ) async throws(StoreError) -> Result {
        try await control.perform(within: limit) { session in try PostgresStore.repeatedly(session.statements, body) }
    }

    private static func repeatedly<Result>(
        _ statements: PostgresStatements, _ body: (PostgresStatements) throws -> Result
    ) throws -> Result {
        var count = 1
        while true {
            do {
                return try statements.transaction { try body(statements) }
            } catch let error as PostgresError where error.isRetryable && count < tries {
                count += 1
            }
        }
    }
}

extension PostgresStatements {
    /// Runs `body` between `begin` and COMMIT; undone whole when it throws.
    func transaction<Result>(_ begin: String = "BEGIN", _ body: () throws -> Result) throws -> Result {
        try connection.run(begin)
        do {
            let result = try body()
            try connection.drain()
            try connection.run("COMMIT")
            return result
        } catch {
            forget()
            if !connection.isBroken {
                try connection.drainFailed()
                try connection.run("ROLLBACK")
            }
            throw error
        }
    }
}
