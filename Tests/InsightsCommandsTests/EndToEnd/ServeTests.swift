import Glibc
import InsightsPlugin
import Testing

@Suite("insights serve", .crowded)
struct ServeTests {
    static let quick = "  quick: {uses: command.run, every: 1h, with: {argv: [\"true\"]}}"
    static let held = """
          held: {uses: command.run, every: 1h, with: {argv: [sh, -c, "\(Place.hold)"]}}
        """

    @Test("starts, is ready, runs what is due, and ends at once with 0")
    func life() async throws {
        let place = try Place(Self.quick)
        let (program, port) = try await place.serve("--grace", "10m")
        #expect(HTTP.ask("/health", port: port)?.status == 200)
        #expect(HTTP.ask("/ready", port: port)?.status == 200)
        try await program.wait("the first run") { try await !place.history("--status", "succeeded").isEmpty }
        #expect(HTTP.ask("/api/tasks", port: port)?.body.contains("\"quick\"") == true)
        program.send(SIGTERM)
        // Nothing is waited for; how quick that is stands in Benchmarks.
        let ended = try await program.ended()
        #expect(ended.status == 0)
        #expect(ended.output.isEmpty)
        #expect(HTTP.ask("/health", port: port) == nil)
    }

    @Test("a second one on the same database ends with 75 and names the first")
    func second() async throws {
        let place = try Place(Self.quick)
        let (program, _) = try await place.serve()
        let second = try await place.run("serve", "--port", "0")
        #expect(second.status == 75)
        #expect(second.complaints.contains("process \(program.pid)"))
        program.send(SIGINT)
        #expect(try await program.ended().status == 0)
        let (third, _) = try await place.serve()
        third.send(SIGTERM)
        #expect(try await third.ended().status == 0)
    }

    @Test("a killed one leaves no lock behind")
    func killed() async throws {
        let place = try Place(Self.quick)
        let (program, _) = try await place.serve()
        program.send(SIGKILL)
        #expect(try await program.ended().status == 128 + SIGKILL)
        let (next, _) = try await place.serve()
        next.send(SIGTERM)
        #expect(try await next.ended().status == 0)
    }

    @Test("a port in use is told with the way out, and no task has started")
    func port() async throws {
        let taken = try HTTP.TakenPort()
        let place = try Place("  mark: {uses: command.run, every: 1h, with: {argv: [touch, marked]}}")
        let ended = try await place.run("serve", "--port", "\(taken.port)")
        #expect(ended.status == 69)
        #expect(ended.complaints.contains("cannot listen on 127.0.0.1:\(taken.port): the port is in use"))
        #expect(!place.exists("marked"))
        #expect(try await place.history().isEmpty)
    }

    @Test("an address that is not this machine's is told")
    func address() async throws {
        let ended = try await Place().run("serve", "--host", "192.0.2.1", "--port", "0")
        #expect(ended.status == 69)
        #expect(ended.complaints.contains("192.0.2.1"))
    }

    @Test("while it drains /ready is 503 and what runs goes on to its end")
    func drain() async throws {
        let place = try Place(Self.held)
        let (program, port) = try await place.serve()
        try await program.waitForRun(in: place)
        program.send(SIGTERM)
        try await program.wait("/ready to turn 503") { HTTP.ask("/ready", port: port)?.status == 503 }
        #expect(HTTP.ask("/health", port: port)?.status == 200)
        try place.write("go", "")
        #expect(try await program.ended().status == 0)
        #expect(try await place.history()[0]["status"] == "succeeded")
    }

    @Test("after the grace what still runs is cut short, waits as interrupted, and goes on with the next start")
    func grace() async throws {
        let place = try Place(Self.held)
        let (program, _) = try await place.serve("--grace", "100ms")
        try await program.waitForRun(in: place)
        program.send(SIGTERM)
        #expect(try await program.ended(within: 28).status == 0)
        let cut = try await place.history()
        #expect(cut.map { $0["status"]?.string } == ["interrupted"])
        try place.write("go", "")
        let (next, _) = try await place.serve()
        try await next.wait("the second attempt") { try await place.history()[0]["status"] == "succeeded" }
        next.send(SIGTERM)
        #expect(try await next.ended().status == 0)
        let run = try await place.history()
        #expect(run.count == 1)
        #expect(run[0]["id"] == cut[0]["id"])
        #expect(run[0]["attempt"] == 2)
    }

    @Test("a second signal ends it at once", arguments: [(SIGINT, 130), (SIGTERM, 143)] as [(Int32, Int32)])
    func atOnce(signal: Int32, status: Int32) async throws {
        let place = try Place(Self.held)
        let (program, port) = try await place.serve("--grace", "10m")
        try await program.waitForRun(in: place)
        program.send(SIGTERM)
        try await program.wait("/ready to turn 503") { HTTP.ask("/ready", port: port)?.status == 503 }
        program.send(signal)
        #expect(try await program.ended().status == status)
        try place.write("go", "")
    }

