internal import GRDB
internal import InsightsEngine

/// What SQLite's errors mean to those who asked, and the way out of each.
enum SQLiteFailure {
    /// Translates an error met on the database file at `path`.
    static func storeError(_ error: any Error, path: String) -> StoreError {
        switch error {
        case let error as StoreError: error
        case let error as DatabaseError: storeError(error, path: path)
        case let error as UnreadableValue:
            damaged("\(path) is damaged (\(error.column) is \(error.value))")
        default: StoreError(.unavailable, "\(path): \(error)")
        }
    }

    /// Whether the connection that met `error` is better opened anew: the file may have been replaced, repaired or made
    /// writable meanwhile, which an open connection does not notice.
    static func wantsNewConnection(_ error: any Error) -> Bool {
        guard let error = error as? DatabaseError else { return false }
        switch error.resultCode {
        case .SQLITE_READONLY, .SQLITE_CANTOPEN, .SQLITE_IOERR, .SQLITE_CORRUPT, .SQLITE_NOTADB, .SQLITE_ERROR:
            return true
        default: return false
        }
    }

    /// Whether `error` is about one row's own values, so that others may still be written.
    static func isAboutValues(_ error: DatabaseError) -> Bool {
        switch error.resultCode {
        case .SQLITE_CONSTRAINT, .SQLITE_TOOBIG, .SQLITE_MISMATCH, .SQLITE_RANGE: true
        default: false
        }
    }

    private static func storeError(_ error: DatabaseError, path: String) -> StoreError {
        let detail = error.message ?? error.resultCode.description
        switch error.resultCode {
        case .SQLITE_BUSY, .SQLITE_LOCKED:
            return StoreError(
                .unavailable, "\(path) is locked by another process",
                help: "wait for it, or find it with `fuser \(path)`")
        case .SQLITE_FULL:
            return StoreError(
                .unavailable, "no room left for \(path)", help: "make room on its disk; work then resumes by itself")
        case .SQLITE_READONLY:
            return readOnly(error, path: path)
        case .SQLITE_IOERR:
            return StoreError(
                .unavailable, "reading or writing \(path) failed (\(error.extendedResultCode.rawValue): \(detail))",
                help: "look for the disk's errors in the system's log")
        case .SQLITE_CANTOPEN, .SQLITE_PERM, .SQLITE_AUTH:
            return StoreError(
                .unavailable, "cannot open \(path)",
                help: "its directory must exist, and this user must be allowed to read and write both")
        case .SQLITE_CORRUPT, .SQLITE_FORMAT, .SQLITE_ERROR, .SQLITE_SCHEMA:
            return damaged("\(path) is damaged (\(detail))")
        case .SQLITE_NOTADB:
            return damaged("\(path) is no SQLite database")
        case .SQLITE_INTERRUPT:
            return StoreError(
                .unavailable, "a query on \(path) took too long and was stopped", help: "ask for less at a time")
        case .SQLITE_NOMEM:
            return StoreError(.unavailable, "no memory left for \(path)")
        default:
            return StoreError(.unavailable, "\(path): \(detail)")
        }
    }

    static func damaged(_ message: String) -> StoreError {
        StoreError(
            .damaged, message,
            help: "restore a backup; README.md, \"Operations\", tells how to save what can still be read")
    }

    private static func readOnly(_ error: DatabaseError, path: String) -> StoreError {
        if error.extendedResultCode == .SQLITE_READONLY_DBMOVED {
            return StoreError(.unavailable, "\(path) was moved or replaced while it was open", help: "put it back")
        }
        return StoreError(
            .unavailable, "\(path) cannot be written",
            help: "this user must be allowed to write the file and its directory; work then resumes by itself")
    }
}
