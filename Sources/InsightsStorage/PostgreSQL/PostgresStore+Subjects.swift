package import InsightsEngine
internal import InsightsPlugin

extension PostgresStore {
    package func subjects(_ query: SubjectQuery) async throws(StoreError) -> Page<SubjectRecord> {
        guard query.limit > 0 else { throw StoreError(.invalid, "limit must be at least 1") }
        let cursor = try query.cursor.map { text throws(StoreError) in
            guard let id = Int64(text) else {
                throw StoreError(.invalid, "cursor \"\(text.prefix(80))\" is none that an earlier page gave")
            }
            return id
        }
        return try await readTogether { statements in
            try PostgresSubjectSearch(statements, query, after: cursor).page()
        }
    }

    package func subject(_ id: Int64) async throws(StoreError) -> SubjectRecord? {
        try await readTogether { statements in
            let subjects = PostgresSubjects(statements)
            guard var record = try subjects.record(id) else { return nil }
            record.values = try subjects.latest(of: [record])[0].values
            record.events = try statements.run(
                "SELECT at, event, former_key FROM subject_events WHERE subject_id = ?1 ORDER BY number", .integer(id)
            ).rows.map {
                SubjectEvent(at: try $0.instant(0), event: try $0.text(1), formerKey: try $0.optionalText(2))
            }
            return record
        }
    }

    package func latest(_ query: LatestQuery) async throws(StoreError) -> [LatestValue] {
        try await readTogether { statements in
            let subjects = PostgresSubjects(statements)
            if let key = query.key {
                let records = try subjects.ids(key: key, kind: query.kind).compactMap { try subjects.record($0.id) }
                return try subjects.latest(of: records).flatMap(\.values).filter {
                    query.metric == nil || $0.metric == query.metric
                }.map { value in
                    var value = value
                    value.subject.values = []
                    return value
                }
            }
            return try subjects.latestOfAll(query)
        }
    }
}

/// Reads subjects and their latest values.
struct PostgresSubjects {
    private let statements: PostgresStatements

    init(_ statements: PostgresStatements) { self.statements = statements }

    func record(_ id: Int64) throws -> SubjectRecord? {
        let found = try statements.run(
            "SELECT \(StoredSubjects.columns) FROM \(StoredSubjects.tables) WHERE s.id = ?1", .integer(id))
        return try found.first.map { try StoredSubjects.record($0, aliases: try aliases(of: [id])[id] ?? []) }
    }

    /// Former keys by subject, oldest first.
    func aliases(of ids: [Int64]) throws -> [Int64: [String]] {
        var list = PostgresArray.integers(capacity: ids.count)
        for id in ids { list.append(id) }
        return try aliases(
            statements.run(
                "SELECT subject_id, key FROM aliases WHERE subject_id = ANY(?1::bigint[]) ORDER BY number", .array(list)
            ))
    }

    private func aliases(_ rows: PostgresResult) throws -> [Int64: [String]] {
        var aliases: [Int64: [String]] = [:]
        for row in rows.rows { aliases[try row.integer(0), default: []].append(try row.text(1)) }
        return aliases
    }

    /// The subjects that a key names, at most one a kind: those that have it now or else, of each kind, who had it last.
    func ids(key: String, kind: String?) throws -> [(id: Int64, kind: String)] {
        let values =
            [PostgresValue.text(StoredText.clean(key.lowercased()))]
            + (kind.map { [.text(StoredText.clean($0))] } ?? [])
        let ofKind = kind == nil ? "" : " AND kind = ?2"
        var found = try statements.run("SELECT id, kind FROM subjects WHERE key = ?1\(ofKind) ORDER BY kind", values)
        if found.rowCount == 0 {
            found = try statements.run(
                """
                SELECT subject_id, kind FROM aliases WHERE number IN (
                    SELECT max(number) FROM aliases WHERE key = ?1\(ofKind) GROUP BY kind) ORDER BY kind
                """, values)
        }
        return try found.rows.map { (id: try $0.integer(0), kind: try $0.text(1)) }
    }

    // MARK: Latest values