    @Test("SIGHUP puts a good manifest in force, and keeps the former one when the new one is bad")
    func reload() async throws {
        let place = try Place(Self.quick)
        let (program, port) = try await place.serve()
        try place.manifest(Self.quick + "\n  added: {uses: command.run, every: 1h, with: {argv: [\"true\"]}}")
        program.send(SIGHUP)
        try await program.wait("the new task") { HTTP.ask("/api/tasks/added", port: port)?.status == 200 }
        try await program.waitForComplaint("manifest reloaded")
        try place.manifest(ManifestCommandTests.broken)
        program.send(SIGHUP)
        try await program.waitForComplaint("the former one stays in force")
        #expect(program.complaints.contains("tasks.yaml:4:11: unknown module"))
        #expect(HTTP.ask("/api/tasks/added", port: port)?.status == 200)
        // The watch may have seen it, too.
        let metrics = try #require(HTTP.ask("/metrics", port: port)?.body)
        let failures = metrics.split(separator: "\n").first { $0.hasPrefix("insights_manifest_reload_failures_total ") }
        #expect(failures?.hasSuffix(" 0") == false)
        program.send(SIGTERM)
        #expect(try await program.ended().status == 0)
    }

    @Test("a half that is a whole manifest takes tasks away, and the log warns of that with their names")
    func soundHalf() async throws {
        let tasks = (1...20).map { "  task-\($0): {uses: command.run, every: 1h, with: {argv: [\"true\"]}}" }
        let place = try Place(tasks.joined(separator: "\n"))
        let (program, port) = try await place.serve("--no-scheduler")
        try place.manifest(tasks[..<5].joined(separator: "\n"))
        try await program.waitForComplaint("manifest reloaded, and 15 tasks are gone")
        #expect(HTTP.ask("/api/tasks/task-20", port: port)?.status == 404)
        let line = program.complaints.split(separator: "\n").first { $0.contains("manifest reloaded") } ?? ""
        #expect(line.contains("\"warning\""))
        #expect(line.contains("task-10, task-11, ") && line.contains("task-19 and 5 more"))
        #expect(!line.contains("task-1,"))
        program.send(SIGTERM)
        #expect(try await program.ended().status == 0)
    }

    @Test("a manifest that is replaced by half of itself changes nothing, and its rest puts it in force")
    func half() async throws {
        let tasks = (1...20).map { "  task-\($0): {uses: command.run, every: 1h, with: {argv: [\"true\"]}}" }
        let place = try Place(Self.quick)
        let (program, port) = try await place.serve("--no-scheduler")
        try place.manifest(tasks.joined(separator: "\n"))
        let whole = place.text("tasks.yaml")
        try place.write("tasks.yaml", String(whole.prefix(whole.count / 2)))
        try await program.waitForComplaint("the former one stays in force")
        #expect(HTTP.ask("/api/tasks/quick", port: port)?.status == 200)
        #expect(HTTP.ask("/api/tasks/task-1", port: port)?.status == 404)
        #expect(HTTP.ask("/ready", port: port)?.body.contains("the former one is in force") == true)
        try place.write("tasks.yaml", whole)
        try await program.wait("the whole one") { HTTP.ask("/api/tasks/task-20", port: port)?.status == 200 }
        #expect(HTTP.ask("/api/tasks/quick", port: port)?.status == 404)
        program.send(SIGTERM)
        #expect(try await program.ended().status == 0)
    }

    @Test("the file's change is seen by itself within three seconds")
    func watch() async throws {
        let place = try Place(Self.quick)
        let (program, port) = try await place.serve()
        try place.manifest(Self.quick + "\n  added: {uses: command.run, every: 1h, with: {argv: [\"true\"]}}")
        try await program.wait("the new task", within: 60) {
            HTTP.ask("/api/tasks/added", port: port)?.status == 200
        }
        program.send(SIGTERM)
        #expect(try await program.ended().status == 0)
    }

    @Test("without a scheduler it starts nothing, is ready, and takes triggers", arguments: [true, false])
    func noScheduler(byFlag: Bool) async throws {
        let place = try Place("  mark: {uses: command.run, every: 100ms, with: {argv: [sh, -c, \"echo x >> marks\"]}}")
        let (program, port) =
            byFlag
            ? try await place.serve("--no-scheduler")
            : try await place.serve(environment: ["TASK_SCHEDULER_ENABLED": "false"])
        #expect(HTTP.ask("/ready", port: port)?.status == 200)
        #expect(try await place.run("trigger", "mark", "--wait").status == 0)
        #expect(place.text("marks") == "x\n")
        program.send(SIGTERM)
        #expect(try await program.ended().status == 0)
        #expect(try await place.history().map { $0["trigger"]?.string } == ["manual"])
    }

