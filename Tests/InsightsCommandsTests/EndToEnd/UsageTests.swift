import Foundation
import InsightsPlugin
import Testing

@Suite("Commands refuse what is wrong, and say what is right", .crowded)
struct UsageTests {
    static let commands = [
        "serve", "run", "trigger", "check", "list", "next", "history", "logs", "why", "pause", "resume", "cancel",
        "metrics", "series", "modules", "schema", "nodes", "migrate",
    ]

    @Test(
        "every command has a one-screen help with an example and the flags that all take",
        arguments: commands + ["store copy"])
    func help(command: String) async throws {
        let place = try Place()
        let words = command.split(separator: " ").map(String.init)
        let ended = try await Program(
            [Program.path] + words + ["--help"], in: place.path, environment: ["COLUMNS": "80"]
        ).ended()
        #expect(ended.status == 0)
        #expect(ended.output.contains("Example: insights \(command)"))
        for flag in ["--manifest", "--database", "--log-level"] { #expect(ended.output.contains(flag)) }
        #expect(ended.output.split(separator: "\n", omittingEmptySubsequences: false).count <= 25)
        #expect(ended.output.split(separator: "\n").allSatisfy { $0.count <= 80 })
        // As README.md, Commands.md and the program's own help say.
        #expect(ended.output.contains("  --json ") == !["serve", "migrate"].contains(command))
        // No line of a paragraph is broken after a word or two.
        let overview = ended.output.components(separatedBy: "\n\nExample: ")[0]
        for paragraph in overview.components(separatedBy: "\n\n") {
            #expect(paragraph.components(separatedBy: "\n").dropLast().allSatisfy { $0.count >= 40 }, "\(paragraph)")
        }
        #expect(ended.complaints.isEmpty)
    }

    @Test("a command that is none is usage, with the nearest", arguments: [["lst"], ["help", "hstory"], ["check-it"]])
    func noCommand(arguments: [String]) async throws {
        let place = try Place()
        let ended = try await Program([Program.path] + arguments, in: place.path).ended()
        #expect(ended.status == 64)
        let helps = ["lst": "did you mean \"list\"?", "hstory": "did you mean \"history\"?"]
        let name = try #require(arguments.last)
        #expect(ended.complaints.contains("there is no command \"\(name)\""))
        #expect(ended.complaints.contains(helps[name] ?? "`insights help` shows the commands"))
    }

    @Test("the program's own help has every command", arguments: [["--help"], ["help"], []])
    func root(arguments: [String]) async throws {
        let place = try Place()
        let ended = try await Program([Program.path] + arguments, in: place.path).ended()
        #expect(ended.status == 0)
        for command in Self.commands { #expect(ended.output.contains("\n  \(command)")) }
        #expect(ended.lines.count <= 32)
        #expect(ended.output.contains("run-tasks"))
        #expect(ended.output.contains("all commands but serve and migrate"))
    }

    @Test(
        "a wrong use is 64 and names what is wrong",
        arguments: [
            (["nope"], "nope"), (["help", "nope"], "\"nope\""), (["help", "hstory"], "did you mean \"history\"?"),
            (["serve", "--grace", "-5s"], "-5s"), (["list", "--nope"], "--nope"), (["list", "extra"], "extra"),
            (["run", "--wait"], "--wait"),
            (["history", "--limit", "0"], "from 1 to 10000"), (["history", "--limit", "10001"], "from 1 to 10000"),
            (["history", "--limit", "ten"], "ten"),
            (["history", "--status", "succeded"], "did you mean \"succeeded\"?"),
            (["history", "--since", "yesterday"], "yesterday"), (["next", "--from", "2026-02-30"], "2026-02-30"),
            (["next", "--count", "-1"], "--count"), (["logs"], "run"), (["logs", "12"], "not a run's id"),
            (["cancel", "x"], "not a run's id"), (["why", "ok"], "instant"), (["why", "ok", "now"], "RFC 3339"),
            (["trigger"], "task"), (["pause"], "task"), (["series", "--subject", "x"], "--metric"),
            (["series", "--subject", "x", "--metric", "m", "--step", "year"], "year"),
            (["series", "--subject", "x", "--metric", "m", "--from", "2026-02-01", "--to", "2026-01-01"], "--from"),
            (["metrics", "--csv", "--json"], "exclude each other"), (["serve", "--port", "65536"], "from 0 to 65535"),
            (["serve", "--grace", "1 month"], "month"), (["serve", "--host", "http://x"], "http://x"),
            (["list", "--log-level", "loud"], "loud"), (["list", "--database", "insights.db"], "sqlite:PATH"),
            (["list", "--database", "postgres://me:hunter2@host/db"], "sslmode=prefer would not check who it is"),
            (["modules", "git.activty"], "did you mean \"git.activity\"?"),
            (["run", "okk"], "did you mean \"ok\"?"), (["run", "ok", "nope", "nada"], "\"nope\", \"nada\""),
            (["trigger", "nope"], "unknown task"), (["pause", "nope"], "unknown task"),
            (["resume", "nope"], "unknown task"),
            (["next", "nope"], "unknown task"), (["history", "nope"], "unknown task"),
            (["why", "nope", "2026-01-04"], "unknown task"), (["plugin", "new", "x"], "plugin"),
        ] as [([String], String)])
    func wrongUse(arguments: [String], named: String) async throws {
        let place = try Place("  ok:\n    uses: command.run\n    with: {argv: [\"true\"]}")
        let ended = try await Program([Program.path] + arguments, in: place.path).ended()
        #expect(ended.status == 64)
        #expect(ended.complaints.contains(named), "\(ended.complaints)")
        #expect(!ended.complaints.contains("hunter2"))
        #expect(ended.output.isEmpty)
        #expect(!place.exists("insights.db"))
    }

    @Test(
        "a malformed variable is 78 with its name, from the environment and from .env",
        arguments: ["PORT", "TASK_SCHEDULER_INTERVAL", "TASK_SCHEDULER_ENABLED", "LOG_LEVEL", "DATABASE_URL"])
    func variables(name: String) async throws {
        let place = try Place()
        let real = try await place.run("list", environment: [name: "wrong"])
        #expect(real.status == 78)
        #expect(real.complaints.contains("error: \(name)"))
        try place.write(".env", "# settings\n\(name)=wrong\n")
        let file = try await place.run("list")
        #expect(file.status == 78)
        #expect(file.complaints.contains("error: \(name)"))
        #expect(try await place.run("list", environment: [name: ""]).status == 0)
    }

    @Test("all problems of the environment are told at once, also those that only serve has")
    func allVariables() async throws {
        let ended = try await Place().run(
            "serve", environment: ["PORT": "x", "LOG_LEVEL": "loud", "INSIGHTS_ADMIN_TOKEN": "short"])
        #expect(ended.status == 78)
        for name in ["PORT", "LOG_LEVEL", "INSIGHTS_ADMIN_TOKEN"] {
            #expect(ended.complaints.contains("error: \(name) "))
        }
    }

    @Test("DATABASE_URL names the database, and --database wins")
    func database() async throws {
        let place = try Place("  ok:\n    uses: command.run\n    with: {argv: [\"true\"]}")
        let environment = ["DATABASE_URL": "sqlite:one.db"]
        #expect(try await place.run("run", environment: environment).status == 0)
        #expect(place.exists("one.db"))
        #expect(try await place.run("run", "--database", "sqlite:two.db", environment: environment).status == 0)
        #expect(place.exists("two.db"))
        #expect(!place.exists("insights.db"))
    }

    @Test("TASK_SCHEDULER_INTERVAL is the cadence of a task that names none")
    func interval() async throws {
        let place = try Place("  ok:\n    uses: command.run\n    with: {argv: [\"true\"]}")
        let listed = try await place.run("list", "--json", environment: ["TASK_SCHEDULER_INTERVAL": "5400"])
        #expect(try listed.json.array?.first?["cadence"] == "every 1h30m")
        let next = try await place.run(
            "next", "--from", "2026-01-04T00:00:00Z", "--count", "2", environment: ["TASK_SCHEDULER_INTERVAL": "5400"])
        #expect(next.lines.last == "2026-01-04T01:30:00.000Z\tok")
    }

    @Test("an empty answer says why on standard error")
    func emptyAnswers() async throws {
        let place = try Place(
            "  ok: {uses: command.run, every: 1h, with: {argv: [\"true\"]}}\n"
                + "  follower: {uses: command.run, after: ok, with: {argv: [\"true\"]}}")
        let follower = try await place.run("next", "follower")
        #expect(follower.output.isEmpty)
        #expect(follower.complaints.contains("no instants of their own"))
        for command in ["list", "next"] {
            let ended = try await place.run(command, "--database", "sqlite:none.db")
            #expect(ended.status == 0)
            #expect(ended.complaints.contains("there is no database at sqlite:none.db yet"))
            #expect(try await place.run(command).complaints.isEmpty)
        }
        #expect(try await place.run("run", "ok").status == 0)
        let metrics = try await place.run("metrics", "--metric", "nope")
        #expect(metrics.status == 0)
        #expect(metrics.complaints.contains("nothing was measured of metric \"nope\""))
    }

    @Test("what cannot be written as RFC 3339 is not shown")
    func farthest() async throws {
        let place = try Place("  ok: {uses: command.run, every: 1h, with: {argv: [\"true\"]}}")
        let ended = try await place.run("next", "--from", "9999-12-31T22:30:00Z", "--count", "5")
        #expect(ended.lines.map { $0.prefix(16) } == ["9999-12-31T22:30", "9999-12-31T23:30"])
    }

    @Test("a malformed line of .env is named by its number, beside the manifest wherever that is")
    func dotEnv() async throws {
        let place = try Place()
        try place.write(".env", "PORT=80\nINSIGHTS_ADMIN_TOKEN hunter2hunter2\n")
        let ended = try await Program(
            [Program.path, "list", "--manifest", place.path + "/tasks.yaml"], in: "/"
        ).ended()
        #expect(ended.status == 78)
        #expect(ended.complaints.contains("\(place.path)/.env:2: "))
        #expect(!ended.complaints.contains("hunter2"))
    }

    @Test("variables of .env are those that the manifest names")
    func manifestVariables() async throws {
        let place = try Place(
            "  say:\n    uses: command.run\n    with: {argv: [sh, -c, 'echo \"$WORD\"'], environment: {WORD: \"${WORD}\"}}"
        )
        let unset = try await place.run("check")
        #expect(unset.status == 78)
        #expect(unset.output.contains("[unset-variable]"))
        try place.write(".env", "WORD=\"from the file\"\n")
        #expect(try await place.run("check").status == 0)
        #expect(try await place.run("run").status == 0)
        let id = try #require(try await place.history()[0]["id"]?.string)
        #expect(try await place.run("logs", id).output.contains("from the file"))
        #expect(try await place.run("run", environment: ["WORD": "from outside"]).status == 0)
        let second = try #require(try await place.history()[0]["id"]?.string)
        #expect(try await place.run("logs", second).output.contains("from outside"))
    }

    @Test("an admin token that is too short keeps serve from starting, and only serve")
    func adminToken() async throws {
        let place = try Place()
        let environment = ["INSIGHTS_ADMIN_TOKEN": "fifteen-letters"]
        let ended = try await place.run("serve", "--port", "0", environment: environment)
        #expect(ended.status == 78)
        #expect(ended.complaints.contains("INSIGHTS_ADMIN_TOKEN must have at least 16 characters"))
        #expect(!ended.complaints.contains("fifteen-letters"))
        #expect(!place.exists("insights.db"))
        #expect(try await place.run("list", environment: environment).status == 0)
    }
}
