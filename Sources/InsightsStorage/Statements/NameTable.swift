/// Texts that many rows share, such as a module's id, each stored once.
final class NameTable {
    private let find: any PreparedStatement
    private let insert: any PreparedStatement
    private var known: [String: Int64] = [:]

    init(_ source: any StatementSource) throws {
        find = try source("SELECT id FROM names WHERE text = ?1")
        insert = try source("INSERT INTO names (text) VALUES (?1) RETURNING id")
    }

    /// The number of `text`, given now if it has none.
    func id(_ text: String) throws -> Int64 {
        if let id = known[text] { return id }
        let clean = StoredText.clean(text)
        find.bind(1, clean)
        var id = try find.first { $0.integer(0) }
        if id == nil {
            insert.bind(1, clean)
            id = try insert.first { $0.integer(0) }
        }
        known[text] = id
        return id ?? 0
    }

    /// To be called after a rollback, which may have taken numbers back.
    func forget() { known = [:] }
}
