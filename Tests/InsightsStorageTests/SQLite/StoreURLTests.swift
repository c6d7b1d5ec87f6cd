import InsightsEngine
import InsightsStorage
import Testing

@Suite("Database URLs")
struct StoreURLTests {
    @Test(
        "sqlite: names a file",
        arguments: [
            ("sqlite:insights.db", "insights.db"), ("sqlite:/var/lib/i.db", "/var/lib/i.db"),
            ("SQLite:a b%20c?d", "a b%20c?d"),
            ("sqlite:///var/i.db", "///var/i.db"), ("sqlite:file:x", "file:x"), ("sqlite:ü.db", "ü.db"),
        ])
    func accepted(_ text: String, _ path: String) throws {
        #expect(try StoreURL(text) == .sqlite(path: path))
    }

    @Test(
        "anything else is refused with the value and what there is",
        arguments: [
            ("", "\"\""), ("insights.db", "insights.db"), ("sqlite:", "sqlite:"), ("sqlite://host/x", "host"),
            ("sqlite::memory:", ":memory:"), ("mysql://u:secret@h/d", "mysql"), ("sqlite3:x", "sqlite3"),
            ("sqlite:a\0b", "NUL"),
        ])
    func refused(_ text: String, _ expected: String) {
        let error = #expect(throws: StoreError.self) { try StoreURL(text) }
        #expect(error?.kind == .invalid && error?.message.contains(expected) == true)
        #expect(error?.help?.contains("sqlite:insights.db") == true)
        #expect(error?.description.contains("secret") == false)
    }
}
