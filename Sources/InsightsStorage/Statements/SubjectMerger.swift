internal import InsightsEngine
internal import InsightsPlugin

/// Joins what is stored of one subject to another, when the two turn out to be one.
final class SubjectMerger {
    private let shared: any PreparedStatement
    private let moveDays: any PreparedStatement
    private let statements: [any PreparedStatement]
    private let perSeries: [any PreparedStatement]

    init(_ source: any StatementSource) throws {
        shared = try source(
            """
            SELECT a.id, b.id, a.metric FROM series a JOIN series b ON b.subject_id = ?2 AND b.metric = a.metric AND b.shape = a.shape
            WHERE a.subject_id = ?1
            """)
        // ?1: the series that goes, ?2: the one that stays. What was read last under the new key is the fresher, but a
        // day before ?4 is complete, and does not fall unless its metric's source can be rewritten (?3).
        moveDays = try source(
            """
            INSERT INTO days SELECT ?2, day, value FROM days WHERE series_id = ?1
            ON CONFLICT (series_id, day) DO UPDATE SET value = excluded.value
            WHERE ?3 = 1 OR days.day >= ?4 OR days.value < excluded.value
            """)
        perSeries = try [
            "DELETE FROM days WHERE series_id = ?1",
            """
            INSERT INTO readings SELECT ?2, at, value FROM readings WHERE series_id = ?1
            ON CONFLICT (series_id, at) DO UPDATE SET value = excluded.value
            """,
            "DELETE FROM readings WHERE series_id = ?1",
            """
            INSERT INTO rankings SELECT ?2, day, at, list FROM rankings WHERE series_id = ?1
            ON CONFLICT (series_id, day) DO UPDATE SET at = excluded.at, list = excluded.list
            """,
            "DELETE FROM rankings WHERE series_id = ?1",
            """
            INSERT INTO gaps SELECT ?2, from_day, to_day FROM gaps WHERE series_id = ?1
            ON CONFLICT (series_id, from_day) DO NOTHING
            """,
            "DELETE FROM gaps WHERE series_id = ?1",
            """
            UPDATE series SET (latest_at, latest_value) = (SELECT latest_at, latest_value FROM series WHERE id = ?1)
            WHERE id = ?2 AND coalesce(latest_at, -1) <= (SELECT coalesce(latest_at, -1) FROM series WHERE id = ?1)
            """,
            """
            UPDATE series SET latest_value = (SELECT value FROM days WHERE series_id = ?2 AND CAST(day AS BIGINT) * \(Day.milliseconds) = latest_at)
            WHERE id = ?2 AND shape = \(MetricShape.daily.code) AND latest_at IS NOT NULL
            """,
            "DELETE FROM series WHERE id = ?1",
        ].map { try source($0) }
        // What the other has no series for changes hands as it is; a metric of another shape stays where it is.
        statements = try [
            """
            UPDATE series SET subject_id = ?2 WHERE subject_id = ?1
                AND metric NOT IN (SELECT metric FROM series WHERE subject_id = ?2)
            """,
            "UPDATE subjects SET parent_id = ?2 WHERE parent_id = ?1",
            "UPDATE aliases SET subject_id = ?2 WHERE subject_id = ?1",
        ].map { try source($0) }
    }

    /// Moves series, children and aliases of `former` to `subject`; the row itself stays, as no subject is deleted.
    ///
    /// - Parameters:
    ///   - rewritable: Names of metrics whose completed days may fall.
    ///   - at: When it is done: decides which days are complete.
    func callAsFunction(_ former: Int64, into subject: Int64, _ rewritable: Set<String>, at: Instant) throws {
        shared.bind(1, former)
        shared.bind(2, subject)
        let pairs = try shared.all { (from: $0.integer(0), to: $0.integer(1), metric: $0.text(2)) }
        for pair in pairs {
            moveDays.bind(1, pair.from)
            moveDays.bind(2, pair.to)
            moveDays.bind(3, rewritable.contains(pair.metric))
            moveDays.bind(4, Day.number(of: at))
            try moveDays.post()
            for statement in perSeries {
                statement.bind(1, pair.from)
                if statement.parameterCount > 1 { statement.bind(2, pair.to) }
                try statement.post()
            }
        }
        for statement in statements {
            statement.bind(1, former)
            statement.bind(2, subject)
            try statement.post()
        }
    }
}
