internal import InsightsEngine
internal import InsightsPlugin

/// Writes roll-ups: sums of what is stored of a subject's children at the instant of the write.
///
/// A child counts on all its days, whoever it belonged to then, as its history goes where it goes; one that is `gone`
/// counts on those before the day on which that was found.
final class RollUpWriter {
    private struct Child {
        var series: Int64
        /// `nil` before the first value.
        var latest: Double?
        /// The first day on which it no longer counts.
        var goneDay: Int64?
    }

    private struct Existing {
        var series: Int64
        var isRollUp: Bool
        var staleDay: Int64?
    }

    private typealias Span = (from: Int64, to: Int64)

    private let children: any PreparedStatement
    private let find: any PreparedStatement
    private let days: any PreparedStatement
    private let setDay: any PreparedStatement
    private let dropDay: any PreparedStatement
    private let gaps: any PreparedStatement
    private let dropGaps: any PreparedStatement
    private let addGap: any PreparedStatement
    private let setLatest: any PreparedStatement
    private let settle: any PreparedStatement
    private let marks: RollUpMarks

    init(_ source: any StatementSource, _ marks: RollUpMarks) throws {
        self.marks = marks
        let gone = SubjectState.gone.code
        children = try source(
            """
            SELECT x.id, x.latest_value, c.state = \(gone), CASE WHEN c.state = \(gone) THEN (
                SELECT at FROM subject_events WHERE subject_id = c.id AND event = 'gone'
                ORDER BY number DESC LIMIT 1) END
            FROM subjects c JOIN series x ON x.subject_id = c.id AND x.metric = ?3
            WHERE c.parent_id = ?1 AND c.kind = ?2 AND x.shape = ?4 AND x.is_additive = 1
            """)
        find = try source("SELECT id, sum_of, stale_day FROM series WHERE subject_id = ?1 AND metric = ?2")
        days = try source(
            "SELECT day, value FROM days WHERE series_id = ?1 AND day >= ?2 AND day < ?3 ORDER BY day")
        setDay = try source(
            "INSERT INTO days VALUES (?1, ?2, ?3) ON CONFLICT (series_id, day) DO UPDATE SET value = excluded.value")
        dropDay = try source("DELETE FROM days WHERE series_id = ?1 AND day = ?2")
        gaps = try source("SELECT from_day, to_day FROM gaps WHERE series_id = ?1 ORDER BY from_day")
        dropGaps = try source("DELETE FROM gaps WHERE series_id = ?1")
        addGap = try source("INSERT INTO gaps VALUES (?1, ?2, ?3)")
        setLatest = try source(
            """
            UPDATE series SET (latest_at, latest_value) = (
                SELECT CAST(day AS BIGINT) * \(Day.milliseconds), value FROM days WHERE series_id = ?1 ORDER BY day DESC LIMIT 1)
            WHERE id = ?1
            """)
        settle = try source("UPDATE series SET sum_of = ?2, stale_day = NULL WHERE id = ?1")
    }

    /// Brings the sum of one metric up to date.
    ///
    /// - Parameters:
    ///   - subject: What gets the sum.
    ///   - kind: Of the children that are summed.
    ///   - series: What it knows of series must be written before, and forgotten after.
    ///   - at: When it is written.
    /// - Returns: How many values were written.
    /// - Throws: ``Rejection`` when the series has another shape.
    func apply(
        _ metric: MetricDeclaration, to subject: Int64, from kind: String, _ series: SeriesWriter, at: Instant
    ) throws -> Int64 {
        let children = try children(of: subject, kind, metric)
        let existing = try existing(subject, metric)
        guard !children.isEmpty || existing?.isRollUp == true else { return 0 }
        let living = children.filter { $0.goneDay == nil && $0.latest != nil }
        var written: Int64 = 0
        let id: Int64
        if metric.shape == .daily {
            id = try series.id(of: subject, metric)
            let from = existing.map { $0.isRollUp ? $0.staleDay : RollUpMarks.everyDay } ?? RollUpMarks.everyDay
            if let from { written = try sumDays(of: children, into: id, from: from, below: subject, metric) }
            try mergeGaps(of: children, into: id)
        } else {
            // What nothing has is absent; what everything that had it is gone from is zero.
            guard !living.isEmpty || existing?.isRollUp == true else { return 0 }
            let sum = living.reduce(0) { $0 + ($1.latest ?? 0) }
            id = try series.id(of: subject, metric)
            try series.apply(reading: sum, metric, subject: subject, at: at)
            try series.flush()
            written = 1
        }
        settle.bind(1, id)
        settle.bind(2, Int64(living.count))
        try settle.post()
        return written
    }

