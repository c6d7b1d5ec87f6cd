internal import Dispatch
internal import GRDB
internal import GRDBSQLite
internal import InsightsEngine
internal import InsightsPlugin

/// The one connection that writes, on a queue of its own.
///
/// Opened when first needed and again after an error that a new connection may mend, so that work resumes by itself
/// once there is room, or the right to write.
///
/// `@unchecked Sendable`: `connection` is touched on `queue` only.
final class SQLiteWriter: @unchecked Sendable {
    private struct Connection {
        let queue: DatabaseQueue
        let statements: SQLiteStatements
        let batches: BatchWriter
    }

    private let file: SQLiteFile
    private let queue = DispatchQueue(label: "insights.store.writer")
    private var connection: Connection?
    private var wasOpen = false

    init(file: SQLiteFile) { self.file = file }

    /// Makes the file and its tables if they are not there; waits for it on the caller's thread.
    func openNow() throws(StoreError) { try queue.sync { attempt { _ in } }.get() }

    /// Runs `body` in one durable transaction; undone whole when it throws.
    func write<Result: Sendable>(
        _ body: @escaping @Sendable (Database, BatchWriter) throws -> Result
    ) async throws(StoreError) -> Result {
        try await perform { connection in
            try connection.queue.inDatabase { db in
                var result: Result?
                do {
                    try db.inTransaction(.immediate) {
                        result = try body(db, connection.batches)
                        return .commit
                    }
                } catch {
                    connection.batches.forget()
                    throw error
                }
                guard let result else {
                    throw StoreError(.unavailable, "\(self.file.path): the transaction had no result")
                }
                return result
            }
        }
    }

    func close() async {
        await withCheckedContinuation { continuation in
            queue.async {
                self.drop()
                continuation.resume()
            }
        }
    }

    private func perform<Result: Sendable>(
        _ body: @escaping @Sendable (Connection) throws -> Result
    ) async throws(StoreError) -> Result {
        // Not cancellable: whoever gives up waiting must not undo a commit that is under way.
        let result: Swift.Result<Result, StoreError> = await withCheckedContinuation { continuation in
            queue.async { continuation.resume(returning: self.attempt(body)) }
        }
        return try result.get()
    }

    private func attempt<Result>(_ body: (Connection) throws -> Result) -> Swift.Result<Result, StoreError> {
        do {
            return .success(try body(try connection ?? open()))
        } catch {
            if SQLiteFailure.wantsNewConnection(error) || isInsideTransaction { drop() }
            return .failure(SQLiteFailure.storeError(error, path: file.path))
        }
    }

    private var isInsideTransaction: Bool { connection?.queue.inDatabase(\.isInsideTransaction) ?? false }

    private func open() throws -> Connection {
        // A file that was there is not made anew: an empty one in its place would hide the loss.
        if wasOpen { try file.checkPresence() }
        let queue = try file.openWriter()
        do {
            let opened = try queue.inDatabase { db in
                guard let handle = db.sqliteConnection else { throw DatabaseError(resultCode: .SQLITE_MISUSE) }
                let statements = SQLiteStatements(handle)
                return Connection(queue: queue, statements: statements, batches: try BatchWriter(statements))
            }
            connection = opened
            wasOpen = true
            return opened
        } catch {
            // The first error is the one to tell.
            try? queue.close()
            throw error
        }
    }

    private func drop() {
        guard let connection else { return }
        self.connection = nil
        connection.queue.inDatabase { _ in connection.statements.finalize() }
        // Nothing is left to do about a connection that does not close cleanly.
        try? connection.queue.close()
    }
}
