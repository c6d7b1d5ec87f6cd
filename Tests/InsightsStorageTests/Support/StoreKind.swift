import InsightsEngine
import InsightsPostgresServer
import InsightsStorage
import InsightsTestWire
import Testing

/// A store that the conformance suite runs over. A further one is a further line in ``all``.
struct StoreKind: Sendable, CustomTestStringConvertible {
    let name: String
    /// Whether several processes run tasks on it at once.
    let isShared: Bool
    /// Opens the store that lives in a folder, or has a database of its name; again for the same folder: as another
    /// process would.
    let open: @Sendable (_ folder: String) throws -> any Store

    var testDescription: String { name }

    /// Opens it on a thread of its own, as that may take a while: a server may have to be made first.
    func openOffPool(_ folder: String) async throws -> any Store {
        let open = open
        return try await offPool { try open(folder) }
    }

    static let all = [
        StoreKind(name: "SQLite", isShared: false) { try SQLiteStore.open(path: $0 + "/insights.db") },
        StoreKind(name: "PostgreSQL", isShared: true) { folder in
            let name = folder.split(separator: "/").last.map(String.init) ?? "insights"
            // Nothing renews a desk's lease, and a test among many may take its time.
            return try PostgresStore.open(
                uri: try PostgresServer.shared().database(name), lease: .seconds(3600))
        },
    ]
    /// Those that one process at a time has.
    static let exclusive = all.filter { !$0.isShared }
    static let shared = all.filter(\.isShared)
}
