internal import GRDB
internal import InsightsEngine
internal import InsightsPlugin

/// Reads the latest value of every series.
///
/// Subjects and series are each read in one pass and put together here: a join, sorted by subject and metric, takes
/// several times as long. Reads through SQLite's own interface for the same reason.
struct LatestValues {
    private let subjects: any PreparedStatement
    private let series: any PreparedStatement
    private let query: LatestQuery
    private let aliases: [Int64: [String]]

    /// - Parameter aliases: Former keys by subject.
    init(_ source: any StatementSource, _ query: LatestQuery, aliases: [Int64: [String]]) throws {
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
        let found = try ChainedSeries(series, metric: query.metric)
        var values: [LatestValue] = []
        // Each is large: growing step by step would copy all of them several times.
        values.reserveCapacity(found.series.count)
        var places: [Int] = []
        subjects.bind(1, query.kind)
        while try subjects.step() {
            let id = subjects.integer(0)
            found.find(id, into: &places)
            guard !places.isEmpty else { continue }
            let subject = try StoredSubjects.record(subjects, aliases: aliases[id] ?? [])
            for place in places { values.append(try found.series[place].latest(db, of: subject)) }
        }
        return values
    }
}

/// Series in the order of their table, and for each the one of its subject that was read before it: a list a subject
/// without an array a subject.
private struct ChainedSeries {
    var series: [StoredSeries] = []
    private var former: [Int] = []
    private var last: [Int64: Int] = [:]

    init(_ statement: any PreparedStatement, metric: String?) throws {
        statement.bind(1, metric)
        while try statement.step() {
            let subject = statement.integer(0)
            former.append(last.updateValue(series.count, forKey: subject) ?? -1)
            series.append(try StoredSeries(statement, from: 1))
        }
    }

    /// Where the series of a subject are, by metric.
    func find(_ subject: Int64, into places: inout [Int]) {
        places.removeAll(keepingCapacity: true)
        var place = last[subject] ?? -1
        while place >= 0 {
            places.append(place)
            place = former[place]
        }
        if places.count > 1 { places.sort { series[$0].metric < series[$1].metric } }
    }
}
