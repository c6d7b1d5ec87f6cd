import Glibc
import InsightsPlugin
import Testing

@Suite("Commands that read numbers", .crowded)
struct NumbersTests {
    /// Two kinds that share a key, a daily series with a gap in its days, a gauge and a ranking.
    static let lines = """
        {"kind":"repository","key":"org/app","name":"app, the \\"first\\""}
        {"kind":"package","key":"org/app"}
        {"subject":{"kind":"repository","key":"org/app"},"metric":"commits","at":"2026-01-01T00:00:00Z","value":3,"unit":"commits","shape":"daily","additive":true}
        {"subject":{"kind":"repository","key":"org/app"},"metric":"commits","at":"2026-01-02T00:00:00Z","value":4,"unit":"commits","shape":"daily","additive":true}
        {"subject":{"kind":"repository","key":"org/app"},"metric":"commits","at":"2026-02-01T00:00:00Z","value":5,"unit":"commits","shape":"daily","additive":true}
        {"subject":{"kind":"repository","key":"org/app"},"metric":"stars","at":"2026-01-02T10:00:00Z","value":7.5,"unit":"stars","shape":"gauge","additive":true}
        {"subject":{"kind":"package","key":"org/app"},"metric":"stars","at":"2026-01-02T10:00:00Z","value":1,"unit":"stars","shape":"gauge","additive":true}
        {"subject":{"kind":"repository","key":"org/app"},"metric":"referrers","at":"2026-01-02T00:00:00Z","value":[{"label":"a,b","value":2},{"label":"c","value":1}],"unit":"views","shape":"ranking","additive":false}
        """

    private func measured() async throws -> Place {
        let place = try Place("  measure: {uses: command.run, every: 1h, with: {argv: [cat, lines], samples: json}}")
        try place.write("lines", Self.lines + "\n")
        let ended = try await place.run("run")
        try #require(ended.status == 0, "\(ended.complaints)")
        return place
    }

    @Test("before anything has run there is nothing, and the reason is told", arguments: ["metrics", "history"])
    func nothing(command: String) async throws {
        let place = try Place()
        let ended = try await place.run(command, "--json")
        #expect(ended.status == 0)
        #expect(try ended.json == [])
        #expect(ended.complaints.contains("there is no database at sqlite:insights.db yet"))
        #expect(!place.exists("insights.db"))
    }

    @Test(
        "a database that is about to get its tables is none yet", arguments: ["metrics", "history"],
        ["", "CREATE TABLE grdb_migrations (identifier TEXT)"])
    func withoutTables(command: String, made table: String) async throws {
        let place = try Place()
        // The program's mark, and then what the migrations are noted in: each is a commit of its own.
        let made = try await Program(
            ["sqlite3", "insights.db", "PRAGMA application_id = 1769170804; \(table)"], in: place.path
        ).ended()
        try #require(made.status == 0 && !place.text("insights.db").isEmpty)
        let ended = try await place.run(command, "--json")
        #expect(ended.status == 0)
        #expect(try ended.json == [])
        #expect(ended.complaints.contains("there is no database at sqlite:insights.db yet"))
    }

    @Test(
        "what needs a database says so with 69 when there is none",
        arguments: [
            ["series", "--subject", "x", "--metric", "m"], ["logs", "01890a5d-ac96-774b-bcce-b302099a8057"],
            ["cancel", "01890a5d-ac96-774b-bcce-b302099a8057"],
        ])
    func needed(arguments: [String]) async throws {
        let place = try Place()
        let ended = try await Program([Program.path] + arguments, in: place.path).ended()
        #expect(ended.status == 69)
        #expect(ended.complaints.contains("there is no database at sqlite:insights.db yet"))
        #expect(!place.exists("insights.db"))
    }