    /// These subjects with their latest values, by metric.
    func latest(of subjects: [SubjectRecord]) throws -> [SubjectRecord] {
        var list = PostgresArray.integers(capacity: subjects.count)
        for subject in subjects { list.append(subject.id) }
        let rows = try statements.run(
            """
            SELECT x.subject_id, \(StoredSeries.columns), \(PostgresSubjects.ranking) FROM series x
            WHERE x.subject_id = ANY(?1::bigint[]) AND x.latest_at IS NOT NULL ORDER BY x.metric
            """, .array(list))
        var bySubject: [Int64: [PostgresRow]] = [:]
        for row in rows.rows { bySubject[try row.integer(0), default: []].append(row) }
        return try subjects.map { subject in
            var subject = subject
            subject.values = try (bySubject[subject.id] ?? []).map { try PostgresSubjects.latest($0, of: subject) }
            return subject
        }
    }

    func latestOfAll(_ query: LatestQuery) throws -> [LatestValue] {
        let aliases = try aliases(statements.run("SELECT subject_id, key FROM aliases ORDER BY number"))
        let ofKind = query.kind == nil ? "" : "WHERE s.kind = ?1"
        let subjects = try statements.run(
            "SELECT \(StoredSubjects.columns) FROM \(StoredSubjects.tables) \(ofKind) ORDER BY s.kind, s.key",
            query.kind.map { [.text(StoredText.clean($0))] } ?? [])
        let ofMetric = query.metric == nil ? "" : "AND x.metric = ?1"
        let series = try statements.run(
            """
            SELECT x.subject_id, \(StoredSeries.columns), \(PostgresSubjects.ranking) FROM series x
            WHERE x.latest_at IS NOT NULL \(ofMetric) ORDER BY x.metric
            """, query.metric.map { [.text(StoredText.clean($0))] } ?? [])
        var bySubject: [Int64: [PostgresRow]] = [:]
        for row in series.rows { bySubject[try row.integer(0), default: []].append(row) }
        var values: [LatestValue] = []
        values.reserveCapacity(series.rowCount)
        for row in subjects.rows {
            let id = try row.integer(0)
            guard let found = bySubject[id] else { continue }
            let subject = try StoredSubjects.record(row, aliases: aliases[id] ?? [])
            for row in found { values.append(try PostgresSubjects.latest(row, of: subject)) }
        }
        return values
    }

    /// The newest list of a ranking, which has no latest number.
    private static let ranking = """
        CASE WHEN x.shape = \(MetricShape.ranking.code) THEN
            (SELECT list FROM rankings k WHERE k.series_id = x.id ORDER BY k.day DESC LIMIT 1) END
        """

    /// From a row of a subject's id, a series, and a ranking's list.
    private static func latest(_ row: PostgresRow, of subject: SubjectRecord) throws -> LatestValue {
        let series = try StoredSeries(row, from: 1)
        let list = try row.optionalText(9).map { StoredRanking.list($0) } ?? []
        return LatestValue(
            subject: subject, metric: series.metric, unit: series.unit, shape: series.shape,
            value: series.latestValue.map(SampleValue.number) ?? .ranking(list),
            at: series.latestAt ?? Instant(milliseconds: 0), of: series.sumOf)
    }
}

/// Finds a page of subjects.
private struct PostgresSubjectSearch {
    private let statements: PostgresStatements
    private let query: SubjectQuery
    /// The last subject of the page before: its place is looked up anew, so that a cursor stays good whatever changes.
    private let cursor: Int64?
    private var conditions = ["TRUE"]
    private var values: [PostgresValue] = []

    init(_ statements: PostgresStatements, _ query: SubjectQuery, after cursor: Int64?) {
        self.statements = statements
        self.query = query
        self.cursor = cursor
    }

