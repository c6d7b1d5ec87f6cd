import Testing

@Suite("README and CONTRIBUTING: lines to paste")
struct PasteTests {
    @Test("each install is one line, with what the build and the documents need", arguments: ["serve", "test"])
    func install(mark: String) throws {
        let lines = try Document("README.md").block(below: "<!-- \(mark) -->")
        #expect(lines.count == 1)
        let words = (lines.first ?? "").split(separator: " ")
        for package in ["git", "pkg-config", "libyaml-dev", "libsqlite3-dev", "libpq-dev", "sqlite3", "tzdata"] {
            #expect(words.contains { $0 == package }, "\(package)")
        }
    }

    @Test("what CONTRIBUTING formats is what .ci/run checks")
    func format() throws {
        let checked = try Document(".ci/run").rest(ofLine: "folders=(")
        #expect(try Document("CONTRIBUTING.md").rest(ofLine: "swift format --in-place --recursive ") + ")" == checked)
    }
}
