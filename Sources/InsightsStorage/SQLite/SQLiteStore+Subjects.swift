internal import GRDB
package import InsightsEngine
internal import InsightsPlugin

extension SQLiteStore {
    package func subjects(_ query: SubjectQuery) async throws(StoreError) -> Page<SubjectRecord> {
        guard query.limit > 0 else { throw StoreError(.invalid, "limit must be at least 1") }
        let cursor = try query.cursor.map { text throws(StoreError) in
            guard let id = Int64(text) else {
                throw StoreError(.invalid, "cursor \"\(text.prefix(80))\" is none that an earlier page gave")
            }
            return id
        }
        return try await read { db in try SubjectSearch(db, query, after: cursor).page() }
    }

    package func subject(_ id: Int64) async throws(StoreError) -> SubjectRecord? {
        try await read { db in
            guard var record = try StoredSubjects.record(db, id: id) else { return nil }
            record.values = try StoredSeries.latest(db, of: record)
            record.events = try StoredSubjects.events(db, of: id)
            return record
        }
    }

    package func latest(_ query: LatestQuery) async throws(StoreError) -> [LatestValue] {
        try await read { db in
            if let key = query.key {
                return try StoredSubjects.ids(db, key: key, kind: query.kind).flatMap { found -> [LatestValue] in
                    guard let subject = try StoredSubjects.record(db, id: found.id) else { return [] }
                    return try StoredSeries.latest(db, of: subject).filter {
                        query.metric == nil || $0.metric == query.metric
                    }
                }
            }
            return try SQLiteStore.latestOfAll(db, query)
        }
    }

    private static func latestOfAll(_ db: Database, _ query: LatestQuery) throws -> [LatestValue] {
        guard let connection = db.sqliteConnection else { throw DatabaseError(resultCode: .SQLITE_MISUSE) }
        let statements = SQLiteStatements(connection)
        defer { statements.finalize() }
        return try LatestValues(statements, query, aliases: StoredSubjects.allAliases(db)).all(db)
    }
}

/// Finds a page of subjects.
private struct SubjectSearch {
    private let db: Database
    private let query: SubjectQuery
    /// The last subject of the page before: its place is looked up anew, so that a cursor stays good whatever
    /// changes.
    private let cursor: Int64?
    private var conditions = ["TRUE"]
    private var arguments: [DatabaseValue] = []

    init(_ db: Database, _ query: SubjectQuery, after cursor: Int64?) {
        self.db = db
        self.query = query
        self.cursor = cursor
        if let kind = query.kind { add("s.kind = ?", [kind.databaseValue]) }
        if let parent = query.parent { add("s.parent_id = ?", [parent.databaseValue]) }
        if let text = query.text, !text.isEmpty { addText(text) }
    }

    func page() throws -> Page<SubjectRecord> {
        let total = try Int.fetchOne(
            db, sql: "SELECT count(*) FROM subjects s WHERE \(conditions.joined(separator: " AND "))",
            arguments: StatementArguments(arguments))
        var search = self
        if let cursor { try search.addCursor(cursor) }
        let sort = query.sort == nil ? "" : "LEFT JOIN series x ON x.subject_id = s.id AND x.metric = ?"
        let rows = try Row.fetchAll(
            db,
            sql: """
                SELECT \(StoredSubjects.columns) FROM \(StoredSubjects.tables) \(sort)
                WHERE \(search.conditions.joined(separator: " AND ")) ORDER BY \(order) LIMIT ?
                """,
            arguments: StatementArguments(
                (query.sort.map { [$0.databaseValue] } ?? []) + search.arguments + [(query.limit + 1).databaseValue]))
        let items = try rows.prefix(query.limit).map { row in
            var record = try StoredSubjects.record(row, aliases: try StoredSubjects.aliases(db, of: row.integer(0)))
            record.values = try StoredSeries.latest(db, of: record)
            return record
        }
        let next = rows.count > query.limit ? items.last.map { String($0.id) } : nil
        return Page(items: items, nextCursor: next, total: total)
    }

    private var isDescending: Bool { query.order == .descending }

    private var order: String {
        let direction = isDescending ? "DESC" : "ASC"
        guard query.sort != nil else { return "s.kind \(direction), s.key \(direction)" }
        return "x.latest_value IS NULL, x.latest_value \(direction), s.kind, s.key"
    }

    private mutating func add(_ condition: String, _ values: [DatabaseValue]) {
        conditions.append(condition)
        arguments += values
    }

    /// SQLite's LIKE folds the case of ASCII alone, which is all that text of ASCII needs.
    private mutating func addText(_ text: String) {
        if text.utf8.allSatisfy({ $0 < 0x80 }) {
            var pattern = "%"
            for character in text {
                if "%_\\".contains(character) { pattern.append("\\") }
                pattern.append(character)
            }
            let value = (pattern + "%").databaseValue
            add(#"(s.key LIKE ? ESCAPE '\' OR s.name LIKE ? ESCAPE '\')"#, [value, value])
        } else {
            let value = text.lowercased().databaseValue
            add("(instr(s.key, ?) OR instr(swiftLowercaseString(s.name), ?))", [value, value])
        }
    }

    /// Goes on after the subject of the cursor.
    private mutating func addCursor(_ id: Int64) throws {
        let row = try Row.fetchOne(
            db,
            sql: """
                SELECT s.kind, s.key, x.latest_value FROM subjects s
                LEFT JOIN series x ON x.subject_id = s.id AND x.metric = ? WHERE s.id = ?
                """, arguments: [query.sort, id])
        guard let row else { throw StoreError(.invalid, "cursor \"\(id)\" is none that an earlier page gave") }
        let place: [DatabaseValue] = [row[0], row[1]]
        guard query.sort != nil else { return add("(s.kind, s.key) \(isDescending ? "<" : ">") (?, ?)", place) }
        let value: DatabaseValue = row[2]
        if value.isNull { return add("x.latest_value IS NULL AND (s.kind, s.key) > (?, ?)", place) }
        add(
            """
            (x.latest_value IS NULL OR x.latest_value \(isDescending ? "<" : ">") ?
                OR (x.latest_value = ? AND (s.kind, s.key) > (?, ?)))
            """, [value, value] + place)
    }
}
