import InsightsEngine
import InsightsStorage
import Testing

@Suite("PostgreSQL URLs")
struct PostgresAddressTests {
    @Test(
        "hosts and database are told, users and passwords are not",
        arguments: [
            ("postgres://u:secret@localhost:5433/d", "postgres://localhost:5433/d"),
            ("postgresql://127.0.0.1/d?password=secret", "postgres://127.0.0.1:5432/d"),
            ("postgres://a.example:1,b.example:2/d?sslmode=verify-full", "postgres://a.example:1,b.example:2/d"),
            ("postgres://a.example,b.example:5432/d?sslmode=disable", "a.example"),
            ("postgres:///d?host=/run/postgresql&user=u&password=secret", "postgres://[/run/postgresql]:5432/d"),
        ])
    func label(_ text: String, _ expected: String) throws {
        let url = try StoreURL(text)
        #expect("\(url)".contains(expected))
        #expect(!"\(url)".contains("secret") && !String(reflecting: url).contains("secret"))
        var dumped = ""
        dump(url, to: &dumped)
        #expect(!dumped.contains("secret"))
    }

    @Test(
        "off this machine, TLS is checked or turned off in so many words",
        arguments: [
            "postgres://u:secret@db.example/d", "postgres://u:secret@db.example/d?sslmode=require",
            "postgres://localhost,10.0.0.7/d?sslmode=prefer", "postgres://127.evil.example/d",
            "postgres://u:secret@localhost/d?hostaddr=10.0.0.7",
        ])
    func refused(_ text: String) {
        let error = #expect(throws: StoreError.self) { try StoreURL(text) }
        #expect(error?.kind == .invalid && error?.message.contains("is not on this machine") == true)
        #expect(error?.help?.contains("sslmode=verify-full") == true)
        #expect(error?.description.contains("secret") == false)
    }

    @Test(
        "a malformed one is refused without its secrets",
        arguments: [
            "postgres://u:secret%zz@h/d", "postgres://u:secret@[::1/d", "postgres://h/d?nothing=secret",
            "postgres://u:secret@a,b/d?port=1,2,3",
        ])
    func malformed(_ text: String) {
        let error = #expect(throws: StoreError.self) { try StoreURL(text) }
        #expect(error?.kind == .invalid)
        #expect(error?.description.contains("secret") == false)
    }
}
