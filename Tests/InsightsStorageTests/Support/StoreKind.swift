import InsightsEngine
import InsightsStorage
import Testing

/// A store that the conformance suite runs over. A further one is a further line in ``all``.
struct StoreKind: Sendable, CustomTestStringConvertible {
    let name: String
    /// Opens the store that lives in a folder; again for the same folder: as another process would.
    let open: @Sendable (_ folder: String) throws -> any Store

    var testDescription: String { name }

    static let all = [
        StoreKind(name: "SQLite") { try SQLiteStore.open(path: $0 + "/insights.db") }
    ]
}
