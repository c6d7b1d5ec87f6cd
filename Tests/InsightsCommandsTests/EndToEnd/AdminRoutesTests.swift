import Glibc
import InsightsPlugin
import Testing

@Suite("Admin routes of the real program", .crowded)
struct AdminRoutesTests {
    private static let token = "sixteen-letters!"
    static let tasks = """
          quick: {uses: command.run, every: 1h, with: {argv: ["true"]}}
          follower: {uses: command.run, after: quick, with: {argv: ["true"]}}
          held: {uses: command.run, enabled: false, with: {argv: [sh, -c, "until [ -e go ]; do sleep 0.02; done"]}}
        """
    private static let unknownRun = "01890a5d-ac96-774b-bcce-b302099a8057"

    /// A `serve` that starts nothing by itself, and one of its routes after another.
    private func serving(
        _ body: (_ place: Place, _ program: Program, _ post: (String) throws -> HTTP.Answer) async throws -> Void
    ) async throws {
        let place = try Place(Self.tasks)
        let (program, port) = try await place.serve(
            "--no-scheduler", environment: ["INSIGHTS_ADMIN_TOKEN": Self.token])
        try await body(place, program) { target in
            try #require(HTTP.ask(target, method: "POST", port: port, token: Self.token))
        }
        program.send(SIGTERM)
        #expect(try await program.ended().status == 0)
    }

    private func json(_ answer: HTTP.Answer) throws -> Value { try Value(json: answer.body.utf8) }

    @Test("/admin/tasks/run runs every enabled task and what follows, and tells their runs at once")
    func runAll() async throws {
        try await serving { place, program, post in
            let answer = try post("/admin/tasks/run")
            #expect(answer.status == 202)
            let runs = try #require(try json(answer)["runs"]?.array)
            #expect(Set(runs.compactMap { $0["task"]?.string }) == ["quick", "follower"])
            try await program.wait("both ends") { try await place.history("--status", "succeeded").count == 2 }
            let history = try await place.history()
            #expect(Set(history.map { $0["id"] }) == Set(runs.map { $0["id"] }))
            #expect(history.allSatisfy { $0["trigger"] == "manual" })
        }
    }

    @Test("/admin/tasks/run?wait=true answers 200 with the runs when all succeeded, 500 with them when not")
    func runAllAndWait() async throws {
        try await serving { place, _, post in
            let good = try post("/admin/tasks/run?wait=true")
            #expect(good.status == 200)
            let runs = try #require(try json(good)["runs"]?.array)
            #expect(runs.count == 2 && runs.allSatisfy { $0["status"] == "succeeded" })
            #expect(try await place.history().count == 2)
            let bad = "\n  bad: {uses: command.run, retry: {attempts: 1}, every: 1h, with: {argv: [\"false\"]}}"
            try place.manifest(Self.tasks + bad)
            #expect(try post("/admin/reload").status == 200)
            let failed = try post("/admin/tasks/run?wait=true")
            #expect(failed.status == 500)
            #expect(try json(failed)["type"] == "urn:insights:problem:runs-failed")
            let outcomes = try #require(try json(failed)["runs"]?.array).map { run in
                "\(run["task"]?.string ?? "") \(run["status"]?.string ?? "")"
            }
            #expect(outcomes.sorted() == ["bad failed", "follower succeeded", "quick succeeded"])
        }
    }

    @Test("/admin/tasks/{name}/run is 202 with the run, 409 with it by overlap; …/cancel ends it, once")
    func runOneAndCancel() async throws {
        try await serving { place, program, post in
            let started = try post("/admin/tasks/held/run")
            #expect(started.status == 202)
            let runs = try #require(try json(started)["runs"]?.array)
            #expect(runs.map { $0["task"] } == ["held"])
            let id = try #require(runs.first?["id"]?.string)
            try await program.waitForRun(in: place)
            let refused = try post("/admin/tasks/held/run")
            #expect(refused.status == 409)
            #expect(try json(refused)["type"] == "urn:insights:problem:overlap")
            #expect(try json(refused)["run_id"]?.string == id)

            let cancelling = try post("/admin/runs/\(id)/cancel")
            #expect(cancelling.status == 202)
            #expect(try json(cancelling) == ["id": .string(id), "status": "cancelling"])
            try await program.wait("its end") { try await !place.history("--status", "cancelled").isEmpty }
            let again = try post("/admin/runs/\(id)/cancel")
            #expect(again.status == 409)
            #expect(try json(again)["run_id"]?.string == id)
            #expect(try post("/admin/runs/\(Self.unknownRun)/cancel").status == 404)
            #expect(try post("/admin/runs/7/cancel").status == 400)
            #expect(try post("/admin/tasks/none/run").status == 404)
            #expect(try await place.history("held").map { $0["id"]?.string } == [id])
        }
    }

    @Test("…/pause and …/resume are stored, and an unknown task is 404")
    func pausing() async throws {
        try await serving { place, _, post in
            func isPaused() async throws -> Value? {
                try await place.run("list", "--json").json.array?.first { $0["name"] == "quick" }?["paused"]
            }
            let paused = try post("/admin/tasks/quick/pause")
            #expect(paused.status == 200)
            #expect(try json(paused) == ["name": "quick", "paused": true])
            #expect(try await isPaused() == true)
            #expect(try json(try post("/admin/tasks/quick/resume")) == ["name": "quick", "paused": false])
            #expect(try await isPaused() == false)
            #expect(try post("/admin/tasks/none/pause").status == 404)
            #expect(try post("/admin/tasks/none/resume").status == 404)
        }
    }

    @Test("/admin/reload puts a good manifest in force; of a bad one it tells every diagnostic")
    func reload() async throws {
        try await serving { place, _, post in
            try place.manifest(Self.tasks + "\n  added: {uses: command.run, every: 1h, with: {argv: [\"true\"]}}")
            let good = try post("/admin/reload")
            #expect(good.status == 200)
            #expect(try json(good) == ["warnings": []])
            #expect(try post("/admin/tasks/added/run").status == 202)
            try place.manifest(ManifestCommandTests.broken)
            let bad = try post("/admin/reload")
            #expect(bad.status == 422)
            let diagnostics = try #require(try json(bad)["diagnostics"]?.array)
            #expect(diagnostics.map { $0["code"] } == ["unknown-module", "duration"])
            #expect(diagnostics[0]["line"] == 4 && diagnostics[0]["column"] == 11)
            #expect(try post("/admin/tasks/quick/pause").status == 200)
        }
    }

    @Test("without a token, or with a wrong one, each is 401; when none is set, 403; and nothing is done")
    func tokens() async throws {
        let targets = [
            "/admin/tasks/run", "/admin/tasks/quick/run", "/admin/tasks/quick/pause", "/admin/tasks/quick/resume",
            "/admin/runs/\(Self.unknownRun)/cancel", "/admin/reload",
        ]
        for isSet in [true, false] {
            let place = try Place(Self.tasks)
            let (program, port) = try await place.serve(
                "--no-scheduler", environment: isSet ? ["INSIGHTS_ADMIN_TOKEN": Self.token] : [:])
            for target in targets {
                #expect(HTTP.ask(target, method: "POST", port: port)?.status == (isSet ? 401 : 403))
            }
            let wrong = HTTP.ask(targets[0], method: "POST", port: port, token: "some-other-letters")
            #expect(wrong?.status == (isSet ? 401 : 403))
            program.send(SIGTERM)
            #expect(try await program.ended().status == 0)
            #expect(try await place.history().isEmpty)
        }
    }
}
