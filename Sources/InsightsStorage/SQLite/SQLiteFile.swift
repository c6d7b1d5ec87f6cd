internal import Dispatch
internal import GRDB
internal import GRDBSQLite
internal import Glibc
internal import InsightsEngine
internal import InsightsPlugin

/// The database file: how connections to it are opened, and what must be true of it.
///
/// **Journal.** SQLite before 3.51.3 can lose commits in WAL mode when two connections checkpoint at once
/// (<https://sqlite.org/wal.html>, "the WAL-reset bug"), and which SQLite a machine has is not ours to choose. So every
/// connection uses a rollback journal, whatever the version: one way, tested everywhere. `PERSIST` overwrites the
/// journal's header at commit instead of deleting or truncating the file, which saves changes of the directory and of the file's
/// blocks, and with `synchronous=FULL` syncs that too, where `DELETE` would leave a commit to be rolled
/// back after a loss of power (<https://sqlite.org/pragma.html#pragma_synchronous>, "EXTRA").
///
/// In this mode a commit waits for readers and readers for a commit, each at most its own patience: a
/// read is cut short well before a writer gives up.
struct SQLiteFile: Sendable {
    /// How long a writer waits for other connections' locks.
    static let writerPatience: Double = 10
    /// How long a reader waits for a commit of another connection.
    static let readerPatience: Double = 5
    /// How long a read may take once it runs.
    static let readLimit: Duration = .seconds(4)

    /// Absolute and without symbolic links, so that two ways to one file meet at one lock.
    let path: String
    /// Whether it may be what a copy that did not end has left.
    private let mayBeUnfinished: Bool

    /// Finds the file that `path` names.
    ///
    /// - Parameter mode: Whether it may be missing; its directory must be there.
    /// - Throws: ``StoreError`` `unavailable`.
    init(_ path: String, for mode: SQLiteStore.Mode) throws(StoreError) {
        mayBeUnfinished = mode == .copyTarget
        if let resolved = SQLiteFile.resolve(path) {
            self.path = resolved
            return
        }
        guard errno == ENOENT else {
            throw StoreError(.unavailable, "cannot open \(path): \(String(cString: strerror(errno)))")
        }
        guard mode == .create || mode == .copyTarget else {
            throw StoreError(
                .unavailable, "there is no database \(path)",
                help: "`insights serve` makes it; or name another with --database")
        }
        let slash = path.lastIndex(of: "/")
        let folder = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        let name = slash.map { String(path[path.index(after: $0)...]) } ?? path
        guard let resolved = SQLiteFile.resolve(folder) else {
            throw StoreError(
                .unavailable, "cannot make \(path): \(String(cString: strerror(errno)))",
                help: "make the directory \(folder)")
        }
        self.path = resolved == "/" ? "/" + name : resolved + "/" + name
    }

