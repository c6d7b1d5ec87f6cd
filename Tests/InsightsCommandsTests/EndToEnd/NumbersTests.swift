import Foundation
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

    /// What the figures tell apart: days of other zones, one author with two addresses, a merge, a rename, a binary.
    ///
    /// Every commit is half a day away from a whole number of days ago: what passes between run and check moves nothing.
    private static let history = """
        now=$(date +%s)
        commit() {
          at="$((now - $1 * 86400 - 43200)) $2"
          git add files
          GIT_AUTHOR_NAME=$3 GIT_AUTHOR_EMAIL=$4 GIT_AUTHOR_DATE=2001-01-01T00:00:00Z GIT_COMMITTER_DATE=$at \\
            git commit -q -m "$1 days ago"
        }
        git init -q -b main . && git config user.name Cy && git config user.email cy@example.org && mkdir files
        seq 1 40 > files/a && head -c 300 /dev/urandom > files/binary && commit 400 +0000 Eve eve@example.org
        git tag first
        seq 1 9 > files/b && commit 200 -0800 Bob bob@old.example
        seq 3 9 > files/b && commit 200 +0000 Bob bob@old.example
        seq 1 50 > files/a && commit 100 +0900 Ada ADA@Example.org
        git checkout -q -b topic && seq 1 5 > files/c && commit 41 +0000 Dot dot@example.org
        git checkout -q main && seq 2 50 > files/a && commit 40 +0000 Ada ada@example.org
        GIT_COMMITTER_DATE="$((now - 39 * 86400 - 43200)) +0000" git merge -q --no-ff --no-edit topic
        git tag -a -m release second
        git mv files/a files/renamed && seq 2 51 > files/renamed && commit 10 +0000 Bob bob@new.example
        echo "Bob <bob@new.example> <bob@old.example>" > .mailmap && git add .mailmap
        seq 1 4 > files/d && commit 9 +0000 Ada ada@example.org
        seq 1 3 > files/d && commit 0 +1400 Ada ada@example.org
        seq 1 2 > files/e && commit 0 +0000 Dot dot@example.org
        """

    /// The commands under "To check a figure by hand" of Metrics.md, each with the metrics of its columns.
    private static func commandsByHand() throws -> [(command: String, metrics: [String])] {
        var commands: [(command: String, metrics: [String])] = []
        var lines: [String] = []
        for line in try Document("Documentation/Metrics.md").block(below: "To check a figure by hand") {
            let parts = line.components(separatedBy: " # ")
            lines.append(parts[0])
            guard parts.count == 2 else { continue }
            commands.append((lines.joined(separator: "\n"), parts[1].components(separatedBy: ", ")))
            lines = []
        }
        try #require(lines.isEmpty, "no metric is named behind \(lines)")
        return commands
    }

    /// All days of the series whose latest value `metrics` told.
    private static func points(of latest: Value, in place: Place) async throws -> [String: Double] {
        let key = try #require(latest["subject"]?["key"]?.string)
        let metric = try #require(latest["metric"]?.string)
        let series = try await place.run("series", "--subject", key, "--metric", metric, "--json").json
        var points: [String: Double] = [:]
        for point in series["points"]?.array ?? [] {
            points[String((point["at"]?.string ?? "").prefix(10))] = point["value"]?.number ?? .nan
        }
        return points
    }

    @Test("the numbers of the shipped manifest are those that git counts, by the commands of Metrics.md")
    func git() async throws {
        let place = try Place()
        try place.write("tasks.yaml", Document("tasks.yaml").text)
        let environment = ["HOME": place.path]
        let made = try await Program(["sh", "-e", "-c", Self.history], in: place.path, environment: environment).ended()
        try #require(made.status == 0, "\(made.complaints)")
        let ran = try await place.run("run", environment: environment)
        try #require(ran.status == 0, "\(ran.complaints)")
        let values = try #require(try await place.run("metrics", "--json").json.array)
        let latest = Dictionary(values.map { ($0["metric"]?.string ?? "", $0) }) { first, _ in first }
        #expect(values.count == 10 && latest.count == 10)
        var checked: Set<String> = []
        for (command, metrics) in try Self.commandsByHand() {
            let counted = try await Program(["sh", "-c", command], in: place.path, environment: environment).ended()
            try #require(counted.status == 0 && counted.complaints.isEmpty, "\(command): \(counted.complaints)")
            let rows = counted.lines.map { $0.split(separator: " ").map(String.init) }
            for (column, metric) in metrics.enumerated() {
                checked.insert(metric)
                let told = try #require(latest[metric], "\(metric)")
                let value = told["value"]?.number ?? .nan
                if told["shape"] == "gauge" {
                    #expect(rows.count == 1 && Double(rows.first?.first ?? "") == value, "\(metric)")
                    continue
                }
                try #require(rows.allSatisfy { $0.count == metrics.count + 1 }, "\(rows)")
                var byHand: [String: Double] = [:]
                for row in rows { byHand[row[metrics.count]] = Double(row[column]) ?? .nan }
                let points = try await Self.points(of: told, in: place)
                // git says nothing of the lines of a day that has merges only; here they are 0.
                #expect(points.filter { $0.value != 0 } == byHand.filter { $0.value != 0 }, "\(metric)")
                let newest = try #require(byHand.keys.max())
                #expect(told["at"]?.string?.hasPrefix(newest) == true && value == byHand[newest], "\(metric)")
            }
        }
        #expect(checked == Set(latest.keys))
    }
}
