import Glibc
import InsightsPlugin
import Testing

@Suite("Commands beside a running serve", .crowded)
struct ControlTests {
    static let tasks = """
          quick: {uses: command.run, every: 1h, with: {argv: ["true"]}}
          bad: {uses: command.run, enabled: false, with: {argv: ["false"]}}
          held: {uses: command.run, enabled: false, with: {argv: [sh, -c, "\(Place.hold); echo done"]}}
          follower: {uses: command.run, after: quick, with: {argv: ["true"]}}
        """

    /// A `serve` that starts nothing by itself.
    private func serving(_ tasks: String = tasks) async throws -> (place: Place, program: Program, port: UInt16) {
        let place = try Place(tasks)
        let (program, port) = try await place.serve("--no-scheduler")
        return (place, program, port)
    }

    /// Has a run going until there is a file `go`.
    ///
    /// - Returns: Its id.
    private func startHeld(_ place: Place, _ program: Program) async throws -> String {
        let id = String(try await place.run("trigger", "held").output.prefix(36))
        try await program.waitForRun(in: place, of: "held")
        return id
    }

    private func stop(_ program: Program) async throws {
        program.send(SIGTERM)
        #expect(try await program.ended().status == 0)
    }

    @Test("without one, trigger is 69 and makes no database")
    func noServe() async throws {
        let place = try Place(Self.tasks)
        let ended = try await place.run("trigger", "quick")
        #expect(ended.status == 69)
        #expect(ended.complaints.contains("no `insights serve` runs on sqlite:insights.db"))
        #expect(!place.exists("insights.db"))
        #expect(try await place.run("run", "quick").status == 0)
        #expect(try await place.run("trigger", "quick").status == 69)
    }

    @Test("trigger tells the run's id; with --wait its end, by the exit status too")
    func trigger() async throws {
        let (place, program, _) = try await serving()
        let ended = try await place.run("trigger", "quick")
        #expect(ended.status == 0)
        let id = String(ended.output.prefix(36))
        #expect(ended.output == "\(id)\tquick\n")
        try await program.wait("the run's end") {
            try await place.history("quick").contains { $0["id"]?.string == id && $0["status"] == "succeeded" }
        }
        let good = try await place.run("trigger", "quick", "--wait", "--json")
        #expect(good.status == 0)
        #expect(try good.json.array?.first?["status"] == "succeeded")
        #expect(try good.json.array?.first?["trigger"] == "manual")
        let bad = try await place.run("trigger", "bad", "quick", "--wait")
        #expect(bad.status == 1)
        #expect(bad.lines.map { $0.split(separator: "\t")[1] } == ["failed", "succeeded"])
        #expect(try await place.history("follower").isEmpty)
        try await stop(program)
    }

    @Test("with --dependents what comes after follows")
    func dependents() async throws {
        let (place, program, _) = try await serving()
        #expect(try await place.run("trigger", "quick", "--dependents", "--wait").status == 0)
        try await program.wait("the follower") {
            try await place.history("follower", "--status", "succeeded").count == 1
        }
        try await stop(program)
    }

    @Test("what overlap refuses is told with the run that is going, and ends with 1")
    func overlap() async throws {
        let (place, program, _) = try await serving()
        let id = try await startHeld(place, program)
        let refused = try await place.run("trigger", "held")
        #expect(refused.status == 1)
        #expect(refused.complaints.contains("run \(id) is still going"))
        let together = try await place.run("trigger", "held", "quick", "--wait")
        #expect(together.status == 1)
        #expect(together.lines.map { $0.split(separator: "\t")[1] } == ["skipped", "succeeded"])
        try place.write("go", "")
        try await stop(program)
    }

    @Test("run hands its work over, says so, waits, and ends as the runs do")
    func handover() async throws {
        let (place, program, _) = try await serving()
        let good = try await place.run("run", "quick", "--json")
        #expect(good.status == 0)
        #expect(good.complaints.contains("`insights serve` (process \(program.pid))"))
        #expect(good.complaints.contains("handed over"))
        #expect(try good.json.array?.first?["status"] == "succeeded")
        let node = try good.json.array?.first?["node"]?.string
        #expect(node?.contains("-\(program.pid)-") == true)
        #expect(try await place.run("run", "bad").status == 1)
        try await stop(program)
    }

