import Glibc
import InsightsPlugin
import Testing

@Suite("insights run", .crowded)
struct RunTests {
    static let tasks = """
          first: {uses: command.run, every: 1h, with: {argv: [sh, -c, "echo first >> order"]}}
          second: {uses: command.run, after: first, with: {argv: [sh, -c, "echo second >> order"]}}
          third: {uses: command.run, after: second, with: {argv: [sh, -c, "echo third >> order"]}}
          off: {uses: command.run, enabled: false, with: {argv: [sh, -c, "echo off >> order"]}}
          bad: {uses: command.run, every: 1h, enabled: false, with: {argv: [sh, -c, "echo no; exit 3"]}}
        """

    @Test("runs every enabled task in the order of `after`, and no disabled one", arguments: ["run", "run-tasks"])
    func everything(command: String) async throws {
        let place = try Place(Self.tasks)
        let ended = try await place.run(command)
        #expect(ended.status == 0, "\(ended.complaints)")
        #expect(place.text("order") == "first\nsecond\nthird\n")
        #expect(ended.lines.count == 3)
        for line in ended.lines {
            let fields = line.split(separator: "\t", omittingEmptySubsequences: false)
            #expect(fields.count == 5)
            #expect(fields[1] == "succeeded")
            #expect(Double(fields[2]) != nil)
        }
        #expect(try await place.history().count == 3)
    }

    @Test("runs the named tasks and no others, disabled or not, each once")
    func named() async throws {
        let place = try Place(Self.tasks)
        let ended = try await place.run("run", "off", "first", "off")
        #expect(ended.status == 0)
        #expect(Set(place.text("order").split(separator: "\n")) == ["off", "first"])
        #expect(try await place.history().count == 2)
    }

