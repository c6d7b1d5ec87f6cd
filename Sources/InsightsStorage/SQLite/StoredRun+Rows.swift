internal import GRDB
internal import InsightsEngine
internal import InsightsPlugin

extension StoredRun {
    /// The runs in these rows, in this order.
    static func records(_ db: Database, rows: [Int64]) throws -> [RunRecord] {
        var found: [Int64: RunRecord] = [:]
        found.reserveCapacity(rows.count)
        var start = 0
        while start < rows.count {
            let chunk = rows[start..<min(start + 500, rows.count)].map(String.init).joined(separator: ", ")
            let cursor = try Row.fetchCursor(db, sql: "SELECT \(columns) FROM \(tables) WHERE r.row IN (\(chunk))")
            while let row = try cursor.next() { found[try row.integer(0)] = try record(row) }
            start += 500
        }
        return rows.compactMap { found[$0] }
    }
}
