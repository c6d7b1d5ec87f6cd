internal import GRDB
package import InsightsEngine
internal import InsightsPlugin
internal import Synchronization

/// The store in one SQLite file: the embedded default.
///
/// One process runs tasks at a time, kept by a lock that dies with it (``ProcessLock``); any number of others read beside it,
/// ask for runs and store pauses. One connection writes, a few read, each on a queue of its own (``SQLiteWriter``,
/// ``ReaderPool``), so that no thread of the cooperative pool ever waits for the disk. How the file is opened, and why
/// it never is in WAL mode, says ``SQLiteFile``.
///
/// After an error that time mends (no room, no right to write, a lock) the store goes on by itself.
package final class SQLiteStore: Store {
    /// What may become of the file when it is opened.
    package enum Mode: Sendable {
        /// It is made if it is missing, and migrated if it is old.
        case create
        /// It must be there; it is migrated if it is old.
        case readWrite
        /// It must be there, and nothing is written: also for a file that this user may only read.
        case readOnly
        /// As ``create``, and it may be what a copy that did not end has left.
        case copyTarget
    }

    /// Reads that may run at once.
    private static let readerCount = 2

    let file: SQLiteFile
    private let mode: Mode
    private let writer: SQLiteWriter
    private let readers: ReaderPool
    private let lock: ProcessLock
    private let node = Mutex<NodeIdentity?>(nil)

    private init(file: SQLiteFile, mode: Mode) {
        self.file = file
        self.mode = mode
        writer = SQLiteWriter(file: file)
        readers = ReaderPool(file: file, count: SQLiteStore.readerCount)
        lock = ProcessLock(databasePath: file.path)
    }

    /// Opens the file at `path`, and makes sure that it is one of ours and can be read.
    ///
    /// Blocks for as long as that takes, a few milliseconds unless another process holds the file: for the start of a
    /// program.
    ///
    /// - Parameters:
    ///   - path: Absolute or relative to the working directory; symbolic links are followed.
    ///   - mode: Whether it may be made and written.
    /// - Throws: ``StoreError``: `unavailable` when it is missing, locked or out of reach, `damaged` when it is no
    ///   database of ours, `schemaTooNew`.
    package static func open(path: String, mode: Mode = .create) throws(StoreError) -> SQLiteStore {
        let store = SQLiteStore(file: try SQLiteFile(path, for: mode), mode: mode)
        if mode != .readOnly { try store.writer.openNow() }
        try store.readers.readNow { db in _ = try Row.fetchOne(db, sql: "SELECT id FROM tasks LIMIT 1") }
        return store
    }

    /// Where the file is, absolute.
    package var path: String { file.path }

    package func close() async {
        await release()
        await readers.close()
        await writer.close()
    }

    // MARK: Plumbing for the rest of the store

    /// Reads in one transaction on a connection that only reads.
    func read<Result: Sendable>(
        _ body: @escaping @Sendable (Database) throws -> Result
    ) async throws(StoreError) -> Result {
        try await readers.read(body)
    }

    /// Writes in one durable transaction.
    func write<Result: Sendable>(
        _ body: @escaping @Sendable (Database, BatchWriter) throws -> Result
    ) async throws(StoreError) -> Result {
        guard mode != .readOnly else { throw StoreError(.invalid, "\(file.path) was opened for reading only") }
        return try await writer.write(body)
    }

    // MARK: The process that runs tasks

    package func acquire(_ node: NodeIdentity) async throws(StoreError) {
        guard mode != .readOnly else { throw StoreError(.invalid, "\(file.path) was opened for reading only") }
        try lock.acquire(node)
        self.node.withLock { $0 = node }
    }

    package func release() async {
        node.withLock { $0 = nil }
        lock.release()
    }

    package func runningNode() async throws(StoreError) -> NodeIdentity? { lock.holder()?.identity }

    package func nodes() async throws(StoreError) -> [NodeRecord] {
        guard let node = lock.holder() else { return [] }
        let running = try await read { db in
            try Int.fetchOne(
                db, sql: "SELECT count(*) FROM runs INDEXED BY runs_by_status WHERE status = \(RunStatus.running.code)")
        }
        // The lock dies with its process, so who has it is there.
        return [
            NodeRecord(
                name: node.identity.name, processID: node.identity.processID, version: node.identity.version,
                startedAt: node.startedAt, lastSeen: SystemClock().now, isAlive: true, running: running ?? 0,
                manifest: node.identity.manifest, takesShare: true)
        ]
    }

    package func commit(_ writes: [StoreWrite]) async throws(StoreError) -> [WriteOutcome] {
        guard !writes.isEmpty else { return [] }
        let node = node.withLock { $0?.name }
        return try await write { _, batches in try batches.apply(writes, node: node) }
    }

    package func probe() async throws(StoreError) {
        try await write { db, _ in try db.execute(sql: "UPDATE probe SET count = count + 1") }
    }
}
