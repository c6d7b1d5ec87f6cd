internal import GRDB
internal import InsightsEngine

/// Compiles the statements of one connection and frees them all before it closes.
final class SQLiteStatements: StatementSource {
    let dialect = SQLDialect.sqlite
    var sharing: (any BatchSharing)? { nil }
    var bulk: (any BulkWriting)? { nil }
    private let connection: OpaquePointer
    private var statements: [SQLiteStatement] = []
    private var newestRow: SQLiteStatement?
    private var next: Int64 = 1

    init(_ connection: OpaquePointer) { self.connection = connection }

    func callAsFunction(_ sql: String) throws -> any PreparedStatement { try statement(sql) }

    func statement(_ sql: String) throws -> SQLiteStatement {
        let statement = try SQLiteStatement(connection, sql)
        statements.append(statement)
        return statement
    }

    func begin() throws {
        let newest = try newestRow ?? statement("SELECT max(row) FROM runs")
        newestRow = newest
        next = 1 + (try newest.first { $0.integer(0) } ?? 0)
    }

    func nextRow() throws -> Int64 {
        defer { next += 1 }
        return next
    }

    func problemWithValues(_ error: any Error) -> String? {
        guard let error = error as? DatabaseError, SQLiteFailure.isAboutValues(error) else { return nil }
        return error.message ?? error.resultCode.description
    }

    func finalize() {
        for statement in statements { statement.finalize() }
        statements = []
        newestRow = nil
    }
}
