internal import Foundation
internal import GRDB
package import InsightsEngine
internal import InsightsPlugin
internal import Synchronization

/// SQLite behind the ``Store`` port: one file, one process that runs tasks, any number that read.
///
/// A rollback journal, never WAL: SQLite before 3.51.3 can lose commits when two connections checkpoint a WAL
/// together, and the system's library may be older. `synchronous=FULL` makes each commit durable.
package final class SQLiteStore: Store {
    let path: String
    let queue: DatabaseQueue
    let readers: DatabaseQueue
    let lock: ProcessLock
    let currentNode = Mutex<String?>(nil)

    package static func open(path: String) throws(StoreError) -> SQLiteStore {
        try guarded(path) {
            var configuration = Configuration()
            configuration.busyMode = .timeout(10)
            configuration.prepareDatabase { db in
                _ = try String.fetchOne(db, sql: "PRAGMA journal_mode=TRUNCATE")
                try db.execute(sql: "PRAGMA synchronous=FULL; PRAGMA cache_size=-65536")
            }
            let queue = try DatabaseQueue(path: path, configuration: configuration)
            try queue.write { db in
                let version = try Int.fetchOne(db, sql: "PRAGMA user_version") ?? 0
                guard version <= Schema.version else {
                    throw StoreError(
                        .schemaTooNew, "\(path) has schema version \(version), this program knows \(Schema.version)",
                        help: "use the newer program")
                }
                if version == 0 {
                    try db.execute(sql: Schema.sql)
                    try db.execute(
                        sql: "PRAGMA application_id=\(Schema.applicationID); PRAGMA user_version=\(Schema.version)")
                }
            }
            let readers = try DatabaseQueue(path: path, configuration: configuration)
            return SQLiteStore(path: path, queue: queue, readers: readers, lock: ProcessLock(path: path + ".lock"))
        }
    }

    private init(path: String, queue: DatabaseQueue, readers: DatabaseQueue, lock: ProcessLock) {
        (self.path, self.queue, self.readers, self.lock) = (path, queue, readers, lock)
    }
    static func guarded<T>(_ path: String, _ body: () throws -> T) throws(StoreError) -> T {
        do { return try body() } catch { throw translated(error, path: path) }
    }
    static func translated(_ error: any Error, path: String) -> StoreError {
        if let error = error as? StoreError { return error }
        guard let error = error as? DatabaseError else { return StoreError(.unavailable, "\(path): \(error)") }
        let text = "\(path): \(error.message ?? "error \(error.resultCode.rawValue)")"
        switch error.resultCode {
        case .SQLITE_CORRUPT, .SQLITE_NOTADB:
            return StoreError(.damaged, text, help: "restore a backup, or run sqlite3 \(path) .recover")
        case .SQLITE_FULL: return StoreError(.unavailable, text, help: "make room on the disk")
        default: return StoreError(.unavailable, text)
        }
    }
}