    private static func resolve(_ path: String) -> String? {
        guard let resolved = realpath(path, nil) else { return nil }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    // MARK: Connections

    /// Opens the connection that writes; makes and migrates the tables.
    ///
    /// - Throws: ``StoreError`` or `DatabaseError`.
    func openWriter() throws -> DatabaseQueue {
        let queue = try DatabaseQueue(
            path: path, configuration: configuration(label: "insights.writer", isWriter: true))
        do {
            let isNew = try queue.inDatabase { db in
                try useRollbackJournal(db)
                return try checkIdentity(db) == nil
            }
            if try isNew || !queue.inDatabase(SQLiteSchema.migrator.hasCompletedMigrations) { try migrate(queue) }
            return queue
        } catch {
            // The first error is the one to tell.
            try? queue.close()
            throw error
        }
    }

    /// Opens a connection that only reads.
    ///
    /// Not `SQLITE_OPEN_READONLY`: that could not roll back the journal of a writer that was killed, and would find the
    /// file unreadable until somebody writes.
    ///
    /// - Throws: ``StoreError`` or `DatabaseError`.
    func openReader() throws -> DatabaseQueue {
        try checkPresence()
        let queue = try DatabaseQueue(
            path: path, configuration: configuration(label: "insights.reader", isWriter: false))
        do {
            try queue.inDatabase { db in
                guard let version = try checkIdentity(db) else {
                    throw StoreError(.unavailable, "\(path) is empty", help: "`insights serve` makes its tables")
                }
                guard version == SQLiteSchema.version else {
                    throw StoreError(
                        .unavailable,
                        "\(path) has version \(version) of the tables, this program reads version \(SQLiteSchema.version)",
                        help: "`insights serve` or `insights run` brings it up to date")
                }
                try db.execute(sql: "PRAGMA query_only = ON")
            }
            return queue
        } catch {
            // The first error is the one to tell.
            try? queue.close()
            throw error
        }
    }

    private func configuration(label: String, isWriter: Bool) -> Configuration {
        var configuration = Configuration()
        configuration.label = label
        configuration.busyMode = .timeout(isWriter ? SQLiteFile.writerPatience : SQLiteFile.readerPatience)
        // No table has foreign keys: rows of runs, series and the like are only ever made from rows just read.
        configuration.foreignKeysEnabled = false
        // GRDB would end the process where a rollback failed; here the connection is dropped instead.
        configuration.allowsUnsafeTransactions = true
        configuration.prepareDatabase { db in
            // Pages have effect on a new file only. Negative cache sizes are KiB.
            try db.execute(
                sql: """
                    PRAGMA page_size = 8192;
                    PRAGMA cache_size = \(isWriter ? -16_000 : -4000);
                    PRAGMA synchronous = FULL;
                    PRAGMA secure_delete = OFF;
                    PRAGMA cell_size_check = ON;
                    PRAGMA trusted_schema = OFF;
                    PRAGMA temp_store = MEMORY;
                    """)
        }
        return configuration
    }

    // MARK: What must be true

    /// - Throws: ``StoreError`` `unavailable` when the file is gone.
    func checkPresence() throws(StoreError) {
        guard access(path, F_OK) == 0 else {
            throw StoreError(
                .unavailable, "\(path) is not there any more", help: "put it back; work then resumes by itself")
        }
    }

    /// Leaves WAL mode if the file is in it, and never enters it.
    private func useRollbackJournal(_ db: Database) throws {
        var mode: String?
        do {
            // Whoever keeps a file in WAL mode keeps it there for longer than is worth waiting.
            try db.execute(sql: "PRAGMA busy_timeout = 2000")
            mode = try String.fetchOne(db, sql: "PRAGMA journal_mode = PERSIST")
        } catch let error as DatabaseError where error.resultCode == .SQLITE_BUSY {
            mode = try String.fetchOne(db, sql: "PRAGMA journal_mode")
            guard mode == "wal" else { throw error }
        } catch let error as DatabaseError where error.resultCode == .SQLITE_READONLY {
            return
        }
        try db.execute(sql: "PRAGMA busy_timeout = \(Int(SQLiteFile.writerPatience * 1000))")
        guard mode == "persist" else {
            let version = String(cString: sqlite3_libversion())
            throw StoreError(
                .unavailable,
                "\(path) is in journal mode \(mode ?? "unknown"), which SQLite \(version) may lose commits in, and another "
                    + "process that has it open keeps it there",
                help: "end that process; the next start then changes the mode by itself")
        }
        // What one large transaction left behind need not stay.
        try db.execute(sql: "PRAGMA journal_size_limit = 8388608")
    }

    /// - Returns: The version of the tables; `nil` when the file has none yet.
    /// - Throws: ``StoreError`` `damaged` for somebody else's file, `schemaTooNew`.
    private func checkIdentity(_ db: Database) throws -> Int32? {
        var version: Int32?
        // One look at all of it: between two, another process may have made the tables.
        try db.inTransaction(.deferred) {
            version = try identity(db)
            return .commit
        }
        return version
    }

    private func identity(_ db: Database) throws -> Int32? {
        let application = try Int32.fetchOne(db, sql: "PRAGMA application_id") ?? 0
        let version = try Int32.fetchOne(db, sql: "PRAGMA user_version") ?? 0
        if application == 0, version == 0, try Int.fetchOne(db, sql: "SELECT count(*) FROM sqlite_schema") == 0 {
            return nil
        }
        guard application == SQLiteSchema.applicationID else {
            throw StoreError(
                .damaged, "\(path) is a database of another program", help: "name another file with --database")
        }
        // Marked as ours, and its tables are still to come: another process is at it, or was ended before it was done.
        if version == 0 { return nil }
        guard version <= SQLiteSchema.version else {
            throw StoreError(
                .schemaTooNew,
                "\(path) has version \(version) of the tables, this program knows up to version \(SQLiteSchema.version)",
                help: "use the newer program that wrote it, or a backup from before its upgrade")
        }
        if !mayBeUnfinished,
            try Int.fetchOne(db, sql: "SELECT count(*) FROM sqlite_schema WHERE name = '\(CopySide.mark)'") != 0
        {
            throw CopySide.unfinished(path)
        }
        return version
    }

    private func migrate(_ queue: DatabaseQueue) throws {
        // First the mark: the migrator makes a table of its own in a transaction of its own, and a file with nothing but
        // that would be another program's to whoever looks just then, or after a crash.
        try queue.inDatabase { db in
            try db.execute(sql: "PRAGMA application_id = \(SQLiteSchema.applicationID)")
        }
        do {
            try SQLiteSchema.migrator.migrate(queue)
        } catch let error as DatabaseError {
            // Another process may have made the tables between the look and the attempt.
            guard try queue.inDatabase(SQLiteSchema.migrator.hasCompletedMigrations) else { throw error }
        }
    }
}
