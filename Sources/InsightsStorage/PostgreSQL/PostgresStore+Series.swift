package import InsightsEngine
internal import InsightsPlugin

extension PostgresStore {
    package func series(_ query: SeriesQuery) async throws(StoreError) -> SeriesRecord? {
        try await readTogether { statements in
            let subjects = PostgresSubjects(statements)
            guard let id = try PostgresSeries.subject(subjects, query.subject), let subject = try subjects.record(id)
            else { return nil }
            let found = try statements.run(
                "SELECT \(StoredSeries.columns) FROM series x WHERE x.subject_id = ?1 AND x.metric = ?2", .integer(id),
                .text(StoredText.clean(query.metric)))
            guard let row = found.first else { return nil }
            let series = try StoredSeries(row, from: 0)
            let sums = series.shape == .daily && series.isAdditive
            let points = try PostgresSeries.points(statements, series, from: query.from, to: query.to)
            return SeriesRecord(
                subject: subject, metric: series.metric, unit: series.unit, shape: series.shape,
                isAdditive: series.isAdditive,
                points: query.step.map { SeriesSteps.group(points, by: $0, sums: sums) } ?? points,
                gaps: try PostgresSeries.gaps(statements, series, from: query.from, to: query.to),
                sum: sums ? SeriesSteps.sum(points) : nil, of: series.sumOf)
        }
    }
}

/// Reads the points and gaps of a series.
enum PostgresSeries {
    static func subject(_ subjects: PostgresSubjects, _ target: SeriesQuery.Target) throws -> Int64? {
        switch target {
        case .id(let id): return id
        case .key(let key, let kind):
            let found = try subjects.ids(key: key, kind: kind)
            guard found.count < 2 else {
                throw StoreError(
                    .invalid, "several kinds have a subject \"\(key)\"",
                    help: "say which with --kind: \(found.map(\.kind).joined(separator: ", "))")
            }
            return found.first?.id
        }
    }

    /// The points within the bounds, both included, oldest first.
    static func points(
        _ statements: PostgresStatements, _ series: StoredSeries, from: Instant?, to: Instant?
    ) throws -> [SeriesRecord.Point] {
        let id = PostgresValue.integer(series.id)
        let (first, last) = (
            PostgresValue.integer(from?.milliseconds ?? .min), PostgresValue.integer(to?.milliseconds ?? .max)
        )
        switch series.shape {
        case .daily:
            let (firstDay, lastDay) = StoredSeries.days(from: from, to: to)
            return try statements.run(
                "SELECT day, value FROM days WHERE series_id = ?1 AND day BETWEEN ?2 AND ?3 ORDER BY day", id,
                .integer(firstDay), .integer(lastDay)
            ).rows.map { .init(at: Day.start(of: try $0.integer(0)), value: .number(try $0.number(1))) }
        case .gauge, .total:
            return try statements.run(
                "SELECT at, value FROM readings WHERE series_id = ?1 AND at BETWEEN ?2 AND ?3 ORDER BY at", id, first,
                last
            ).rows.map { .init(at: try $0.instant(0), value: .number(try $0.number(1))) }
        case .ranking:
            return try statements.run(
                "SELECT at, list FROM rankings WHERE series_id = ?1 AND at BETWEEN ?2 AND ?3 ORDER BY day", id, first,
                last
            ).rows.map { .init(at: try $0.instant(0), value: .ranking(StoredRanking.list(try $0.text(1)))) }
        }
    }

    /// The gaps that touch the bounds, oldest first.
    static func gaps(
        _ statements: PostgresStatements, _ series: StoredSeries, from: Instant?, to: Instant?
    ) throws -> [(from: Instant, to: Instant)] {
        try statements.run(
            "SELECT from_day, to_day FROM gaps WHERE series_id = ?1 AND to_day >= ?2 AND from_day <= ?3 ORDER BY from_day",
            .integer(series.id), .integer(from.map(Day.number) ?? .min), .integer(to.map(Day.number) ?? .max)
        ).rows.map { (from: Day.start(of: try $0.integer(0)), to: Day.start(of: try $0.integer(1))) }
    }
}
