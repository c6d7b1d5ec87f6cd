internal import InsightsEngine
internal import InsightsPlugin

/// The statements of one connection, each compiled when it is first run.
final class PostgresStatements: StatementSource {
    let dialect = SQLDialect.postgres
    /// What the transaction under way has to do with other nodes.
    var sharing: (any BatchSharing)?
    private(set) lazy var bulk: (any BulkWriting)? = PostgresBulk(self)
    let connection: PostgresConnection
    /// Of ``run(_:_:)``, by text.
    private var known: [String: PostgresStatement] = [:]
    /// Whether what is under way concerns other nodes, which are told of it when it is committed.
    var concernsOthers = false
    private var rows: Range<Int64> = 0..<0
    private var batchWriter: BatchWriter?

    init(_ connection: PostgresConnection) { self.connection = connection }

    func callAsFunction(_ sql: String) throws -> any PreparedStatement { PostgresStatement(connection, sql) }

    /// A statement that stays compiled.
    func statement(_ sql: String) -> PostgresStatement {
        if let statement = known[sql] { return statement }
        let statement = PostgresStatement(connection, sql)
        known[sql] = statement
        return statement
    }

    /// Runs a statement that stays compiled.
    func run(_ sql: String, _ values: PostgresValue...) throws -> PostgresResult { try run(sql, values) }

    func run(_ sql: String, _ values: [PostgresValue]) throws -> PostgresResult {
        let statement = statement(sql)
        for (index, value) in values.enumerated() { statement.bind(Int32(index + 1), value) }
        return try statement.execute()
    }

    /// Forgets what it knew of rows that a rollback has taken away.
    func forget() {
        batchWriter?.forget()
        concernsOthers = false
    }

    /// What applies batches on this connection.
    func batches() throws -> BatchWriter {
        if let batchWriter { return batchWriter }
        let made = try BatchWriter(self)
        batchWriter = made
        return made
    }

    // MARK: What the shared writers ask

    func begin() throws {}

    func nextRow() throws -> Int64 {
        if rows.isEmpty {
            let first = try run("SELECT nextval('run_rows')").first?.integer(0) ?? 0
            rows = first..<first + PostgresSchema.rowsAtOnce
        }
        defer { rows = rows.lowerBound + 1..<rows.upperBound }
        return rows.lowerBound
    }

    func problemWithValues(_ error: any Error) -> String? {
        guard let error = error as? PostgresError, case .server(let state) = error.kind, !error.isRetryable else {
            return nil
        }
        // Data exceptions, constraints, and limits such as that of an index's row.
        return ["22", "23", "54"].contains(state.prefix(2)) ? error.message : nil
    }
}