    @Test("--json is the runs by the contract's names, and nothing else is on standard output")
    func json() async throws {
        let place = try Place(Self.tasks)
        let ended = try await place.run("run", "first", "second", "--json")
        let runs = try #require(try ended.json.array)
        #expect(runs.map { $0["task"]?.string } == ["first", "second"])
        for run in runs {
            #expect(
                run.object?.keys == [
                    "id", "task", "uses", "trigger", "scheduled_at", "started_at", "finished_at", "status", "reason",
                    "attempt", "attempts", "node", "duration_seconds", "lateness_seconds", "samples", "summary",
                    "count", "until", "error",
                ])
            #expect(run["trigger"] == "manual")
            #expect(run["status"] == "succeeded")
            #expect(run["attempt"] == 1)
        }
    }

    @Test("ends with 1 when a task did not succeed, and says why")
    func failure() async throws {
        let place = try Place(Self.tasks)
        let ended = try await place.run("run", "first", "bad")
        #expect(ended.status == 1)
        #expect(ended.lines.contains { $0.hasPrefix("bad\tfailed\t") && $0.contains("exited with 3") })
        #expect(ended.lines.contains { $0.hasPrefix("first\tsucceeded\t") })
        #expect(ended.complaints.contains("\"task\":\"bad\""))
    }

    @Test("by hand the cadence does not move")
    func cadence() async throws {
        let place = try Place(
            "  grid: {uses: command.run, every: 1h, starting: 2030-01-01T00:00:00Z, with: {argv: [\"true\"]}}")
        let before = try await place.run("next", "--count", "2").output
        #expect(try await place.run("run").status == 0)
        #expect(try await place.run("next", "--count", "2").output == before)
    }

    @Test("with nothing enabled there is nothing to run, and that is well")
    func nothing() async throws {
        let place = try Place("  off: {uses: command.run, enabled: false, with: {argv: [x]}}")
        let ended = try await place.run("run", "--json")
        #expect(ended.status == 0)
        #expect(try ended.json == [])
        #expect(ended.complaints.contains("nothing to run"))
    }

    /// A place with another task, in which `insights run` goes on until there is a file `go`.
    private func holding(_ other: String) async throws -> (place: Place, first: Program) {
        let place = try Place(
            "  a: {uses: command.run, every: 1h, with: {argv: [sh, -c, \"\(Place.hold)\"]}}\n" + other)
        let first = try place.start("run", "a")
        try await first.waitForRun(in: place)
        return (place, first)
    }

    /// An `insights run` that waits for another to end.
    private func waiting(_ task: String, for other: Program, in place: Place) async throws -> Program {
        let program = try place.start("run", task)
        try await program.waitForComplaint("waiting for another `insights run` (process \(other.pid))")
        return program
    }

    @Test("a second run waits for the first: neither is lost")
    func two() async throws {
        let (place, first) = try await holding("  b: {uses: command.run, every: 1h, with: {argv: [\"true\"]}}")
        let second = try await waiting("b", for: first, in: place)
        try place.write("go", "")
        #expect(try await first.ended().status == 0)
        #expect(try await second.ended().status == 0)
        #expect(try await place.history("--status", "succeeded").count == 2)
    }

    @Test(
        "a signal cancels what runs and ends with its number, a second one at once",
        arguments: [(SIGINT, 130), (SIGTERM, 143)] as [(Int32, Int32)])
    func signals(signal: Int32, status: Int32) async throws {
        let place = try Place("  long: {uses: command.run, every: 1h, with: {argv: [sleep, \"60\"]}}")
        let program = try place.start("run", "--json")
        try await program.waitForRun(in: place)
        program.send(signal)
        let ended = try await program.ended()
        #expect(ended.status == status)
        let run = try #require(try await place.history().first)
        #expect(run["status"] == "cancelled")
        #expect(try ended.json.array?.first?["status"] == "cancelled")

        // A program that will not stop when it is told to.
        try place.manifest(
            "  stubborn: {uses: command.run, every: 1h, with: {argv: [sh, -c, \"trap '' TERM; sleep 30 & wait; wait\"]}}"
        )
        let hanging = try place.start("run")
        try await hanging.waitForRun(in: place)
        hanging.send(signal)
        try await Task.sleep(for: .milliseconds(100))
        hanging.send(signal)
        #expect(try await hanging.ended().status == status)
        // After five seconds the program would have been ended, and its run told as cancelled.
        #expect(try await place.history("stubborn")[0]["status"] == "running")
    }

    @Test("who has the place and is not known yet is waited for, and nothing is left behind")
    func unknownHolder() async throws {
        let place = try Place(
            "  quick: {uses: command.run, every: 1h, with: {argv: [sh, -c, \"echo ran >> ran\"]}}")
        #expect(try await place.run("run").status == 0)
        let lock = try HeldLock(place)
        let triggered = try await place.run("trigger", "quick")
        #expect(triggered.status == 69)
        #expect(triggered.complaints.contains("left no word of itself"))
        let paused = try await place.run("pause", "quick")
        #expect(paused.status == 0)
        #expect(try await place.run("resume", "quick").status == 0)
        let waiting = try place.start("run")
        try await waiting.waitForComplaint("waiting for another process to end")
        lock.giveBack()
        #expect(try await waiting.ended().status == 0)
        let (program, _) = try await place.serve("--no-scheduler")
        program.send(SIGTERM)
        #expect(try await program.ended().status == 0)
        #expect(place.text("ran") == "ran\nran\n")
    }

    @Test("a signal ends the waiting for another run, and cancels what runs after it")
    func waitingSignals() async throws {
        let (place, first) = try await holding("  long: {uses: command.run, every: 1h, with: {argv: [sleep, \"60\"]}}")
        let second = try await waiting("long", for: first, in: place)
        let third = try await waiting("long", for: first, in: place)
        second.send(SIGINT)
        #expect(try await second.ended().status == 130)
        #expect(try await place.history("long").isEmpty)
        try place.write("go", "")
        #expect(try await first.ended().status == 0)
        try await third.waitForRun(in: place, of: "long")
        third.send(SIGTERM)
        #expect(try await third.ended().status == 143)
        #expect(try await place.history("long")[0]["status"] == "cancelled")
    }

    @Test("when the terminal goes, what runs is cancelled; nohup keeps it running")
    func hangup() async throws {
        let place = try Place(
            "  held: {uses: command.run, every: 1h, with: {argv: [sh, -c, \"\(Place.hold)\"]}}")
        let program = try place.start("run")
        try await program.waitForRun(in: place)
        program.send(SIGHUP)
        #expect(try await program.ended().status == 129)
        #expect(try await place.history()[0]["status"] == "cancelled")
        let kept = try Program(["nohup", Program.path, "run"], in: place.path)
        try await kept.waitForRun(in: place)
        kept.send(SIGHUP)
        try place.write("go", "")
        #expect(try await kept.ended().status == 0)
    }

    @Test("an output that cannot be written leaves no run half done, and ends with 69")
    func fullOutput() async throws {
        let place = try Place(Self.tasks)
        let ended = try await Program(
            ["sh", "-c", "exec \"$0\" run > /dev/full", Program.path], in: place.path
        ).ended()
        #expect(ended.status == 69)
        #expect(ended.complaints.contains("cannot write standard output"))
        #expect(try await place.history("--status", "succeeded").count == 3)
    }

    @Test("a run's id is a UUIDv7")
    func ids() async throws {
        let place = try Place(Self.tasks)
        #expect(try await place.run("run", "first").status == 0)
        let id = try #require(try await place.history()[0]["id"]?.string)
        #expect(id.wholeMatch(of: /[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/) != nil)
    }

    @Test("a disabled task whose variable is unset fails with its name instead of running without it")
    func unset() async throws {
        let place = try Place(
            "  off: {uses: command.run, enabled: false, retry: 3, with: {argv: [sh, -c, \"${SCRIPT}\"]}}")
        let ended = try await place.run("run", "off", "--json")
        #expect(ended.status == 1)
        let run = try #require(try ended.json.array?.first)
        #expect(run["status"] == "failed")
        #expect(run["attempt"] == 1)
        #expect(run["error"]?["code"] == "unset_variable")
        #expect(run["error"]?["message"]?.string?.contains("\"SCRIPT\"") == true)
        #expect(try await place.run("run", "off", environment: ["SCRIPT": "true"]).status == 0)
    }
}