    private func children(of subject: Int64, _ kind: String, _ metric: MetricDeclaration) throws -> [Child] {
        children.bind(1, subject)
        children.bind(2, kind)
        children.bind(3, metric.name)
        children.bind(4, metric.shape.code)
        return try children.all { row in
            let isGone = row.integer(2) == 1
            let day = row.optionalInteger(3).map { Day.number(of: Instant(milliseconds: $0)) } ?? .min
            return Child(
                series: row.integer(0), latest: row.isNull(1) ? nil : row.number(1), goneDay: isGone ? day : nil)
        }
    }

    private func existing(_ subject: Int64, _ metric: MetricDeclaration) throws -> Existing? {
        find.bind(1, subject)
        find.bind(2, metric.name)
        return try find.first {
            Existing(series: $0.integer(0), isRollUp: !$0.isNull(1), staleDay: $0.optionalInteger(2))
        }
    }

    /// Sums the days from `first` on, and writes those that differ from what is stored.
    ///
    /// - Complexity: O(values on these days).
    private func sumDays(
        of children: [Child], into id: Int64, from first: Int64, below subject: Int64, _ metric: MetricDeclaration
    ) throws -> Int64 {
        var sums: [Int64: Double] = [:]
        for child in children {
            try each(of: child.series, from: first, before: child.goneDay ?? .max) { sums[$0, default: 0] += $1 }
        }
        var stale: [Int64] = []
        var former: [Int64: Double] = [:]
        try each(of: id, from: first, before: .max) { day, value in
            former[day] = value
            if sums[day] == nil { stale.append(day) }
        }
        let changed = sums.filter { former[$0.key] != $0.value }.sorted { $0.key < $1.key }
        for (day, sum) in changed {
            setDay.bind(1, id)
            setDay.bind(2, day)
            setDay.bind(3, number: sum)
            try setDay.post()
        }
        for day in stale {
            dropDay.bind(1, id)
            dropDay.bind(2, day)
            try dropDay.post()
        }
        guard let earliest = [changed.first?.key, stale.first].compactMap(\.self).min() else { return 0 }
        setLatest.bind(1, id)
        try setLatest.post()
        try marks.changed(subject, metric.name, from: earliest)
        return Int64(changed.count)
    }

    private func each(
        of series: Int64, from first: Int64, before end: Int64, _ body: (Int64, Double) -> Void
    ) throws {
        days.bind(1, series)
        days.bind(2, first)
        days.bind(3, end)
        while try days.step() { body(days.integer(0), days.number(1)) }
    }

    /// A day that one of them lost is lost to the sum.
    private func mergeGaps(of children: [Child], into id: Int64) throws {
        var all: [Span] = []
        for child in children {
            for gap in try gaps(of: child.series) {
                let last = min(gap.to, child.goneDay.map { $0 - 1 } ?? .max)
                if gap.from <= last { all.append((gap.from, last)) }
            }
        }
        var merged: [Span] = []
        for gap in all.sorted(by: { $0.from < $1.from }) {
            if let last = merged.last, gap.from <= last.to + 1 {
                merged[merged.count - 1].to = max(last.to, gap.to)
            } else {
                merged.append(gap)
            }
        }
        guard try !gaps(of: id).elementsEqual(merged, by: ==) else { return }
        dropGaps.bind(1, id)
        try dropGaps.post()
        for gap in merged {
            addGap.bind(1, id)
            addGap.bind(2, gap.from)
            addGap.bind(3, gap.to)
            try addGap.post()
        }
    }

    private func gaps(of series: Int64) throws -> [Span] {
        gaps.bind(1, series)
        return try gaps.all { (from: $0.integer(0), to: $0.integer(1)) }
    }
}
