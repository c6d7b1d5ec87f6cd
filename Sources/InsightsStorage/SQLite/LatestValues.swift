internal import GRDB
internal import InsightsEngine
internal import InsightsPlugin

/// Reads the latest value of every series.
///
/// Subjects and series are each read in one pass and put together here: a join, sorted by subject and metric, takes
/// several times as long. Reads through SQLite's own interface for the same reason.
struct LatestValues {
    private let subjects: PreparedStatement
    private let series: PreparedStatement
    private let query: LatestQuery
    private let aliases: [Int64: [String]]

    /// - Parameter aliases: Former keys by subject.
    init(_ source: StatementSource, _ query: LatestQuery, aliases: [Int64: [String]]) throws {
        subjects = try source(
            """
            SELECT \(StoredSubjects.columns) FROM \(StoredSubjects.tables) WHERE ?1 IS NULL OR s.kind = ?1
            ORDER BY s.kind, s.key
            """)
        series = try source(
            """
            SELECT x.subject_id, \(StoredSeries.columns) FROM series x
            WHERE x.latest_at IS NOT NULL AND (?1 IS NULL OR x.metric = ?1)
            """)
        self.query = query
        self.aliases = aliases
    }

    /// By kind, key and metric.
    func all(_ db: Database) throws -> [LatestValue] {
        var bySubject: [Int64: [StoredSeries]] = [:]
        series.bind(1, query.metric)
        while try series.step() { bySubject[series.integer(0), default: []].append(try StoredSeries(series, from: 1)) }
        var values: [LatestValue] = []
        values.reserveCapacity(bySubject.count)
        subjects.bind(1, query.kind)
        while try subjects.step() {
            let id = subjects.integer(0)
            guard var found = bySubject[id] else { continue }
            if found.count > 1 { found.sort { $0.metric < $1.metric } }
            let subject = try StoredSubjects.record(subjects, aliases: aliases[id] ?? [])
            for series in found { values.append(try series.latest(db, of: subject)) }
        }
        return values
    }
}
