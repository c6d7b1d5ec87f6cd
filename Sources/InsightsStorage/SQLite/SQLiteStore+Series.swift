internal import GRDB
package import InsightsEngine
internal import InsightsPlugin

extension SQLiteStore {
    package func series(_ query: SeriesQuery) async throws(StoreError) -> SeriesRecord? {
        try await read { db in
            guard let id = try SQLiteStore.subject(db, query.subject),
                let subject = try StoredSubjects.record(db, id: id)
            else { return nil }
            let row = try Row.fetchOne(
                db, sql: "SELECT \(StoredSeries.columns) FROM series x WHERE x.subject_id = ? AND x.metric = ?",
                arguments: [id, query.metric])
            guard let row else { return nil }
            let series = try StoredSeries(row, from: 0)
            let sums = series.shape == .daily && series.isAdditive
            let points = try series.points(db, from: query.from, to: query.to)
            return SeriesRecord(
                subject: subject, metric: series.metric, unit: series.unit, shape: series.shape,
                isAdditive: series.isAdditive,
                points: query.step.map { SeriesSteps.group(points, by: $0, sums: sums) } ?? points,
                gaps: try series.gaps(db, from: query.from, to: query.to),
                sum: sums ? SeriesSteps.sum(points) : nil, of: series.sumOf)
        }
    }

    private static func subject(_ db: Database, _ target: SeriesQuery.Target) throws -> Int64? {
        switch target {
        case .id(let id): return id
        case .key(let key, let kind):
            let found = try StoredSubjects.ids(db, key: key, kind: kind)
            guard found.count < 2 else {
                throw StoreError(
                    .invalid, "several kinds have a subject \"\(key)\"",
                    help: "say which with --kind: \(found.map(\.kind).joined(separator: ", "))")
            }
            return found.first?.id
        }
    }
}

/// A row of `series`, and what belongs to it.
struct StoredSeries {
    static let columns = "x.id, x.metric, x.unit, x.shape, x.is_additive, x.latest_at, x.latest_value, x.sum_of"

    var id: Int64
    var metric: String
    var unit: String
    var shape: MetricShape
    var isAdditive: Bool
    var latestAt: Instant?
    var latestValue: Double?
    /// Of a roll-up: how many subjects it is the sum of.
    var sumOf: Int?

    init(_ row: some StoredRow, from column: Int) throws {
        id = try row.integer(column)
        metric = try row.text(column + 1)
        unit = try row.text(column + 2)
        shape = try row.code(column + 3, in: StoredCodes.shapes)
        isAdditive = try row.bool(column + 4)
        latestAt = try row.optionalInstant(column + 5)
        latestValue = try row.optionalNumber(column + 6)
        sumOf = try row.optionalInteger(column + 7).map(Int.init(clamping:))
    }

    init(_ row: any PreparedStatement, from column: Int32) throws {
        id = row.integer(column)
        metric = row.text(column + 1)
        unit = row.text(column + 2)
        shape = try row.code(column + 3, in: StoredCodes.shapes)
        isAdditive = row.integer(column + 4) != 0
        latestAt = row.optionalInteger(column + 5).map { Instant(milliseconds: $0) }
        latestValue = try row.optionalFinite(column + 6)
        sumOf = row.optionalInteger(column + 7).map(Int.init(clamping:))
    }

    /// The latest values of a subject, by metric.
    static func latest(_ db: Database, of subject: SubjectRecord) throws -> [LatestValue] {
        let statement = try db.cachedStatement(
            sql: "SELECT \(columns) FROM series x WHERE x.subject_id = ? AND x.latest_at IS NOT NULL ORDER BY x.metric")
        return try Row.fetchAll(statement, arguments: [subject.id]).map {
            try StoredSeries($0, from: 0).latest(db, of: subject)
        }
    }

    /// Its latest value; it has one.
    func latest(_ db: Database, of subject: SubjectRecord) throws -> LatestValue {
        LatestValue(
            subject: subject, metric: metric, unit: unit, shape: shape,
            value: try latestValue.map(SampleValue.number) ?? latestRanking(db),
            at: latestAt ?? Instant(milliseconds: 0), of: sumOf)
    }

    private func latestRanking(_ db: Database) throws -> SampleValue {
        let statement = try db.cachedStatement(
            sql: "SELECT list FROM rankings WHERE series_id = ? ORDER BY day DESC LIMIT 1")
        let row = try Row.fetchOne(statement, arguments: [id])
        return .ranking(try row.map { StoredRanking.list(try $0.text(0)) } ?? [])
    }

    /// The points within the bounds, both included, oldest first.
    func points(_ db: Database, from: Instant?, to: Instant?) throws -> [SeriesRecord.Point] {
        let (first, last) = (from?.milliseconds ?? .min, to?.milliseconds ?? .max)
        switch shape {
        case .daily:
            let (firstDay, lastDay) = StoredSeries.days(from: from, to: to)
            let rows = try Row.fetchCursor(
                db, sql: "SELECT day, value FROM days WHERE series_id = ? AND day BETWEEN ? AND ? ORDER BY day",
                arguments: [id, firstDay, lastDay])
            return try StoredSeries.points(rows) { Day.start(of: $0) }
        case .gauge, .total:
            let rows = try Row.fetchCursor(
                db, sql: "SELECT at, value FROM readings WHERE series_id = ? AND at BETWEEN ? AND ? ORDER BY at",
                arguments: [id, first, last])
            return try StoredSeries.points(rows) { Instant(milliseconds: $0) }
        case .ranking:
            return try Row.fetchAll(
                db, sql: "SELECT at, list FROM rankings WHERE series_id = ? AND at BETWEEN ? AND ? ORDER BY day",
                arguments: [id, first, last]
            ).map { .init(at: try $0.instant(0), value: .ranking(StoredRanking.list(try $0.text(1)))) }
        }
    }

    /// The first midnight at or after `from`, and the last at or before `to`, as days.
    static func days(from: Instant?, to: Instant?) -> (first: Int64, last: Int64) {
        (
            first: from.map { Day.number(of: Instant(milliseconds: $0.milliseconds - 1)) + 1 } ?? .min,
            last: to.map(Day.number) ?? .max
        )
    }

    private static func points(_ rows: RowCursor, at: (Int64) -> Instant) throws -> [SeriesRecord.Point] {
        var points: [SeriesRecord.Point] = []
        while let row = try rows.next() {
            points.append(.init(at: at(try row.integer(0)), value: .number(try row.number(1))))
        }
        return points
    }

    /// The gaps that touch the bounds, oldest first.
    func gaps(_ db: Database, from: Instant?, to: Instant?) throws -> [(from: Instant, to: Instant)] {
        try Row.fetchAll(
            db,
            sql: """
                SELECT from_day, to_day FROM gaps WHERE series_id = ? AND to_day >= ? AND from_day <= ? ORDER BY from_day
                """, arguments: [id, from.map(Day.number) ?? .min, to.map(Day.number) ?? .max]
        ).map { (from: Day.start(of: try $0.integer(0)), to: Day.start(of: try $0.integer(1))) }
    }
}