    @Test("metrics tells the latest value of each series")
    func metrics() async throws {
        let place = try await measured()
        let values = try #require(try await place.run("metrics", "--json").json.array)
        #expect(values.map { $0["metric"]?.string } == ["stars", "commits", "referrers", "stars"])
        #expect(values.map { $0["subject"]?["kind"]?.string } == ["package", "repository", "repository", "repository"])
        for value in values {
            #expect(value.object?.keys == ["subject", "metric", "unit", "shape", "value", "at", "of"])
            #expect(
                value["subject"]?.object?.keys == [
                    "id", "kind", "key", "name", "url", "parent", "state", "aliases", "external_id",
                ])
        }
        #expect(values[1]["value"] == 5)
        #expect(values[2]["value"] == [["label": "a,b", "value": 2], ["label": "c", "value": 1]])
        #expect(values[1]["of"] == .null)
        let narrowed = try await place.run("metrics", "--kind", "package", "--subject", "org/app", "--metric", "stars")
        #expect(narrowed.output == "package\torg/app\tstars\t-\t1\tstars\tgauge\t2026-01-02T10:00:00.000Z\t-\n")
        let csv = try await place.run("metrics", "--metric", "referrers", "--csv")
        #expect(
            csv.lines == [
                "kind,key,metric,label,value,unit,shape,at,of",
                "repository,org/app,referrers,\"a,b\",2,views,ranking,2026-01-02T00:00:00.000Z,",
                "repository,org/app,referrers,c,1,views,ranking,2026-01-02T00:00:00.000Z,",
            ])
    }

    @Test("series tells points, gaps and the sum; by months when asked for")
    func series() async throws {
        let place = try await measured()
        let ended = try await place.run(
            "series", "--subject", "org/app", "--kind", "repository", "--metric", "commits", "--json")
        let series = try ended.json
        #expect(
            series.object?.keys == ["subject", "metric", "unit", "shape", "additive", "points", "gaps", "sum"])
        #expect(series["sum"] == 12)
        #expect(series["points"]?.array?.count == 3)
        #expect(series["points"]?.array?.first == ["at": "2026-01-01T00:00:00.000Z", "value": 3])
        let months = try await place.run(
            "series", "--subject", "org/app", "--kind", "repository", "--metric", "commits", "--step", "month", "--csv")
        #expect(months.lines == ["at,label,value", "2026-01-01T00:00:00.000Z,,7", "2026-02-01T00:00:00.000Z,,5"])
        let some = try await place.run(
            "series", "--subject", "org/app", "--kind", "repository", "--metric", "commits", "--from", "2026-01-02",
            "--to",
            "2026-01-31")
        #expect(some.output == "2026-01-02T00:00:00.000Z\t-\t4\n")
    }

    @Test(
        "a series that is not there is 64, with what there is",
        arguments: [
            (["--subject", "org/app", "--metric", "stars"], "kind"),
            (["--subject", "org/ap", "--metric", "stars"], "did you mean \"org/app\"?"),
            (["--subject", "org/app", "--kind", "repository", "--metric", "comits"], "did you mean \"commits\"?"),
            (["--subject", "org/app", "--kind", "package", "--metric", "referrers"], "it has stars"),
        ])
    func missing(arguments: [String], named: String) async throws {
        let place = try await measured()
        let ended = try await Program([Program.path, "series"] + arguments, in: place.path).ended()
        #expect(ended.status == 64)
        #expect(ended.complaints.contains(named), "\(ended.complaints)")
    }

    @Test("history narrows by task, status and instant, newest first, and has a line a run")
    func history() async throws {
        let place = try Place(
            "  a: {uses: command.run, every: 1h, with: {argv: [\"true\"]}}\n"
                + "  b: {uses: command.run, every: 1h, with: {argv: [\"false\"]}}")
        for task in ["a", "b", "a"] { _ = try await place.run("run", task) }
        let all = try await place.history()
        #expect(all.map { $0["task"]?.string } == ["a", "b", "a"])
        #expect(try await place.history("a").count == 2)
        #expect(try await place.history("--status", "failed").map { $0["task"]?.string } == ["b"])
        let middle = try #require(all[1]["scheduled_at"]?.string)
        #expect(try await place.history("--since", middle).count == 2)
        #expect(try await place.run("history", "--limit", "1", "--json").json.array?.count == 1)
        let plain = try await place.run("history", "b")
        let fields = plain.lines[0].split(separator: "\t", omittingEmptySubsequences: false)
        #expect(fields.count == 10)
        #expect(fields[1...4] == ["b", "failed", "-", "manual"])
        #expect(fields[9].contains("command_failed"))
    }

    @Test("why tells the story of an occurrence")
    func why() async throws {
        let place = try Place(
            "  grid: {uses: command.run, every: 1h, starting: 2026-01-01T00:00:00Z, with: {argv: [\"true\"]}}")
        let (program, _) = try await place.serve()
        try await program.wait("the first run") { try await !place.history("--status", "succeeded").isEmpty }
        program.send(SIGTERM)
        #expect(try await program.ended().status == 0)
        let instant = try #require(try await place.history()[0]["scheduled_at"]?.string)
        let ran = try await place.run("why", "grid", instant, "--json")
        #expect(ran.status == 0)
        #expect(try ran.json["outcome"] == "run")
        #expect(try ran.json["run"]?["status"] == "succeeded")
        let outcomes = [
            ("2031-01-01T00:00:00Z", "to_come"), ("2031-01-01T00:10:00Z", "not_an_occurrence"),
            ("2025-01-01T00:00:00Z", "before_registration"),
        ]
        for (instant, outcome) in outcomes {
            #expect(try await place.run("why", "grid", instant, "--json").json["outcome"] == .string(outcome))
        }
        _ = try await place.run("run", "grid")
        let byHand = try #require(
            try await place.history().first { $0["trigger"] == "manual" }?["scheduled_at"]?.string)
        let manual = try await place.run("why", "grid", byHand)
        #expect(manual.output.contains("triggered by hand"))
        let words = try await place.run("why", "grid", "2031-01-01T00:10:00Z")
        #expect(words.output.contains("The one before is 2031-01-01T00:00:00Z, the one after 2031-01-01T01:00:00Z."))
    }

    @Test("the shipped module's numbers are those of git")
    func git() async throws {
        let place = try Place("  activity: {uses: git.activity, every: 6h, with: {repositories: [{path: repo}]}}")
        let script = """
            git init -q -b main repo && cd repo && git config user.name A && git config user.email a@example.org
            for day in 01 02 03; do
              echo $day >> file && git add file
              GIT_AUTHOR_DATE="2026-01-${day}T12:00:00Z" GIT_COMMITTER_DATE="2026-01-${day}T12:00:00Z" git commit -q -m $day
            done
            """
        let made = try await Program(["sh", "-e", "-c", script], in: place.path, environment: ["HOME": place.path])
            .ended()
        try #require(made.status == 0, "\(made.complaints)")
        let ended = try await place.run("run", environment: ["HOME": place.path])
        #expect(ended.status == 0, "\(ended.complaints)")
        let values = try #require(try await place.run("metrics", "--metric", "commits_total", "--json").json.array)
        #expect(values.contains { $0["value"] == 3 })
    }
}
