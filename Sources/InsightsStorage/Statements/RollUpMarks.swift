internal import InsightsEngine
internal import InsightsPlugin

/// Notes from which day on a stored roll-up may no longer be the sum of what is below it.
///
/// So a roll-up reads again only the days that something has changed in, not five years of each repository.
final class RollUpMarks {
    /// Before every day.
    static let everyDay = Int64.min

    private let markParent: any PreparedStatement
    private let markOne: any PreparedStatement
    private let markAll: any PreparedStatement

    init(_ source: any StatementSource) throws {
        markParent = try source(
            """
            UPDATE series SET stale_day = ?3
            WHERE subject_id = (SELECT parent_id FROM subjects WHERE id = ?1) AND metric = ?2
                AND sum_of IS NOT NULL AND (stale_day IS NULL OR stale_day > ?3)
            """)
        markOne = try source(
            """
            UPDATE series SET stale_day = ?3
            WHERE subject_id = ?1 AND metric = ?2
                AND sum_of IS NOT NULL AND (stale_day IS NULL OR stale_day > ?3)
            """)
        markAll = try source(
            """
            UPDATE series SET stale_day = ?2
            WHERE subject_id = ?1 AND sum_of IS NOT NULL AND (stale_day IS NULL OR stale_day > ?2)
            """)
    }

    /// Values of a subject's metric have changed, on `day` or later.
    func changed(_ subject: Int64, _ metric: String, from day: Int64) throws {
        markParent.bind(1, subject)
        markParent.bind(2, metric)
        markParent.bind(3, day)
        try markParent.post()
    }

    /// The sum of a metric of what belongs to `parent` is no longer right, on `day` or later.
    func changed(below parent: Int64, _ metric: String, from day: Int64) throws {
        markOne.bind(1, parent)
        markOne.bind(2, metric)
        markOne.bind(3, day)
        try markOne.post()
    }

    /// Which subjects belong to `parent`, on `day` or later, has changed.
    func changedBelow(_ parent: Int64?, from day: Int64 = RollUpMarks.everyDay) throws {
        guard let parent else { return }
        markAll.bind(1, parent)
        markAll.bind(2, day)
        try markAll.post()
    }
}
