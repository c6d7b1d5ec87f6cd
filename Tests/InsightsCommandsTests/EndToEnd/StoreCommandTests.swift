import Foundation
import InsightsPlugin
import InsightsPostgresServer
import InsightsTestWire
import Testing

@Suite("insights migrate and insights store copy", .crowded)
struct StoreCommandTests {
    private static let tasks = "  ok:\n    uses: command.run\n    with: {argv: [\"true\"]}"

    /// An empty database of its own.
    private func database() async throws -> (server: PostgresServer, name: String, url: String) {
        let name = "command_" + UUID().uuidString.prefix(8).lowercased()
        // A server may have to be made first.
        return try await offPool {
            let server = try PostgresServer.shared()
            return (server, name, try server.database(name))
        }
    }

    @Test("looking at a database without tables tells that nothing has run, and makes none")
    func nothingHasRun() async throws {
        let (server, name, url) = try await database()
        let place = try Place(Self.tasks)
        for command in [["list"], ["history"], ["nodes"], ["metrics"]] {
            let ended = try await Program([Program.path] + command + ["--database", url], in: place.path).ended()
            #expect(ended.status == 0, "\(ended.complaints)")
            if command != ["list"] { #expect(ended.complaints.contains("nothing has run"), "\(ended.complaints)") }
        }
        let trigger = try await place.run("trigger", "ok", "--database", url)
        #expect(trigger.status == 69 && trigger.complaints.contains("no `insights serve` runs on postgres://"))
        #expect(try server.query("SELECT to_regnamespace('insights') IS NULL", in: name) == "t")
    }

    @Test("migrate makes the tables, and lets a role work with them that may not alter them")
    func migrate() async throws {
        let (server, name, url) = try await database()
        try server.query("CREATE ROLE \"\(name)\" LOGIN", in: name)
        let place = try Place(Self.tasks)
        let runner = server.socketURI(name, user: name)
        let early = try await place.run("run", "ok", "--database", runner)
        #expect(early.status == 69 && early.complaints.contains("insights migrate"), "\(early.complaints)")
        let first = try await place.run("migrate", "--database", url, "--grant", name)
        #expect(first.status == 0 && first.output.contains("has version 2 of the tables now; \(name) may"))
        let again = try await place.run("migrate", "--database", url)
        #expect(again.status == 0 && again.output.contains("up to date"))
        let ran = try await place.run("run", "ok", "--database", runner)
        #expect(ran.status == 0, "\(ran.complaints)")
        let file = try await place.run("migrate", "--grant", "x")
        #expect(file.status == 64 && file.complaints.contains("--grant"))
    }

    @Test("store copy takes everything to PostgreSQL, where it is shown alike and goes on")
    func copy() async throws {
        let (_, _, url) = try await database()
        let place = try Place(Self.tasks)
        for _ in 0..<3 { #expect(try await place.run("run", "ok").status == 0) }
        let copied = try await place.run("store", "copy", "sqlite:insights.db", url, "--json")
        #expect(copied.status == 0, "\(copied.complaints)")
        let runs = try copied.json.array?.first { $0["table"]?.string == "runs" }
        #expect(runs?["rows"]?.integer == 3 && runs?["checksum"]?.string?.count == 64)
        let (before, after) = (try await place.history(), try await place.history("--database", url))
        #expect(before.count == 3 && before == after)
        #expect(try await place.run("run", "ok", "--database", url).status == 0)
        #expect(try await place.history("--database", url).count == 4)
        let full = try await place.run("store", "copy", "sqlite:insights.db", url)
        #expect(full.status == 64 && full.complaints.contains("is not empty"))
        let wrong = try await place.run("store", "copy", "insights.db", "postgres://me:hunter2@host/db")
        #expect(wrong.status == 64 && !wrong.complaints.contains("hunter2"))
        // On a terminal the table is for people, and the moving line is gone.
        let back = try await place.runOnTerminal("store", "copy", url, "sqlite:back.db")
        #expect(back.status == 0 && back.output.contains("TABLE") && back.output.contains("runs"))
    }
}