    @Test("a run beside a serve that is stopping waits for its end and then runs by itself")
    func stopping() async throws {
        let (place, program, port) = try await serving()
        _ = try await startHeld(place, program)
        program.send(SIGTERM)
        try await program.wait("/ready to turn 503") { HTTP.ask("/ready", port: port)?.status == 503 }
        let run = try place.start("run", "quick")
        try await run.waitForComplaint("waiting for `insights serve`, which is stopping,")
        try place.write("go", "")
        #expect(try await program.ended().status == 0)
        #expect(try await run.ended().status == 0)
        #expect(try await place.history("quick", "--status", "succeeded").count == 1)
    }

    @Test("what a serve that went away did not answer is withdrawn: the next one does not do it")
    func withdrawn() async throws {
        let (place, program, _) = try await serving()
        program.send(SIGSTOP)
        let asking = try place.start("trigger", "quick")
        // Until it has asked; there is nothing to see of it.
        try await Task.sleep(for: .milliseconds(500))
        program.send(SIGKILL)
        _ = try await program.ended()
        let ended = try await asking.ended()
        #expect(ended.status == 69)
        let (next, _) = try await place.serve("--no-scheduler")
        #expect(try await place.run("trigger", "bad", "--wait").status == 1)
        #expect(try await place.history("quick").isEmpty)
        try await stop(next)
    }

    @Test("a run that was handed over is cancelled by Ctrl-C")
    func handoverInterrupted() async throws {
        let (place, program, _) = try await serving()
        let run = try place.start("run", "held")
        try await run.waitForRun(in: place, of: "held")
        run.send(SIGINT)
        #expect(try await run.ended().status == 130)
        #expect(try await place.history("held")[0]["status"] == "cancelled")
        try await stop(program)
    }

    @Test("cancel ends a run and tells its state; an ended one stays as it is; an unknown one is 64")
    func cancel() async throws {
        let (place, program, _) = try await serving()
        let id = try await startHeld(place, program)
        let ended = try await place.run("cancel", id)
        #expect(ended.status == 0)
        #expect(ended.output == "\(id) (held) cancelled\n")
        let again = try await place.run("cancel", id)
        #expect(again.status == 0)
        #expect(again.output.contains("has its end already: cancelled"))
        let json = try await place.run("cancel", id, "--json")
        #expect(try json.json["id"] == .string(id))
        #expect(try json.json["status"] == "cancelled")
        let unknown = try await place.run("cancel", "01890a5d-ac96-774b-bcce-b302099a8057")
        #expect(unknown.status == 64)
        #expect(unknown.complaints.contains("there is no run 01890a5d-ac96-774b-bcce-b302099a8057"))
        try await stop(program)
    }

