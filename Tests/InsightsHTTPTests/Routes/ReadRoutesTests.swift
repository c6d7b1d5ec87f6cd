import InsightsEngine
import InsightsPlugin
import InsightsTestWire
import Testing

@testable import InsightsHTTP

@Suite("What can be read")
struct ReadRoutesTests {
    @Test(
        "Every route answers with its shape",
        arguments: [
            ("/health", "status"), ("/ready", "status,checks"), ("/api/tasks", "tasks"),
            ("/api/tasks/activity", "name,uses,description,enabled,paused,cadence,next_run,last_run,at_risk"),
            ("/api/tasks/activity/next", "occurrences"), ("/api/runs", "runs,next_cursor"),
            (
                "/api/runs/\(Samples.runID)",
                "id,task,uses,trigger,scheduled_at,started_at,finished_at,status,reason,attempt,attempts,node,"
                    + "duration_seconds,lateness_seconds,samples,summary,count,until,error"
            ), ("/api/subjects", "subjects,next_cursor,total"),
            ("/api/subjects/7", "id,kind,key,name,url,parent,state,aliases,external_id,values,events"),
            (
                "/api/series?subject=7&metric=commits", "subject,metric,unit,shape,additive,points,gaps,sum"
            ), ("/api/nodes", "nodes"), ("/openapi.json", "openapi,info,servers,paths,components"),
        ])
    func shapes(target: String, keys: String) async throws {
        try await withServer { server in
            let response = try await server.get(target)
            #expect(response.status == 200)
            #expect(response["content-type"] == "application/json")
            #expect(response["x-request-id"]?.count == 32)
            let object = try #require(response.json.object)
            #expect(Set(object.keys) == Set(keys.split(separator: ",").map(String.init)))
        }
    }

    @Test("HEAD answers as GET does, without the body", arguments: ["/health", "/api/runs", "/metrics", "/nothing"])
    func head(target: String) async throws {
        try await withServer { server in
            let get = try await server.get(target)
            let head = try await server.send("HEAD", target)
            #expect(head.status == get.status)
            #expect(head["content-type"] == get["content-type"])
            #expect(head.body.isEmpty)
            if target == "/api/runs" { #expect(head["content-length"] == get["content-length"]) }
        }
    }

    @Test("The log is JSON lines, and what is in it is UTF-8")
    func log() async throws {
        try await withServer { server in
            let response = try await server.get("/api/runs/\(Samples.runID)/log")
            #expect(response["content-type"] == "application/x-ndjson")
            let expected = Samples.noon.description
            #expect(
                response.text
                    == #"{"at":"\#(expected)","level":"info","message":"read\n\#u{FFFD} 3 commits","fields":{"commits":3}}"#
                    + "\n")
        }
    }

    @Test("Pages of runs join at their cursors without a gap or a double")
    func pages() async throws {
        try await withServer { server in
            var ids: [String] = []
            var cursor: String?
            repeat {
                let target = "/api/runs?limit=2" + (cursor.map { "&cursor=\($0)" } ?? "")
                let json = try await server.get(target).json
                ids += json["runs"]?.array?.compactMap { $0["id"]?.string } ?? []
                cursor = json["next_cursor"]?.string
            } while cursor != nil
            #expect(ids == [Samples.succeeded, Samples.failed, Samples.running].map(\.id.description))
        }
    }

    @Test("Filters reach the store")
    func filters() async throws {
        try await withServer { server in
            let failed = try await server.get("/api/runs?status=failed&task=activity").json
            #expect(failed["runs"]?.array?.count == 1)
            // An offset whose + was not encoded arrives as a space and still means what it says.
            let since = try await server.get("/api/runs?since=2026-01-04T12:30:00+01:00").json
            #expect(since["runs"]?.array?.count == 1)
            let next = try await server.get("/api/tasks/activity/next?count=3").json
            #expect(next["occurrences"]?.array?.count == 3)
        }
    }

