internal import Dispatch
internal import GRDB
internal import GRDBSQLite
internal import InsightsEngine
internal import InsightsPlugin
internal import Synchronization

/// A few connections that read, each on a queue of its own.
///
/// Opened when first needed. A read goes to the queue with the fewest waiting, is refused when all are long, and is cut
/// short at ``SQLiteFile/readLimit``, as a commit has to wait for it.
final class ReaderPool: Sendable {
    /// Reads that wait for one connection, at most.
    private static let waitingLimit = 256

    private let file: SQLiteFile
    private let readers: [Reader]

    init(file: SQLiteFile, count: Int) {
        self.file = file
        readers = (0..<count).map { Reader(number: $0) }
    }

    /// Runs `body` on one of the connections, in a transaction of its own: it sees one state of the file.
    func read<Result: Sendable>(
        _ body: @escaping @Sendable (Database) throws -> Result
    ) async throws(StoreError) -> Result {
        let reader = readers.min { $0.waiting.load(ordering: .relaxed) < $1.waiting.load(ordering: .relaxed) }
        guard let reader, reader.waiting.load(ordering: .relaxed) < ReaderPool.waitingLimit else {
            throw StoreError(.unavailable, "too many queries wait for \(file.path)", help: "ask again later")
        }
        reader.waiting.add(1, ordering: .relaxed)
        let result: Swift.Result<Result, StoreError> = await withCheckedContinuation { continuation in
            reader.queue.async { [file] in
                let result = reader.read(file, body)
                reader.waiting.subtract(1, ordering: .relaxed)
                continuation.resume(returning: result)
            }
        }
        return try result.get()
    }

    /// Opens one connection and runs `body` on it; waits for it on the caller's thread.
    func readNow(_ body: (Database) throws -> Void) throws(StoreError) {
        guard let reader = readers.first else { return }
        try reader.queue.sync { reader.read(file, body) }.get()
    }

    func close() async {
        for reader in readers {
            await withCheckedContinuation { continuation in
                reader.queue.async {
                    reader.drop()
                    continuation.resume()
                }
            }
        }
    }

    /// One connection.
    ///
    /// `@unchecked Sendable`: `connection` and `deadline` are touched on `queue` only, and by the callback that SQLite
    /// runs there.
    private final class Reader: @unchecked Sendable {
        let queue: DispatchQueue
        let waiting = Atomic<Int>(0)
        private var connection: DatabaseQueue?
        private var deadline = ContinuousClock.now

        init(number: Int) { queue = DispatchQueue(label: "insights.store.reader.\(number)") }

        func read<Result: Sendable>(
            _ file: SQLiteFile, _ body: (Database) throws -> Result
        ) -> Swift.Result<Result, StoreError> {
            do {
                let connection = try self.connection ?? open(file)
                deadline = .now + SQLiteFile.readLimit
                return .success(try connection.read(body))
            } catch {
                let isInside = connection?.inDatabase(\.isInsideTransaction) ?? false
                if SQLiteFailure.wantsNewConnection(error) || isInside { drop() }
                return .failure(SQLiteFailure.storeError(error, path: file.path))
            }
        }

        func drop() {
            // Nothing is left to do about a connection that does not close cleanly.
            try? connection?.close()
            connection = nil
        }

        private func open(_ file: SQLiteFile) throws -> DatabaseQueue {
            let opened = try file.openReader()
            opened.inDatabase { db in
                // Unretained: the connection, which holds the pointer, is closed before the reader goes.
                sqlite3_progress_handler(
                    db.sqliteConnection, 10_000,
                    { pointer in
                        guard let pointer else { return 0 }
                        let reader = Unmanaged<Reader>.fromOpaque(pointer).takeUnretainedValue()
                        return ContinuousClock.now > reader.deadline ? 1 : 0
                    }, Unmanaged.passUnretained(self).toOpaque())
            }
            connection = opened
            return opened
        }
    }
}
