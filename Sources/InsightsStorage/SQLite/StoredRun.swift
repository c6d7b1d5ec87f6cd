internal import Foundation
internal import GRDB
internal import InsightsEngine
internal import InsightsPlugin

/// Reads rows of runs.
enum StoredRun {
    /// A row of `runs` as people see it.
    static let columns = """
        r.row, r.id, t.name, u.text, r.trigger, r.scheduled_at, r.started_at, r.finished_at, r.status, r.reason, r.attempt, \
        r.attempts, n.text, r.duration, r.lateness, r.samples, r.summary, r.count, r.until, r.error_code, \
        r.error_message, r.error_retryable, r.error_retry_at
        """
    static let tables = """
        runs r JOIN tasks t ON t.id = r.task_id JOIN names u ON u.id = r.uses LEFT JOIN names n ON n.id = r.node
        """

    static func record(_ row: Row) -> RunRecord {
        RunRecord(
            id: runID(row[1]), task: row[2], uses: row[3], trigger: StoredCodes.triggers[code: row[4]] ?? .cadence,
            scheduledAt: Instant(milliseconds: row[5]), startedAt: instant(row[6]), finishedAt: instant(row[7]),
            status: StoredCodes.statuses[code: row[8]] ?? .failed, reason: row[9], attempt: row[10], attempts: row[11],
            node: row[12], duration: (row[13] as Int64?).map { .nanoseconds($0) },
            lateness: (row[14] as Int64?).map { .nanoseconds($0) }, samples: row[15] ?? 0, summary: row[16],
            count: row[17] ?? 1, until: instant(row[18]),
            error: (row[19] as String?).map { code in
                RunError(
                    code: code, message: row[20] ?? "", isRetryable: row[21] ?? false, retryAt: instant(row[22]))
            })
    }

    static func instant(_ milliseconds: Int64?) -> Instant? { milliseconds.map { Instant(milliseconds: $0) } }

    /// The id in 16 bytes; all zero when a damaged row has none.
    static func runID(_ value: DatabaseValue) -> RunID {
        guard case .blob(let bytes) = value.storage, bytes.count == 16 else { return RunID(high: 0, low: 0) }
        func word(_ slice: Data) -> UInt64 { slice.reduce(0) { $0 << 8 | UInt64($1) } }
        return RunID(high: word(bytes.prefix(8)), low: word(bytes.suffix(8)))
    }
}

extension RunID {
    /// The 16 bytes, as rows keep them.
    var stored: DatabaseValue {
        var bytes: [UInt8] = []
        for word in [high, low] { withUnsafeBytes(of: word.bigEndian) { bytes.append(contentsOf: $0) } }
        return Data(bytes).databaseValue
    }
}
