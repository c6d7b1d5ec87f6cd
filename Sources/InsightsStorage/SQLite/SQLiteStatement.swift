internal import GRDB
internal import GRDBSQLite
internal import InsightsEngine
internal import InsightsPlugin

/// A statement that is compiled once for the life of its connection.
///
/// The commit path steps through SQLite's own interface: GRDB's statements check arguments, authorizations and
/// observers each time, which costs several times what the insertion of a short row does. Used only on the queue of the
/// connection it was made for; ``finalize()`` must be called before that is closed.
///
/// - SeeAlso: <https://sqlite.org/c3ref/stmt.html>
final class SQLiteStatement: PreparedStatement {
    private let connection: OpaquePointer
    private var handle: OpaquePointer?
    /// The first error of a bind, told by the next step: a bind fails only when a value is too large or memory is out.
    private var bindCode: Int32 = SQLITE_OK
    /// Rows that each counted post has changed.
    private var changes: [Int] = []
    /// Room for one id per parameter, so that SQLite need not copy them: it must outlive the step.
    private let ids: UnsafeMutablePointer<UInt64>

    /// Compiles `sql`, one statement.
    ///
    /// - Throws: `DatabaseError` with SQLite's code and message.
    init(_ connection: OpaquePointer, _ sql: String) throws {
        self.connection = connection
        let code = sqlite3_prepare_v3(connection, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &handle, nil)
        ids = UnsafeMutablePointer<UInt64>.allocate(capacity: 2 * (Int(sqlite3_bind_parameter_count(handle)) + 1))
        guard code == SQLITE_OK else { throw SQLiteStatement.error(code, connection, sql) }
    }

    deinit {
        sqlite3_finalize(handle)
        ids.deallocate()
    }

    /// Frees the statement; it cannot be used any more.
    func finalize() {
        sqlite3_finalize(handle)
        handle = nil
    }

    // MARK: Parameters, from 1

    var parameterCount: Int32 { sqlite3_bind_parameter_count(handle) }

    func bind(_ index: Int32, _ value: Int64) {
        note(sqlite3_bind_int64(handle, index, value))
    }

    func bindNull(_ index: Int32) { note(sqlite3_bind_null(handle, index)) }

    /// Binds a number, whole ones as integers, which take one to eight bytes where a float takes eight.
    func bind(_ index: Int32, number: Double) {
        if let whole = Int64(exactly: number), abs(whole) <= 1 << 53 {
            bind(index, whole)
        } else {
            note(sqlite3_bind_double(handle, index, number))
        }
    }

    func bind(_ index: Int32, _ text: String) {
        // SQLITE_TRANSIENT: SQLite copies the text before this returns.
        let transient = unsafeBitCast(-1, to: sqlite3_destructor_type.self)
        note(sqlite3_bind_text(handle, index, text, Int32(clamping: text.utf8.count), transient))
    }

    func bind(_ index: Int32, _ id: RunID) {
        let place = ids + 2 * Int(index)
        place[0] = id.high.bigEndian
        place[1] = id.low.bigEndian
        // No destructor is SQLITE_STATIC: the bytes stay in `ids` until they are bound anew.
        note(sqlite3_bind_blob(handle, index, place, 16, nil))
    }

    private func note(_ code: Int32) {
        if code != SQLITE_OK, bindCode == SQLITE_OK { bindCode = code }
    }

    // MARK: Stepping

    /// Runs to the next row.
    ///
    /// - Returns: `false` when there are no more; the statement is reset then.
    /// - Throws: `DatabaseError`; the statement is reset then.
    func step() throws -> Bool {
        if bindCode != SQLITE_OK {
            let code = bindCode
            reset()
            throw SQLiteStatement.error(code, connection, "")
        }
        switch sqlite3_step(handle) {
        case SQLITE_ROW: return true
        case SQLITE_DONE:
            reset()
            return false
        case let code:
            let error = SQLiteStatement.error(code, connection, "")
            reset()
            throw error
        }
    }

    /// Runs a statement that returns no rows.
    ///
    /// - Returns: How many rows it inserted, updated or deleted.
    @discardableResult
    func run() throws -> Int {
        while try step() {}
        return Int(sqlite3_changes(connection))
    }

    func post(isCounted: Bool) throws {
        let count = try run()
        if isCounted { changes.append(count) }
    }

    func settle() throws -> [Int] {
        defer { changes = [] }
        return changes
    }

    /// Makes ready for the next use; parameters stay bound.
    func reset() {
        bindCode = SQLITE_OK
        sqlite3_reset(handle)
    }

    // MARK: Columns, from 0

    func isNull(_ column: Int32) -> Bool { sqlite3_column_type(handle, column) == SQLITE_NULL }

    func integer(_ column: Int32) -> Int64 { sqlite3_column_int64(handle, column) }

    func number(_ column: Int32) -> Double { sqlite3_column_double(handle, column) }

    /// - Throws: ``UnreadableValue`` for what is neither a finite number nor NULL.
    func optionalFinite(_ column: Int32) throws -> Double? {
        switch sqlite3_column_type(handle, column) {
        case SQLITE_NULL: return nil
        case SQLITE_INTEGER, SQLITE_FLOAT:
            let number = number(column)
            if number.isFinite { return number }
        default: break
        }
        throw UnreadableValue(column: String(cString: sqlite3_column_name(handle, column)), value: text(column))
    }

    /// Invalid UTF-8, which only another program can have put there, becomes U+FFFD.
    func text(_ column: Int32) -> String {
        guard let bytes = sqlite3_column_text(handle, column) else { return "" }
        let count = Int(sqlite3_column_bytes(handle, column))
        return String(decoding: UnsafeBufferPointer(start: bytes, count: count), as: UTF8.self)
    }

    func runID(_ column: Int32) throws -> RunID {
        guard sqlite3_column_bytes(handle, column) == 16, let bytes = sqlite3_column_blob(handle, column) else {
            throw UnreadableValue(column: name(of: column), value: text(column))
        }
        // SQLite promises no alignment.
        return RunID(
            high: UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
            low: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
    }

    func name(of column: Int32) -> String { String(cString: sqlite3_column_name(handle, column)) }

    private static func error(_ code: Int32, _ connection: OpaquePointer, _ sql: String) -> DatabaseError {
        let extended = sqlite3_extended_errcode(connection)
        return DatabaseError(
            resultCode: ResultCode(rawValue: extended & 0xFF == code & 0xFF ? extended : code),
            message: sqlite3_errmsg(connection).map { String(cString: $0) }, sql: sql.isEmpty ? nil : sql)
    }
}
