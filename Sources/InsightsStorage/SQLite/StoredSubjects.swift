internal import GRDB
internal import InsightsEngine
internal import InsightsPlugin

/// Reads rows of subjects.
enum StoredSubjects {
    static let columns = "s.id, s.kind, s.key, s.name, s.url, s.state, s.external_id, p.kind, p.key"
    static let tables = "subjects s LEFT JOIN subjects p ON p.id = s.parent_id"

    /// - Parameter aliases: Keys it had before, oldest first.
    static func record(_ row: some StoredRow, aliases: [String]) throws -> SubjectRecord {
        let key = try row.text(2)
        let parent = try row.optionalText(7).map { SubjectReference(kind: $0, key: try row.text(8)) }
        return SubjectRecord(
            id: try row.integer(0), kind: try row.text(1), key: key, name: try row.optionalText(3) ?? key,
            url: try row.optionalText(4), parent: parent, state: try row.code(5, in: StoredCodes.states),
            aliases: aliases, externalID: try row.optionalText(6))
    }

    /// - Parameter aliases: Keys it had before, oldest first.
    static func record(_ row: any PreparedStatement, aliases: [String]) throws -> SubjectRecord {
        let key = row.text(2)
        let parent = row.optionalText(7).map { SubjectReference(kind: $0, key: row.text(8)) }
        return SubjectRecord(
            id: row.integer(0), kind: row.text(1), key: key, name: row.optionalText(3) ?? key,
            url: row.optionalText(4), parent: parent, state: try row.code(5, in: StoredCodes.states),
            aliases: aliases, externalID: row.optionalText(6))
    }

    static func record(_ db: Database, id: Int64) throws -> SubjectRecord? {
        let statement = try db.cachedStatement(sql: "SELECT \(columns) FROM \(tables) WHERE s.id = ?")
        guard let row = try Row.fetchOne(statement, arguments: [id]) else { return nil }
        return try record(row, aliases: try aliases(db, of: id))
    }

    static func aliases(_ db: Database, of id: Int64) throws -> [String] {
        let statement = try db.cachedStatement(sql: "SELECT key FROM aliases WHERE subject_id = ? ORDER BY number")
        return try Row.fetchAll(statement, arguments: [id]).map { try $0.text(0) }
    }

    /// What became of a subject, oldest first.
    static func events(_ db: Database, of id: Int64) throws -> [SubjectEvent] {
        let sql = "SELECT at, event, former_key FROM subject_events WHERE subject_id = ? ORDER BY number"
        return try Row.fetchAll(db, sql: sql, arguments: [id]).map { row in
            SubjectEvent(at: try row.instant(0), event: try row.text(1), formerKey: try row.optionalText(2))
        }
    }

    /// Former keys of every subject that has any.
    static func allAliases(_ db: Database) throws -> [Int64: [String]] {
        var aliases: [Int64: [String]] = [:]
        let rows = try Row.fetchCursor(db, sql: "SELECT subject_id, key FROM aliases ORDER BY number")
        while let row = try rows.next() { aliases[try row.integer(0), default: []].append(try row.text(1)) }
        return aliases
    }

    /// The subjects that a key names, at most one a kind: those that have it now or else, of each kind, who had it last.
    static func ids(_ db: Database, key: String, kind: String?) throws -> [(id: Int64, kind: String)] {
        let key = key.lowercased()
        let kinds = kind == nil ? "" : " AND kind = ?"
        let arguments = StatementArguments([key] + (kind.map { [$0] } ?? []))
        let now = try Row.fetchAll(
            db, sql: "SELECT id, kind FROM subjects WHERE key = ?\(kinds) ORDER BY kind", arguments: arguments)
        let found =
            now.isEmpty
            ? try Row.fetchAll(
                db,
                sql: """
                    SELECT subject_id, kind FROM aliases WHERE number IN (
                        SELECT max(number) FROM aliases WHERE key = ?\(kinds) GROUP BY kind) ORDER BY kind
                    """, arguments: arguments) : now
        return try found.map { (id: try $0.integer(0), kind: try $0.text(1)) }
    }
}
