internal import GRDB
internal import InsightsEngine
internal import InsightsPlugin

/// One of the two stores of a copy, opened for nothing else.
///
/// Nobody runs tasks on it meanwhile: of a file this process takes the place of the one that does; of a server, that no
/// node lives is looked at before, and at the end that none has come.
enum CopySide: Sendable {
    case sqlite(SQLiteStore)
    case postgres(PostgresStore)

    /// - Parameter isTarget: Whether it is made if there is none, and may be what is left of a copy that did not end.
    static func open(_ url: StoreURL, isTarget: Bool) throws(StoreError) -> CopySide {
        switch url {
        case .sqlite(let path):
            .sqlite(try SQLiteStore.open(path: path, mode: isTarget ? .copyTarget : .readWrite))
        case .postgres(let uri):
            .postgres(try PostgresStore.open(uri, mode: isTarget ? .copyTarget : .existing, notifies: false))
        }
    }

    var label: String {
        switch self {
        case .sqlite(let store): store.path
        case .postgres(let store): store.label
        }
    }

    func close() async {
        switch self {
        case .sqlite(let store): await store.close()
        case .postgres(let store): await store.close()
        }
    }

    // MARK: Who runs tasks on it

    /// Makes sure that no process runs tasks on it.
    ///
    /// - Returns: To be handed to ``checkStill(_:)``.
    /// - Throws: ``StoreError`` `alreadyRunning`.
    func takePlace(_ node: NodeIdentity) async throws(StoreError) -> Int64 {
        switch self {
        case .sqlite(let store):
            try await store.acquire(node)
            return 0
        case .postgres(let store):
            if let node = try await store.nodes().first(where: \.isAlive) {
                throw StoreError(
                    .alreadyRunning, "node \(node.name) (process \(node.processID)) runs tasks on \(label)",
                    help: "stop it, and every other that `insights nodes` shows as alive")
            }
            return try await newestNode(store)
        }
    }

    /// Makes sure that no process has run tasks on it since ``takePlace(_:)`` returned `newest`.
    func checkStill(_ newest: Int64) async throws(StoreError) {
        guard case .postgres(let store) = self, try await newestNode(store) != newest else { return }
        throw StoreError(
            .alreadyRunning, "a process has begun to run tasks on \(label) during the copy",
            help: "stop it, and copy again")
    }

    private func newestNode(_ store: PostgresStore) async throws(StoreError) -> Int64 {
        try await store.read { statements in
            try statements.run("SELECT coalesce(max(number), 0) FROM nodes").first?.integer(0) ?? 0
        }
    }

    // MARK: Rows

    func read<Result: Sendable>(
        _ body: @escaping @Sendable (any StatementSource) throws -> Result
    ) async throws(StoreError) -> Result {
        switch self {
        case .sqlite(let store):
            try await store.read { db in try CopySide.withStatements(db, body) }
        case .postgres(let store): try await store.read { statements in try body(statements) }
        }
    }

    /// In one durable transaction.
    func write<Result: Sendable>(
        _ body: @escaping @Sendable (any StatementSource) throws -> Result
    ) async throws(StoreError) -> Result {
        switch self {
        case .sqlite(let store):
            try await store.write { db, _ in try CopySide.withStatements(db, body) }
        case .postgres(let store): try await store.write { statements in try body(statements) }
        }
    }

    private static func withStatements<Result>(
        _ db: Database, _ body: (any StatementSource) throws -> Result
    ) throws -> Result {
        guard let connection = db.sqliteConnection else { throw DatabaseError(resultCode: .SQLITE_MISUSE) }
        let statements = SQLiteStatements(connection)
        defer { statements.finalize() }
        return try body(statements)
    }

    /// A server's connection lasts for all batches, and so does the statement that each of them runs.
    private static func kept(_ sql: String, _ source: any StatementSource) throws -> any PreparedStatement {
        if let statements = source as? PostgresStatements { return statements.statement(sql) }
        return try source(sql)
    }

