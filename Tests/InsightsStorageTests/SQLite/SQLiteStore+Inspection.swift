import GRDB

@testable import InsightsStorage

/// What tests look at from within.
extension SQLiteStore {
    /// Values of pragmas on the connection that writes.
    func pragmas(_ names: [String]) async throws -> [String] {
        try await write { db, _ in
            try names.map { try String.fetchOne(db, sql: "PRAGMA \($0)") ?? "" }
        }
    }

    /// The query plans of statements, each as one text.
    func plans(_ statements: [String]) async throws -> [String] {
        try await read { db in
            try statements.map {
                try Row.fetchAll(db, sql: "EXPLAIN QUERY PLAN \($0)").map { $0["detail"] ?? "" }.joined(separator: "; ")
            }
        }
    }

    /// Runs SQL outside of any rule, on the connection that writes.
    func execute(_ sql: String) async throws {
        try await write { db, _ in try db.execute(sql: sql) }
    }

    func texts(_ sql: String) async throws -> [String] {
        try await write { db, _ in try String.fetchAll(db, sql: sql) }
    }

    func count(_ sql: String) async throws -> Int {
        try await write { db, _ in try Int.fetchOne(db, sql: sql) ?? -1 }
    }
}
