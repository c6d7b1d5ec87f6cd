/// A table that is copied from store to store: the columns that both have, in one order.
struct CopiedTable: Sendable {
    enum Kind: Sendable {
        case integer, number, text, id
    }

    struct Column: Sendable {
        let name: String
        let kind: Kind
    }

    let name: String
    let columns: [Column]
    /// How many of the first columns are the key, by which rows are told apart and put in order.
    let keyWidth: Int
    /// Whether PostgreSQL gives the first column its numbers, so that it must be told of those that are taken.
    let isNumbered: Bool
    /// Rows that are left out tell nothing.
    let condition: String?

    /// - Parameter columns: Names, each with its kind after a colon: `i`, `n`, `t`, `u`.
    private init(
        _ name: String, _ columns: String, key keyWidth: Int = 1, isNumbered: Bool = false,
        where condition: String? = nil
    ) {
        self.name = name
        self.columns = columns.split(separator: " ").map { entry in
            let parts = entry.split(separator: ":")
            let kinds: [Substring: Kind] = ["i": .integer, "n": .number, "t": .text, "u": .id]
            guard parts.count == 2, let kind = kinds[parts[1]] else { preconditionFailure("no kind: \(entry)") }
            return Column(name: String(parts[0]), kind: kind)
        }
        self.keyWidth = keyWidth
        self.isNumbered = isNumbered
        self.condition = condition
    }

    /// Everything but who runs tasks now (nodes, leases, places) and what is asked of them (requests, answers).
    static let all = [
        CopiedTable("names", "id:i text:t", isNumbered: true),
        CopiedTable("tasks", "id:i name:t registered_at:i hash:i is_paused:i", isNumbered: true),
        CopiedTable(
            "progress", "task_id:i last_occurrence:i last_row:i last_success_at:i hand_at:i hand_row:i",
            // In PostgreSQL a task has its row, by which it is held, before there is anything to tell.
            where: "coalesce(last_occurrence, last_row, last_success_at, hand_at, hand_row) IS NOT NULL"),
        CopiedTable("marks", "task_id:i upstream_id:i scheduled_at:i", key: 2),
        CopiedTable("state", "task_id:i key:t value:t", key: 2),
        CopiedTable(
            "runs",
            """
            row:i id:u task_id:i is_occurrence:i scheduled_at:i uses:i trigger:i status:i fence:i attempt_fence:i attempt:i \
            attempts:i moves_dependents:i node:i started_at:i lateness:i finished_at:i duration:i samples:i failures:i \
            losses:i retry_at:i count:i until:i log_lines:i log_bytes:i log_dropped:i reason:t summary:t error_code:t \
            error_message:t error_retryable:i error_retry_at:i
            """),
        CopiedTable("log", "run_row:i line:i at:i level:t message:t fields:t", key: 2),
        CopiedTable("checkpoints", "number:i digest:i", isNumbered: true),
        CopiedTable("subjects", "id:i kind:t key:t name:t url:t parent_id:i state:i external_id:t", isNumbered: true),
        CopiedTable("aliases", "number:i kind:t key:t subject_id:i", isNumbered: true),
        CopiedTable("subject_events", "number:i subject_id:i at:i event:t former_key:t", isNumbered: true),
        CopiedTable(
            "series",
            """
            id:i subject_id:i metric:t unit:t shape:i is_additive:i latest_at:i latest_value:n sum_of:i stale_day:i
            """, isNumbered: true),
        CopiedTable("days", "series_id:i day:i value:n", key: 2),
        CopiedTable("readings", "series_id:i at:i value:n", key: 2),
        CopiedTable("rankings", "series_id:i day:i at:i list:t", key: 2),
        CopiedTable("gaps", "series_id:i from_day:i to_day:i", key: 2),
    ]

    // MARK: SQL that both databases understand

    private var list: String { columns.map(\.name).joined(separator: ", ") }

    private var order: String { columns.prefix(keyWidth).map(\.name).joined(separator: ", ") }

    /// The first rows in the key's order.
    ///
    /// - Parameter isLater: Only those after the key that the first parameters are; the last parameter is how many.
    func page(isLater: Bool) -> String {
        let places = (1...keyWidth).map { "?\($0)" }.joined(separator: ", ")
        let later = keyWidth == 1 ? "\(order) > \(places)" : "(\(order)) > (\(places))"
        let conditions = [condition, isLater ? later : nil].compactMap { $0 }
        let filter = conditions.isEmpty ? "" : "WHERE " + conditions.joined(separator: " AND ")
        return "SELECT \(list) FROM \(name) \(filter) ORDER BY \(order) LIMIT ?\(isLater ? keyWidth + 1 : 1)"
    }

    var count: String { "SELECT count(*) FROM \(name)\(condition.map { " WHERE \($0)" } ?? "")" }

    func insert(overridesNumbers: Bool) -> String {
        let places = columns.indices.map { "?\($0 + 1)" }.joined(separator: ", ")
        let override = overridesNumbers && isNumbered ? " OVERRIDING SYSTEM VALUE" : ""
        return "INSERT INTO \(name) (\(list))\(override) VALUES (\(places))"
    }
}
