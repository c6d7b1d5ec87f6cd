internal import InsightsEngine
internal import InsightsPlugin

/// Takes a subject that changes hands out of one stored sum and into another, day by day.
///
/// To sum up anew instead would read every day of every subject of both: seconds where an account has thousands. Whole
/// numbers add up to the same either way; what cannot be told from the sums alone is left to ``RollUpMarks``.
final class RollUpTransfer {
    private struct Sum {
        var series: Int64
        /// From here on it is to be summed up anew as it is.
        var end: Int64
    }

    private enum Others {
        case living, gone, nobody
    }

    private typealias DayValue = (day: Int64, value: Double)

    /// Days that have come to nothing, of which it is looked up whether another subject has them: each look asks all.
    private static let emptyDays = 32

    private let series: any PreparedStatement
    private let sum: any PreparedStatement
    private let siblings: any PreparedStatement
    private let days: any PreparedStatement
    private let day: any PreparedStatement
    private let shared: any PreparedStatement
    private let setDay: any PreparedStatement
    private let dropDay: any PreparedStatement
    private let setLatest: any PreparedStatement
    private let marks: RollUpMarks

    init(_ source: any StatementSource, _ marks: RollUpMarks) throws {
        self.marks = marks
        let isSummed = "shape = \(MetricShape.daily.code) AND is_additive = 1"
        series = try source("SELECT id, metric FROM series WHERE subject_id = ?1 AND \(isSummed)")
        sum = try source(
            """
            SELECT id, stale_day FROM series
            WHERE subject_id = ?1 AND metric = ?2 AND sum_of IS NOT NULL AND \(isSummed)
            """)
        siblings = try source(
            "SELECT count(*), coalesce(sum(CASE WHEN kind = (SELECT kind FROM subjects WHERE id = ?2) THEN 0 ELSE 1 END), 0) "
                + "FROM subjects WHERE parent_id = ?1 AND id <> ?2")
        days = try source("SELECT day, value FROM days WHERE series_id = ?1 AND day < ?2 ORDER BY day")
        day = try source("SELECT value FROM days WHERE series_id = ?1 AND day = ?2")
        shared = try source(
            """
            SELECT min(CASE WHEN c.state = \(SubjectState.gone.code) THEN 1 ELSE 0 END) FROM subjects c
            JOIN series x ON x.subject_id = c.id AND x.metric = ?2
            JOIN days d ON d.series_id = x.id AND d.day = ?3 WHERE c.parent_id = ?1 AND x.\(isSummed)
            """)
        setDay = try source(
            "INSERT INTO days VALUES (?1, ?2, ?3) ON CONFLICT (series_id, day) DO UPDATE SET value = excluded.value")
        dropDay = try source("DELETE FROM days WHERE series_id = ?1 AND day = ?2")
        setLatest = try source(
            """
            UPDATE series SET (latest_at, latest_value) = (
                SELECT CAST(day AS BIGINT) * \(Day.milliseconds), value FROM days WHERE series_id = ?1
                ORDER BY day DESC LIMIT 1)
            WHERE id = ?1
            """)
    }

    /// Moves what is stored of a living subject from the sums of one to those of another.
    ///
    /// - Parameters:
    ///   - subject: Belongs to `parent` already.
    ///   - former: What it belonged to; `nil` for nothing.
    /// - Complexity: O(days of the subject).
    func move(_ subject: Int64, from former: Int64?, to parent: Int64?) throws {
        series.bind(1, subject)
        let series = try series.all { (id: $0.integer(0), metric: $0.text(1)) }
        for (owner, sign) in [(former, -1.0), (parent, 1.0)] {
            guard let owner else { continue }
            guard try isPlain(owner, subject) else {
                try marks.changedBelow(owner)
                continue
            }
            for (id, metric) in series {
                guard let sum = try sum(of: owner, metric) else { continue }
                try add(sign, id, to: sum, of: owner, metric)
            }
        }
    }

    /// Whether all that belongs to `owner` is of the subject's kind: a sum does not say what it is of.
    private func isPlain(_ owner: Int64, _ subject: Int64) throws -> Bool {
        siblings.bind(1, owner)
        siblings.bind(2, subject)
        return try siblings.first { $0.integer(0) > 0 && $0.integer(1) == 0 } ?? false
    }

    private func sum(of owner: Int64, _ metric: String) throws -> Sum? {
        sum.bind(1, owner)
        sum.bind(2, metric)
        return try sum.first { Sum(series: $0.integer(0), end: $0.optionalInteger(1) ?? .max) }
    }

    private func add(_ sign: Double, _ child: Int64, to sum: Sum, of owner: Int64, _ metric: String) throws {
        days.bind(1, child)
        days.bind(2, sum.end)
        let values: [DayValue] = try days.all { ($0.integer(0), $0.number(1)) }
        guard let first = values.first?.day else { return }
        var looks = 0
        days: for (day, value) in values {
            let former = try self.value(of: sum.series, day)
            let total = (former ?? 0) + sign * value
            guard RollUpTransfer.isWhole(value), RollUpTransfer.isWhole(total), former != nil || sign > 0 else {
                // From here on it is summed up anew.
                try marks.changed(below: owner, metric, from: day)
                break days
            }
            if sign < 0, total == 0 {
                looks += 1
                switch looks <= RollUpTransfer.emptyDays ? try others(of: owner, metric, day) : .gone {
                case .living: break
                case .nobody:
                    dropDay.bind(1, sum.series)
                    dropDay.bind(2, day)
                    try dropDay.post()
                    continue
                case .gone:
                    // One that is gone may have counted on that day, or not.
                    try marks.changed(below: owner, metric, from: day)
                    break days
                }
            }
            setDay.bind(1, sum.series)
            setDay.bind(2, day)
            setDay.bind(3, number: total)
            try setDay.post()
        }
        setLatest.bind(1, sum.series)
        try setLatest.post()
        try marks.changed(owner, metric, from: first)
    }

    private func value(of series: Int64, _ day: Int64) throws -> Double? {
        self.day.bind(1, series)
        self.day.bind(2, day)
        return try self.day.first { $0.number(0) }
    }

    /// Who else of what belongs to `owner` has a day.
    private func others(of owner: Int64, _ metric: String, _ day: Int64) throws -> Others {
        shared.bind(1, owner)
        shared.bind(2, metric)
        shared.bind(3, day)
        let isGone = try shared.first { $0.optionalInteger(0) } ?? nil
        return isGone.map { $0 == 0 ? .living : .gone } ?? .nobody
    }

    /// Whether sums of it are exact in any order.
    private static func isWhole(_ value: Double) -> Bool {
        value.rounded() == value && abs(value) <= 9_007_199_254_740_992
    }
}