    func page() throws -> Page<SubjectRecord> {
        var search = self
        if let kind = query.kind { search.conditions.append("s.kind = \(search.place(.text(StoredText.clean(kind))))") }
        if let parent = query.parent { search.conditions.append("s.parent_id = \(search.place(.integer(parent)))") }
        if let text = query.text, !text.isEmpty { try search.addText(text) }
        let total = try statements.run("SELECT count(*) FROM subjects s WHERE \(search.filter)", search.values).first?
            .int(0)
        var sort = ""
        if let metric = query.sort {
            sort =
                "LEFT JOIN series x ON x.subject_id = s.id AND x.metric = \(search.place(.text(StoredText.clean(metric))))"
        }
        if let cursor { try search.addCursor(cursor) }
        let limit = search.place(.integer(Int64(query.limit) + 1))
        let rows = try statements.run(
            """
            SELECT \(StoredSubjects.columns) FROM \(StoredSubjects.tables) \(sort) WHERE \(search.filter)
            ORDER BY \(order) LIMIT \(limit)
            """, search.values)
        let subjects = PostgresSubjects(statements)
        let shown = Array(rows.rows.prefix(query.limit))
        let aliases = try subjects.aliases(of: shown.map { try $0.integer(0) })
        let items = try subjects.latest(
            of: shown.map { try StoredSubjects.record($0, aliases: aliases[try $0.integer(0)] ?? []) })
        let next = rows.rowCount > query.limit ? items.last.map { String($0.id) } : nil
        return Page(items: items, nextCursor: next, total: total)
    }

    private var isDescending: Bool { query.order == .descending }

    private var filter: String { conditions.joined(separator: " AND ") }

    private var order: String {
        let direction = isDescending ? "DESC" : "ASC"
        guard query.sort != nil else { return "s.kind \(direction), s.key \(direction)" }
        return "x.latest_value IS NULL, x.latest_value \(direction), s.kind, s.key"
    }

    private mutating func place(_ value: PostgresValue) -> String {
        values.append(value)
        return "?\(values.count)"
    }

    /// ILIKE folds the case of ASCII alone, as the columns sort by bytes; that is all that text of ASCII needs. For any
    /// other the names are looked through here: servers fold it differently, or not at all.
    private mutating func addText(_ text: String) throws {
        if text.utf8.allSatisfy({ $0 < 0x80 }) {
            var pattern = "%"
            for character in StoredText.clean(text) {
                if "%_\\".contains(character) { pattern.append("\\") }
                pattern.append(character)
            }
            let value = place(.text(pattern + "%"))
            conditions.append("(s.key ILIKE \(value) OR s.name ILIKE \(value))")
        } else {
            let text = StoredText.clean(text.lowercased())
            var found = PostgresArray.integers(capacity: 16)
            for row in try statements.run("SELECT id, key, name FROM subjects").rows {
                let isFound = try row.text(1).contains(text) || row.optionalText(2)?.lowercased().contains(text) == true
                if isFound { found.append(try row.integer(0)) }
            }
            conditions.append("s.id = ANY(\(place(.array(found)))::bigint[])")
        }
    }

    /// Goes on after the subject of the cursor.
    private mutating func addCursor(_ id: Int64) throws {
        let found = try statements.run(
            """
            SELECT s.kind, s.key, x.latest_value FROM subjects s
            LEFT JOIN series x ON x.subject_id = s.id AND x.metric = ?2 WHERE s.id = ?1
            """, .integer(id), .text(StoredText.clean(query.sort ?? "")))
        guard let row = found.first else {
            throw StoreError(.invalid, "cursor \"\(id)\" is none that an earlier page gave")
        }
        let (kind, key) = (place(.text(try row.text(0))), place(.text(try row.text(1))))
        guard query.sort != nil else {
            conditions.append("(s.kind, s.key) \(isDescending ? "<" : ">") (\(kind), \(key))")
            return
        }
        guard let number = try row.optionalNumber(2) else {
            conditions.append("x.latest_value IS NULL AND (s.kind, s.key) > (\(kind), \(key))")
            return
        }
        let value = place(.number(number))
        conditions.append(
            """
            (x.latest_value IS NULL OR x.latest_value \(isDescending ? "<" : ">") \(value)
                OR (x.latest_value = \(value) AND (s.kind, s.key) > (\(kind), \(key))))
            """)
    }
}
