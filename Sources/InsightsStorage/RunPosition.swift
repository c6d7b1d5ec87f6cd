internal import InsightsEngine

/// A place in the history: newest scheduled instant first, then newest row.
struct RunPosition: Comparable, Sendable {
    var scheduledAt: Int64
    var row: Int64

    init(scheduledAt: Int64, row: Int64) {
        self.scheduledAt = scheduledAt
        self.row = row
    }

    /// Reads a cursor.
    ///
    /// - Throws: ``StoreError`` `invalid` for anything that ``text`` did not make.
    init(_ text: String) throws(StoreError) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, let scheduledAt = Int64(parts[0]), let row = Int64(parts[1]) else {
            throw StoreError(.invalid, "cursor \"\(text.prefix(80))\" is none that an earlier page gave")
        }
        self.init(scheduledAt: scheduledAt, row: row)
    }

    var text: String { "\(scheduledAt).\(row)" }

    static func < (lhs: RunPosition, rhs: RunPosition) -> Bool {
        (lhs.scheduledAt, lhs.row) < (rhs.scheduledAt, rhs.row)
    }
}