    func count(_ table: CopiedTable) async throws(StoreError) -> Int {
        try await read { source in Int(try source(table.count).first { $0.integer(0) } ?? 0) }
    }

    /// The rows after `last` in the key's order; none at the end.
    func rows(
        of table: CopiedTable, after last: CopiedRow?, limit: Int
    ) async throws(StoreError) -> [CopiedRow] {
        try await read { source in
            let page = try CopySide.kept(table.page(isLater: last != nil), source)
            for place in 0..<(last == nil ? 0 : table.keyWidth) {
                if let last { CopiedRow.bind(last.fields[place], Int32(place + 1), page) }
            }
            page.bind(page.parameterCount, Int64(limit))
            return try page.all { try CopiedRow($0, table.columns) }
        }
    }

    func insert(_ rows: [CopiedRow], into table: CopiedTable) async throws(StoreError) {
        let overridesNumbers = isPostgres
        try await write { source in
            let insert = try CopySide.kept(table.insert(overridesNumbers: overridesNumbers), source)
            for row in rows {
                row.bind(to: insert)
                try insert.post()
            }
            _ = try insert.settle()
        }
    }

    private var isPostgres: Bool {
        if case .postgres = self { true } else { false }
    }

    // MARK: Its state as a target

    /// Marks it as incomplete, empties it of what an earlier copy has left, and refuses one that holds anything else.
    func begin() async throws(StoreError) {
        let label = label
        let (exists, isPostgres) = (CopySide.markExists(isPostgres: isPostgres), isPostgres)
        try await write { source in
            let isUnfinished = try source(exists).first { $0.integer(0) } ?? 0 > 0
            for table in CopiedTable.all {
                if isUnfinished {
                    try source(isPostgres ? "TRUNCATE \(table.name)" : "DELETE FROM \(table.name)").run()
                } else if try source("SELECT 1 FROM \(table.name) LIMIT 1").first({ _ in true }) ?? false {
                    throw StoreError(
                        .invalid, "\(label) is not empty (there are \(table.name))",
                        help: "copy into a new file or an empty database")
                }
            }
            if !isUnfinished { try source("CREATE TABLE \(CopySide.mark) (begun_at BIGINT)").run() }
        }
    }

    /// Takes the mark away: it is complete.
    func end() async throws(StoreError) {
        let isPostgres = isPostgres
        try await write { source in
            if isPostgres {
                // Each task has its row, by which nodes hold it.
                try source(
                    "INSERT INTO progress (task_id) SELECT id FROM tasks WHERE true ON CONFLICT (task_id) DO NOTHING"
                ).run()
                for table in CopiedTable.all where table.isNumbered {
                    let (number, name) = (table.columns[0].name, table.name)
                    _ = try source(
                        """
                        SELECT setval(pg_get_serial_sequence('\(name)', '\(number)'),
                            (SELECT coalesce(max(\(number)), 0) + 1 FROM \(name)), false)
                        """
                    ).first { _ in true }
                }
                _ = try source("SELECT setval('run_rows', (SELECT coalesce(max(row), 0) + 1 FROM runs), false)")
                    .first { _ in true }
            }
            try source("DROP TABLE \(CopySide.mark)").run()
        }
    }

    /// A table that is there while a copy is under way, or was left behind by one that did not end.
    static let mark = "unfinished_copy"

    private static func markExists(isPostgres: Bool) -> String {
        isPostgres
            ? "SELECT CASE WHEN to_regclass('\(PostgresSchema.name).\(mark)') IS NULL THEN 0 ELSE 1 END"
            : "SELECT count(*) FROM sqlite_schema WHERE name = '\(mark)'"
    }

    /// What whoever opens it meanwhile is told.
    static func unfinished(_ label: String) -> StoreError {
        StoreError(
            .unavailable, "\(label) is incomplete: a copy into it is under way, or did not come to its end",
            help: "wait for it, run `insights store copy` again, or drop it")
    }
}