    @Test("admin routes want the token of the environment")
    func token() async throws {
        let place = try Place(Self.quick)
        let (program, port) = try await place.serve(
            "--no-scheduler", environment: ["INSIGHTS_ADMIN_TOKEN": "sixteen-letters!"])
        #expect(HTTP.ask("/admin/tasks/quick/run", method: "POST", port: port)?.status == 401)
        #expect(
            HTTP.ask("/admin/tasks/quick/run", method: "POST", port: port, token: "sixteen-letters!")?.status == 202)
        try await program.wait("the run") { try await !place.history("--status", "succeeded").isEmpty }
        program.send(SIGTERM)
        let ended = try await program.ended()
        #expect(ended.status == 0)
        #expect(!ended.complaints.contains("sixteen-letters!"))
    }

    @Test("a reader of its log that has gone does not end it")
    func brokenPipe() async throws {
        let place = try Place("  say: {uses: command.run, every: 100ms, with: {argv: [echo, x]}}")
        let shell = "'\(Program.path)' serve --no-http 2>&1 | head -n 1"
        let program = try Program(["sh", "-c", shell], in: place.path)
        try await program.wait("runs after the reader has gone") {
            try await place.history("--status", "succeeded").count > 5
        }
        let line = try Value(json: program.output.utf8)
        #expect(line["fields"]?["tasks"] == 1)
        kill(try #require(line["fields"]?["pid"]?.integer.flatMap { pid_t(exactly: $0) }), SIGTERM)
        #expect(try await program.ended().status == 0)
    }

    @Test("HOST and PORT are in effect, and the flags win")
    func variables() async throws {
        let place = try Place()
        let taken = try HTTP.TakenPort()
        let environment = ["HOST": "127.0.0.2", "PORT": "\(taken.port)"]
        let (onHost, _) = try await place.serve(environment: environment)
        #expect(onHost.complaints.contains("ready: http://127.0.0.2:"))
        onHost.send(SIGTERM)
        #expect(try await onHost.ended().status == 0)
        let onPort = try await place.run("serve", "--host", "127.0.0.1", environment: environment)
        #expect(onPort.status == 69)
        #expect(onPort.complaints.contains("\(taken.port)"))
        let (onFlags, _) = try await place.serve("--host", "127.0.0.1", environment: environment)
        #expect(onFlags.complaints.contains("ready: http://127.0.0.1:"))
        onFlags.send(SIGTERM)
        #expect(try await onFlags.ended().status == 0)
    }

    @Test("with LOG_FORMAT=json every line is JSON, warnings of the manifest and the error at the start too")
    func jsonLines() async throws {
        let place = try Place(
            "  a: {uses: command.run, enabled: false, with: {argv: [x]}}\n"
                + "  b: {uses: command.run, after: a, with: {argv: [x]}}")
        let taken = try HTTP.TakenPort()
        let ended = try await place.run("serve", "--port", "\(taken.port)", environment: ["LOG_FORMAT": "json"])
        #expect(ended.status == 69)
        let lines = try ended.complaints.split(separator: "\n").map { try Value(json: $0.utf8) }
        #expect(lines.first?["level"] == "warning")
        #expect(lines.first?["fields"]?["code"] == "never-starts")
        #expect(lines.first?["fields"]?["line"] == 4)
        #expect(lines.last?["level"] == "critical")
        #expect(lines.last?["message"]?.string?.contains("\(taken.port)") == true)
    }

    @Test("LOG_FORMAT=text is for people on a pipe, too: every instant in the manifest's zone")
    func textLines() async throws {
        let place = try Place(
            "  bad: {uses: command.run, every: 1h, retry: {attempts: 2, delay: 1h}, with: {argv: [\"false\"]}}",
            top: "timezone: Asia/Tokyo\n")
        let (program, _) = try await place.serve(environment: ["LOG_FORMAT": "text"])
        #expect(program.complaints.contains(" notice  ready: http://127.0.0.1:"))
        try await program.waitForComplaint("attempt failed, another follows: ")
        let line = try #require(program.complaints.split(separator: "\n").first { $0.contains(", another follows") })
        let instant = /[-0-9]{10}T[:0-9]{8}(\.[0-9]{3})?\+09:00/
        #expect(line.prefixMatch(of: instant) != nil)
        #expect(line.split(separator: "retry_at=").last?.prefixMatch(of: instant) != nil)
        program.send(SIGTERM)
        #expect(try await program.ended().complaints.contains("{\"") == false)
    }
}