    @Test("One subject carries what became of it, with dates; in the list it does not")
    func events() async throws {
        try await withServer { server in
            let at = Value(Samples.noon)
            let one = try await server.get("/api/subjects/7")
            #expect(
                one.json["events"] == [
                    ["at": at, "event": "renamed", "former_key": "github/apple/old"],
                    ["at": at, "event": "archived", "former_key": .null],
                ])
            let list = try await server.get("/api/subjects")
            let listed = try #require(list.json["subjects"]?.array?.first)
            #expect(listed["events"] == nil && listed["values"] != nil)
        }
    }

    @Test("A subject carries its latest values, a ranking as a list")
    func values() async throws {
        try await withServer { server in
            let values = try await server.get("/api/subjects/7").json["values"]?.array
            #expect(values?.first?["value"] == 12_345)
            #expect(values?.last?["value"] == [["label": "news.example", "value": 9]])
            #expect(values?.last?["of"] == 3)
            #expect(values?.first?["subject"] == nil)
        }
    }

    @Test("Health is 503 when the loop does not tick, ready when a check fails")
    func unwell() async throws {
        let daemon = ScriptedDaemon()
        daemon.change {
            $0.isAlive = false
            $0.readiness.store = Readiness.Check(isOK: false, detail: "disk full")
        }
        try await withServer(daemon: daemon) { server in
            let health = try await server.get("/health")
            #expect(health.status == 503)
            #expect(health.problem == "unavailable")
            let ready = try await server.get("/ready")
            #expect(ready.status == 503)
            #expect(
                ready.json
                    == [
                        "status": "not_ready",
                        "checks": ["store": "disk full", "scheduler": "ok", "manifest": "ok"],
                    ])
        }
    }

    @Test(
        "A store's trouble is the problem it is to a client",
        arguments: [
            (StoreError.Kind.unavailable, 503, "unavailable"), (.damaged, 500, "store"), (.schemaTooNew, 500, "store"),
        ])
    func storeErrors(kind: StoreError.Kind, status: Int, code: String) async throws {
        let daemon = ScriptedDaemon()
        daemon.store.change { $0.error = StoreError(kind, "it is broken", help: "mend it") }
        try await withServer(daemon: daemon) { server in
            for target in ["/api/tasks", "/api/runs", "/api/subjects", "/api/series?subject=1&metric=a"] {
                let response = try await server.get(target)
                #expect(response.status == status)
                #expect(response.problem == code)
                #expect(response.json["detail"] == "it is broken; mend it")
            }
            // Neither asks the store.
            #expect(try await server.get("/health").status == 200)
            #expect(try await server.get("/metrics").status == 200)
        }
    }

    @Test("A client's sane request id is kept, any other replaced")
    func requestIDs() async throws {
        try await withServer { server in
            let kept = try await server.get("/health", headers: ["X-Request-ID: abc-1.2_3"])
            #expect(kept["x-request-id"] == "abc-1.2_3")
            for bad in ["a b", "", String(repeating: "x", count: 65), "a;b"] {
                let id = try await server.get("/nothing", headers: ["X-Request-ID: \(bad)"])["x-request-id"]
                #expect(id?.count == 32)
            }
        }
    }

    @Test("Every answer carries a date, forbids sniffing and is not stored")
    func commonFields() async throws {
        try await withServer { server in
            let response = try await server.get("/health")
            #expect(response["date"] == "Sun, 04 Jan 2026 12:00:00 GMT")
            #expect(response["x-content-type-options"] == "nosniff")
            #expect(response["cache-control"] == "no-store")
        }
    }

    @Test("Reading changes nothing")
    func readingIsHarmless() async throws {
        let daemon = ScriptedDaemon()
        try await withServer(daemon: daemon) { server in
            for route in Routes.all where route.method == .get {
                let target = route.template.replacing("{name}", with: "activity")
                    .replacing("/runs/{id}", with: "/runs/\(Samples.runID)").replacing("{id}", with: "7")
                _ = try await server.get(target)
            }
            for target in ["/admin/tasks/run", "/admin/reload", "/admin/tasks/activity/pause"] {
                #expect(try await server.admin("GET", target).status == 405)
            }
        }
        #expect(daemon.deeds == [])
    }
}
