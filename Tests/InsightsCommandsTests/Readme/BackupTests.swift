import Foundation
import Glibc
import Testing

@Suite("README and tasks.yaml: a backup while it runs", .crowded)
struct BackupTests {
    static let documents = ["README.md", "tasks.yaml"]

    /// The words of the command that a document gives, and the file that it makes.
    private static func backup(in name: String) throws -> (words: [String], copy: String) {
        let document = try Document(name)
        guard name == "tasks.yaml" else {
            return (["sh", "-c", try document.code(beginning: "sqlite3 ")], "copy.db")
        }
        // A flow sequence of words without commas.
        let line = try document.rest(ofLine: "      argv: [sqlite3, ")
        let words = line.prefix { $0 != "]" }.components(separatedBy: ", ")
            .map { $0.trimmingCharacters(in: ["\""]) }
        return (["sqlite3"] + words, "insights-backup.db")
    }

    @Test("waits for a commit that is going on", arguments: documents)
    func waits(document: String) async throws {
        let (words, copy) = try Self.backup(in: document)
        let place = try Place("  ok: {uses: command.run, every: 1h, with: {argv: [\"true\"]}}")
        #expect(try await place.run("run").status == 0)
        let commit = try Program(
            ["sqlite3", "insights.db", "BEGIN EXCLUSIVE", ".shell touch held; \(Place.hold)", "COMMIT"],
            in: place.path)
        try await commit.wait("the lock") { place.exists("held") }
        let backup = try Program(words, in: place.path)
        // One that does not wait has ended by then.
        try await Task.sleep(for: .milliseconds(300))
        #expect(!backup.hasEnded())
        try place.write("go", "")
        let ended = try await backup.ended()
        #expect(ended.status == 0 && ended.complaints.isEmpty, "\(ended.complaints)")
        #expect(try await commit.ended().status == 0)
        #expect(try await Self.runs(in: copy, of: place) == 1)
    }

    @Test("beside a busy serve succeeds each time, and the copy is whole", arguments: documents)
    func busy(document: String) async throws {
        let (words, copy) = try Self.backup(in: document)
        let tasks = (1...4).map { "  often-\($0): {uses: command.run, every: 100ms, with: {argv: [\"true\"]}}" }
        let place = try Place(tasks.joined(separator: "\n"))
        let (program, _) = try await place.serve("--no-http")
        try await program.wait("the first run") { try await !place.history("--status", "succeeded").isEmpty }
        var former = 0
        for _ in 0..<8 {
            let ended = try await Program(words, in: place.path).ended()
            #expect(ended.status == 0 && ended.complaints.isEmpty, "\(ended.complaints)")
            let check = try await Program(["sqlite3", copy, "PRAGMA integrity_check"], in: place.path).ended()
            #expect(check.output == "ok\n", "\(check.output)\(check.complaints)")
            let runs = try await Self.runs(in: copy, of: place)
            #expect(runs >= former)
            former = runs
        }
        #expect(former > 0)
        program.send(SIGTERM)
        #expect(try await program.ended().status == 0)
    }

    /// How many runs `insights history` shows of a copy.
    private static func runs(in copy: String, of place: Place) async throws -> Int {
        try await place.history("--database", "sqlite:\(copy)").count
    }
}
