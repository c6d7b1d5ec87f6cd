import InsightsEngine
import InsightsPlugin
import InsightsTestWire
import Synchronization
import Testing

@testable import InsightsHTTP

@Suite("What an operator can do")
struct AdminRoutesTests {
    @Test("Running all tasks answers with the runs that follow")
    func runAll() async throws {
        let daemon = ScriptedDaemon()
        try await withServer(daemon: daemon) { server in
            let response = try await server.admin("POST", "/admin/tasks/run")
            #expect(response.status == 202)
            #expect(response.json == ["runs": [["id": .string("\(Samples.runID)"), "task": "activity"]]])
        }
        #expect(daemon.deeds == ["trigger all dependents=true"])
    }

    @Test("With wait the answer is the outcome: 200 when all succeeded, 500 with the runs when not")
    func runAllAndWait() async throws {
        let daemon = ScriptedDaemon()
        try await withServer(daemon: daemon) { server in
            let good = try await server.admin("POST", "/admin/tasks/run?wait=true")
            #expect(good.status == 200)
            #expect(good.json["runs"]?.array?.first?["status"] == "succeeded")
            daemon.change { $0.outcomes = [Samples.succeeded, Samples.failed] }
            let bad = try await server.admin("POST", "/admin/tasks/run?wait=true")
            #expect(bad.status == 500)
            #expect(bad.problem == "runs-failed")
            #expect(bad.json["runs"]?.array?.count == 2)
        }
        #expect(daemon.deeds.filter { $0 == "outcomes 1" }.count == 2)
    }

    @Test("One task runs without its dependents, and the answer says where its run is")
    func runOne() async throws {
        let daemon = ScriptedDaemon()
        try await withServer(daemon: daemon) { server in
            let response = try await server.admin("POST", "/admin/tasks/activity/run")
            #expect(response.status == 202)
            #expect(response["location"] == "/api/runs/\(Samples.runID)")
        }
        #expect(daemon.deeds == ["trigger activity dependents=false"])
    }

    @Test("A task that is going is refused with the run's id")
    func overlap() async throws {
        let daemon = ScriptedDaemon()
        for answer in [TriggerAnswer.overlaps(Samples.runID), .skipped(Samples.runID, .overlap)] {
            daemon.change { $0.triggers = [TriggerResult(task: "activity", answer: answer)] }
            try await withServer(daemon: daemon) { server in
                let response = try await server.admin("POST", "/admin/tasks/activity/run")
                #expect(response.status == 409)
                #expect(response.problem == "overlap")
                #expect(response.json["run_id"]?.string == "\(Samples.runID)")
            }
        }
    }

    @Test(
        "What the daemon refuses has its own status",
        arguments: [
            (TriggerAnswer.unknownTask, 404, "not-found"), (.stopping, 503, "stopping"),
            (.storeUnavailable, 503, "unavailable"),
        ])
    func refusedTriggers(answer: TriggerAnswer, status: Int, code: String) async throws {
        let daemon = ScriptedDaemon()
        daemon.change { $0.triggers = [TriggerResult(task: "activity", answer: answer)] }
        try await withServer(daemon: daemon) { server in
            let response = try await server.admin("POST", "/admin/tasks/activity/run")
            #expect(response.status == status)
            #expect(response.problem == code)
        }
    }

    @Test(
        "When not all tasks can be started, those that were are told with the refusal", arguments: ["", "?wait=true"])
    func partlyRefused(query: String) async throws {
        let daemon = ScriptedDaemon()
        daemon.change {
            $0.triggers = [
                TriggerResult(task: "activity", answer: .accepted(Samples.runID)),
                TriggerResult(task: "backup", answer: .stopping),
            ]
        }
        try await withServer(daemon: daemon) { server in
            let response = try await server.admin("POST", "/admin/tasks/run" + query)
            #expect(response.status == 503)
            #expect(response.problem == "stopping")
            #expect(response.json["runs"] == [["id": .string("\(Samples.runID)"), "task": "activity"]])
        }
    }

    @Test("A task that a reload has just removed is none of the enabled ones")
    func justRemoved() async throws {
        let daemon = ScriptedDaemon()
        daemon.change { $0.triggers.append(TriggerResult(task: "backup", answer: .unknownTask)) }
        try await withServer(daemon: daemon) { server in
            let response = try await server.admin("POST", "/admin/tasks/run")
            #expect(response.status == 202)
            #expect(response.json == ["runs": [["id": .string("\(Samples.runID)"), "task": "activity"]]])
        }
    }

