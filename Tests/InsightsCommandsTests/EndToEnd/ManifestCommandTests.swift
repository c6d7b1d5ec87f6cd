import Glibc
import InsightsPlugin
import Testing

@Suite("Commands that read the manifest", .crowded)
struct ManifestCommandTests {
    static let broken = """
          a:
            uses: git.activty
          b:
            uses: command.run
            every: 1 fortnight
            with: {argv: ["true"]}
        """

    @Test("check prints every error with its place and ends with 78")
    func errors() async throws {
        let place = try Place(Self.broken)
        let ended = try await place.run("check")
        #expect(ended.status == 78)
        #expect(ended.output.contains("tasks.yaml:4:11: error: unknown module \"git.activty\" [unknown-module]"))
        #expect(ended.output.contains("did you mean \"git.activity\"?"))
        #expect(ended.output.contains("[duration]"))
        #expect(ended.output.hasSuffix("tasks.yaml: 2 errors\n"))
    }

    @Test("check --json is the list of diagnostics, empty when all is well")
    func json() async throws {
        let place = try Place(Self.broken)
        let ended = try await place.run("check", "--json")
        #expect(ended.status == 78)
        let list = try #require(try ended.json.array)
        #expect(list.count == 2)
        #expect(
            list[0].object?.keys == ["file", "line", "column", "end_column", "severity", "code", "message", "help"])
        #expect(list[0]["code"] == "unknown-module")
        #expect(list[0]["line"] == 4)
        try place.manifest("")
        let fine = try await place.run("check", "--json")
        #expect(fine.status == 0)
        #expect(try fine.json == [])
    }

    @Test(
        "a file under 1 MiB whose aliases expand past the limit is refused within 128 MiB and long before they are expanded",
        arguments: ["wide", "deep"])
    func limits(form: String) async throws {
        let place = try Place()
        let levels = (1...40).map { level in
            "x\(level): &x\(level) [\(Array(repeating: "*x\(level - 1)", count: 10).joined(separator: ", "))]"
        }
        let wide =
            "version: 1\nbase: &b [\(Array(repeating: "a", count: 200_000).joined(separator: ","))]\n"
            + "more: [\(Array(repeating: "*b", count: 100_000).joined(separator: ","))]\ntasks: {}\n"
        let deep = "version: 1\nx0: &x0 [a]\n" + levels.joined(separator: "\n") + "\ntasks: {}\n"
        let text = form == "wide" ? wide : deep
        try #require(text.utf8.count < 1 << 20)
        try place.write("tasks.yaml", text)
        // The deadline is far above the second that it takes at most, as this machine may be busy.
        let script = """
            import resource, subprocess, sys
            run = subprocess.run(sys.argv[1:], capture_output=True, text=True, timeout=20)
            print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
            print(run.stdout)
            sys.exit(run.returncode)
            """
        let ended = try await Program(["python3", "-c", script, Program.path, "check"], in: place.path).ended()
        #expect(ended.status == 78, "\(ended.complaints)")
        #expect(ended.output.contains("[limit]"))
        let kibibytes = try #require(ended.lines.first.flatMap { Int($0) })
        #expect(kibibytes < 128 << 10)
    }

    @Test("check prints warnings and ends with 0")
    func warnings() async throws {
        let place = try Place(
            "  a: {uses: command.run, enabled: false, with: {argv: [x]}}\n"
                + "  b: {uses: command.run, after: a, with: {argv: [x]}}")
        let ended = try await place.run("check")
        #expect(ended.status == 0)
        #expect(ended.output.contains("warning: "))
        #expect(ended.output.contains("[never-starts]"))
        #expect(ended.output.hasSuffix("tasks.yaml: ok, 2 tasks, 1 warning\n"))
    }

    @Test(
        "a manifest that is not there is told with the way to make one", arguments: ["check", "list", "run", "serve"])
    func missing(command: String) async throws {
        let place = try Place()
        let ended = try await place.run(command, "--manifest", "none/other.yaml")
        #expect(ended.status == 78)
        let text = ended.output + ended.complaints
        #expect(text.contains("none/other.yaml"))
        #expect(text.contains("[file]"))
        #expect(text.contains("help: "))
        #expect(!place.exists("insights.db"))
    }

    @Test(
        "whatever needs a manifest refuses a bad one with all its errors",
        arguments: [["list"], ["next"], ["run"], ["serve", "--port", "0"], ["pause", "b"]])
    func refused(arguments: [String]) async throws {
        let place = try Place(Self.broken)
        let ended = try await Program([Program.path] + arguments, in: place.path).ended()
        #expect(ended.status == 78)
        #expect(ended.complaints.contains("[unknown-module]"))
        #expect(ended.complaints.contains("[duration]"))
        #expect(ended.output.isEmpty)
        #expect(!place.exists("insights.db"))
    }

    static let three = """
          nightly:
            uses: command.run
            description: Says hello
            cron: "0 6 * * *"
            timezone: Europe/Berlin
            with: {argv: ["true"]}
          hourly: {uses: command.run, every: 1h, with: {argv: ["true"]}}
          off: {uses: command.run, every: 2h, enabled: false, with: {argv: ["true"]}}
          follower: {uses: command.run, after: hourly, with: {argv: ["true"]}}
        """

    @Test("list tells each task, without a database, and makes none")
    func list() async throws {
        let place = try Place(Self.three)
        let ended = try await place.run("list", "--json")
        #expect(ended.status == 0)
        let tasks = try #require(try ended.json.array)
        #expect(tasks.map { $0["name"]?.string } == ["follower", "hourly", "nightly", "off"])
        for task in tasks {
            #expect(
                task.object?.keys == [
                    "name", "uses", "description", "enabled", "paused", "cadence", "next_run", "last_run",
                    "at_risk",
                ])
        }
        #expect(tasks[2]["description"] == "Says hello")
        #expect(tasks[2]["cadence"] == "cron 0 6 * * * (Europe/Berlin)")
        #expect(tasks[0]["cadence"] == "after hourly")
        #expect(tasks[0]["next_run"] == .null)
        #expect(tasks[3]["enabled"] == false)
        let plain = try await place.run("list")
        #expect(plain.lines[3].hasPrefix("off\tcommand.run\tevery 2h\tno\t-\t-\t"))
        #expect(!place.exists("insights.db"))
    }

    @Test("next without a database begins at --from itself, in time order, with disabled tasks only when named")
    func next() async throws {
        let place = try Place(Self.three)
        let ended = try await place.run("next", "--json", "--from", "2026-01-04T02:30:00Z", "--count", "2")
        #expect(
            try ended.json == [
                ["task": "hourly", "scheduled_at": "2026-01-04T02:30:00.000Z"],
                ["task": "hourly", "scheduled_at": "2026-01-04T03:30:00.000Z"],
                ["task": "nightly", "scheduled_at": "2026-01-04T05:00:00.000Z"],
                ["task": "nightly", "scheduled_at": "2026-01-05T05:00:00.000Z"],
            ])
        let named = try await place.run("next", "off", "--from", "2026-01-04T02:30:00Z", "--count", "1")
        #expect(named.output == "2026-01-04T02:30:00.000Z\toff\n")
        #expect(!place.exists("insights.db"))
    }

    @Test("next takes what is stored into account")
    func nextStored() async throws {
        let place = try Place("  hourly: {uses: command.run, every: 1h, with: {argv: [\"true\"]}}")
        let (program, _) = try await place.serve()
        try await program.wait("the first run") { try await !place.history("--status", "succeeded").isEmpty }
        program.send(SIGTERM)
        #expect(try await program.ended().status == 0)
        let first = try #require(try await place.history()[0]["scheduled_at"]?.string.flatMap { Instant($0) })
        let ended = try await place.run("next", "--json", "--count", "1")
        #expect(try ended.json[0]?["scheduled_at"] == Value(first.advanced(by: .seconds(3600))))
        #expect(try await place.run("list", "--json").json[0]?["last_run"]?["status"] == "succeeded")
    }

    @Test("modules tells each module by the contract's names")
    func modules() async throws {
        let place = try Place()
        let modules = try #require(try await place.run("modules", "--json").json.array)
        #expect(
            modules.map { $0["id"]?.string } == [
                "command.run", "git.accounts", "git.activity", "git.platforms", "git.repositories",
            ])
        for module in modules {
            #expect(
                module.object?.keys == [
                    "id", "plugin", "origin", "summary", "parameters", "metrics", "retention_seconds",
                    "timeout_seconds", "health",
                ])
            #expect(module["parameters"]?["type"] == "object")
        }
        let one = try await place.run("modules", "command", "--json")
        #expect(try one.json.array?.count == 1)
        let plain = try await place.run("modules")
        #expect(plain.lines[0].hasPrefix("command.run\tcommand\tbuiltin\tok\t"))
    }

    @Test("a name that means one module shows its parameters and metrics, on a terminal and on a pipe")
    func module() async throws {
        let place = try Place()
        let piped = try await place.run("modules", "git.activity").lines.map { $0.split(separator: "\t") }
        #expect(Set(piped.map { $0[0] }) == ["module", "parameter", "metric"])
        #expect(piped[0][1] == "git.activity")
        #expect(piped.contains { $0[0] == "parameter" && $0[1] == "repositories[].path" })
        #expect(piped.contains { $0[0] == "metric" && $0[1] == "commits" })
        #expect(piped.allSatisfy { $0.count == ($0[0] == "module" ? 6 : 5) })
        // A plugin with one module is that module; one with several is their list.
        #expect(try await place.run("modules", "command").lines[0].hasPrefix("module\tcommand.run\t"))
        #expect(try await place.run("modules", "git").lines.count == 4)
        let shown = try await place.runOnTerminal("modules", "git.activity", environment: ["NO_COLOR": "1"])
        #expect(shown.lines[0].hasPrefix("git.activity (git "))
        #expect(shown.output.contains("repositories[].path"))
        #expect(shown.output.contains("\nMETRIC "))
        #expect(shown.lines.allSatisfy { $0.count <= 100 })
    }

    @Test("schema is JSON Schema with the modules' parameters")
    func schema() async throws {
        let ended = try await Place().run("schema")
        #expect(ended.status == 0)
        #expect(try ended.json["$schema"] == "https://json-schema.org/draft/2020-12/schema")
        #expect(ended.output.contains("argv"))
    }
}

extension Value {
    /// An element of a list.
    fileprivate subscript(index: Int) -> Value? {
        guard let array, array.indices.contains(index) else { return nil }
        return array[index]
    }
}