    @Test("logs --follow prints as the run goes and ends with it")
    func follow() async throws {
        let (place, program, _) = try await serving(
            """
              talk:
                uses: command.run
                enabled: false
                retry: {attempts: 2, delay: 10ms}
                with: {argv: [sh, -c, "mkdir first && echo one && exit 1; \(Place.hold); echo two"]}
            """)
        let id = String(try await place.run("trigger", "talk").output.prefix(36))
        let logs = try place.start("logs", id, "--follow", "--json")
        try await logs.wait("the first line") { logs.output.contains("\"one\"") }
        #expect(!logs.output.contains("\"two\""))
        try place.write("go", "")
        let ended = try await logs.ended()
        #expect(ended.status == 0)
        let lines = try ended.lines.map { try Value(json: $0.utf8) }
        #expect(lines.compactMap { $0["message"]?.string }.filter { ["one", "two"].contains($0) } == ["one", "two"])
        #expect(lines[0].object?.keys == ["at", "level", "message", "fields"])
        let plain = try await place.run("logs", id)
        #expect(
            plain.lines.map { $0.split(separator: "\t")[2] }.filter { ["one", "two"].contains($0) } == ["one", "two"])
        let unknown = try await place.run("logs", "01890a5d-ac96-774b-bcce-b302099a8057")
        #expect(unknown.status == 64)
        try await stop(program)
    }

    @Test("a pause is known to serve at once, survives its restart, and ends with resume")
    func pause() async throws {
        let place = try Place("  often: {uses: command.run, every: 100ms, with: {argv: [\"true\"]}}")
        let (program, port) = try await place.serve()
        #expect(try await place.run("pause", "often").output == "often paused\n")
        #expect(HTTP.ask("/api/tasks/often", port: port)?.body.contains("\"paused\":true") == true)
        try await program.wait("skipped occurrences") {
            try await place.history("--status", "skipped").contains { $0["reason"] == "paused" }
        }
        program.send(SIGTERM)
        #expect(try await program.ended().status == 0)
        let count = try await place.history("--status", "succeeded").count
        let (next, _) = try await place.serve()
        let skipped = try await place.history("--status", "skipped").reduce(0) { $0 + ($1["count"]?.integer ?? 0) }
        try await next.wait("more skipped ones") {
            try await place.history("--status", "skipped").reduce(0) { $0 + ($1["count"]?.integer ?? 0) } > skipped
        }
        #expect(try await place.history("--status", "succeeded").count == count)
        #expect(try await place.run("resume", "often").output == "often resumed\n")
        try await next.wait("runs again") { try await place.history("--status", "succeeded").count > count }
        #expect(try await place.run("resume", "often").output == "often was not changed: already resumed\n")
        next.send(SIGTERM)
        #expect(try await next.ended().status == 0)
    }

    @Test("a broken manifest beside a running serve keeps nobody from pausing a task, and is told")
    func pauseByStore() async throws {
        let place = try Place(ServeTests.quick)
        let (program, port) = try await place.serve()
        try place.write("tasks.yaml", "version: 1\ntasks: {")
        let paused = try await place.run("pause", "quick")
        #expect(paused.status == 0)
        #expect(paused.output == "quick paused\n")
        #expect(paused.complaints.contains("warning: tasks.yaml has errors"))
        #expect(HTTP.ask("/api/tasks/quick", port: port)?.body.contains("\"paused\":true") == true)
        let unknown = try await place.run("resume", "quack")
        #expect(unknown.status == 64)
        #expect(unknown.complaints.contains("did you mean \"quick\"?"))
        program.send(SIGTERM)
        _ = try await program.ended()
        // Where nothing is stored, the manifest is all there is.
        let bare = try Place()
        try bare.write("tasks.yaml", "version: 1\ntasks: {")
        #expect(try await bare.run("pause", "quick").status == 78)
    }

    @Test("pause and resume tell programs what they did")
    func pauseJSON() async throws {
        let place = try Place(Self.tasks)
        let paused = try await place.run("pause", "quick", "held", "--json")
        #expect(try paused.json == [["task": "quick", "paused": true], ["task": "held", "paused": true]])
        #expect(try await place.run("resume", "quick", "--json").json == [["task": "quick", "paused": false]])
        let list = try await place.run("list").lines
        #expect(list.contains { $0.hasPrefix("held\tcommand.run\t") && $0.contains("\tno, paused\t") })
    }

    @Test("a run beside a serve that refuses it by overlap says so and ends with 1")
    func refusedHandover() async throws {
        let (place, program, _) = try await serving()
        let id = try await startHeld(place, program)
        let refused = try await place.run("run", "held")
        #expect(refused.status == 1)
        #expect(refused.complaints.contains("run \(id) is still going"))
        #expect(!refused.complaints.contains("handed over"))
        try place.write("go", "")
        try await stop(program)
    }

    @Test(
        "a signal ends the waiting, not the run", arguments: [(SIGINT, 130), (SIGTERM, 143)] as [(Int32, Int32)])
    func waitInterrupted(signal: Int32, status: Int32) async throws {
        let (place, program, _) = try await serving()
        let waiting = try place.start("trigger", "held", "--wait")
        try await program.waitForRun(in: place, of: "held")
        let id = try #require(try await place.history("held")[0]["id"]?.string)
        let logs = try place.start("logs", id, "--follow")
        waiting.send(signal)
        #expect(try await waiting.ended(within: 60).status == status)
        logs.send(signal)
        #expect(try await logs.ended(within: 60).status == status)
        #expect(try await place.history("held")[0]["status"] == "running")
        try place.write("go", "")
        try await stop(program)
    }

    @Test("a pause is stored also before any process has seen the task")
    func pauseFirst() async throws {
        let place = try Place(Self.tasks)
        #expect(try await place.run("pause", "quick").status == 0)
        let listed = try #require(try await place.run("list", "--json").json.array)
        #expect(listed.first { $0["name"] == "quick" }?["paused"] == true)
        #expect(listed.first { $0["name"] == "held" }?["paused"] == false)
        #expect(try await place.run("run", "quick").status == 0)
    }
}