    @Test("Pausing and resuming are stored; an unknown task is 404")
    func pausing() async throws {
        let daemon = ScriptedDaemon()
        try await withServer(daemon: daemon) { server in
            let paused = try await server.admin("POST", "/admin/tasks/backup/pause")
            #expect(paused.status == 200)
            #expect(paused.json == ["name": "backup", "paused": true])
            let resumed = try await server.admin("POST", "/admin/tasks/backup/resume")
            #expect(resumed.json == ["name": "backup", "paused": false])
            let unknown = try await server.admin("POST", "/admin/tasks/none/pause")
            #expect(unknown.status == 404)
        }
        #expect(daemon.deeds == ["pause backup", "resume backup"])
    }

    @Test("A run is cancelled, unless it has ended or there is none")
    func cancel() async throws {
        let daemon = ScriptedDaemon()
        try await withServer(daemon: daemon) { server in
            let target = "/admin/runs/\(Samples.runID)/cancel"
            #expect(try await server.admin("POST", target).status == 202)
            daemon.change { $0.cancel = .finished(Samples.failed) }
            let finished = try await server.admin("POST", target)
            #expect(finished.status == 409)
            #expect(finished.problem == "run-finished")
            daemon.change { $0.cancel = .unknownRun }
            #expect(try await server.admin("POST", target).status == 404)
            #expect(try await server.admin("POST", "/admin/runs/7/cancel").status == 400)
        }
    }

    @Test("A reload tells its warnings, and of a bad manifest every diagnostic")
    func reload() async throws {
        let daemon = ScriptedDaemon()
        try await withServer(daemon: daemon) { server in
            let good = try await server.admin("POST", "/admin/reload")
            #expect(good.status == 200)
            #expect(good.json == ["warnings": []])
            daemon.change { $0.reload = .invalid([Samples.diagnostic]) }
            let bad = try await server.admin("POST", "/admin/reload")
            #expect(bad.status == 422)
            #expect(bad.problem == "invalid-manifest")
            #expect(bad.json["diagnostics"] == [Samples.diagnostic.json])
        }
    }

    @Test("A query that the route does not have is refused before anything is done")
    func unknownQuery() async throws {
        let daemon = ScriptedDaemon()
        try await withServer(daemon: daemon) { server in
            for target in ["/admin/tasks/run?wait=yes", "/admin/tasks/run?x=1", "/admin/tasks/activity/run?wait=true"] {
                let response = try await server.admin("POST", target)
                #expect(response.status == 400)
            }
        }
        #expect(daemon.deeds == [])
    }

    @Test("A client that leaves while it waits ends the wait")
    func clientLeaves() async throws {
        let daemon = ScriptedDaemon()
        let gate = Gate()
        daemon.change { $0.gate = gate }
        try await withServer(daemon: daemon) { server in
            do {
                let wire = try server.connect()
                try wire.write(
                    "POST /admin/tasks/run?wait=true HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(TestServer.token)\r\n\r\n"
                )
                await gate.somebodyWaits()
            }
            // The daemon takes note of the cancellation; the next request is the event to wait for it by.
            while !daemon.deeds.contains("outcomes cancelled") { _ = try await server.get("/health") }
        }
    }

    @Test("A wait outlives the deadline of ordinary requests")
    func patience() async throws {
        let daemon = ScriptedDaemon()
        let gate = Gate()
        daemon.change { $0.gate = gate }
        var limits = HTTPLimits()
        limits.request = .seconds(2)
        try await withServer(daemon: daemon, limits: limits) { server in
            async let answer = server.admin("POST", "/admin/tasks/run?wait=true")
            await gate.somebodyWaits()
            // A request that never comes to its end is cut by the same deadline: once it is, the wait has outlived it.
            try await offPool {
                let late = try server.connect()
                try late.write("POST /admin/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n")
                try late.write("Authorization: Bearer \(TestServer.token)\r\n\r\n")
                #expect(try late.response().status == 408)
            }
            gate.open()
            #expect(try await answer.status == 200)
        }
    }
}
