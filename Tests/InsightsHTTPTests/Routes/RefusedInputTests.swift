import InsightsPlugin
import InsightsTestWire
import Testing

@Suite("What is refused")
struct RefusedInputTests {
    @Test(
        "A bad query names its parameter",
        arguments: [
            ("/health?x=1", "x"), ("/metrics?format=x", "format"), ("/api/tasks?limit=1", "limit"),
            ("/api/tasks/activity?x", "x"), ("/api/tasks/activity/next?count=0", "count"),
            ("/api/tasks/activity/next?count=1001", "count"), ("/api/tasks/activity/next?count=+1", "count"),
            ("/api/tasks/activity/next?count=99999999999999999999", "count"),
            ("/api/tasks/activity/next?count=1&count=2", "count"), ("/api/tasks/Activity", "name"),
            ("/api/tasks/-a/next", "name"), ("/api/tasks/a%00b", "name"), ("/api/runs?limit=0", "limit"),
            ("/api/runs?limit=1001", "limit"), ("/api/runs?limit=", "limit"), ("/api/runs?limit=ten", "limit"),
            ("/api/runs?status=done", "status"), ("/api/runs?status=", "status"),
            ("/api/runs?since=yesterday", "since"),
            ("/api/runs?since=2026-02-30", "since"), ("/api/runs?task=a%20b", "task"), ("/api/runs?cursor=", "cursor"),
            ("/api/runs?cursor=forged", "cursor"), ("/api/runs?tasks=a", "tasks"), ("/api/runs?a=%zz", "a"),
            ("/api/runs?task=%ff", "task"), ("/api/runs?%ff=1", "%ff"), ("/api/runs/7", "id"),
            ("/api/runs/01900000-0000-7000-8000-00000000000g", "id"), ("/api/runs/7/log", "id"),
            ("/api/subjects?parent=x", "parent"), ("/api/subjects?parent=0", "parent"),
            ("/api/subjects?sort=Stars", "sort"), ("/api/subjects?order=up", "order"), ("/api/subjects?kind=", "kind"),
            ("/api/subjects?cursor=x", "cursor"), ("/api/subjects/x", "id"), ("/api/subjects/-1", "id"),
            ("/api/subjects/99999999999999999999", "id"), ("/api/series?metric=commits", "subject"),
            ("/api/series?subject=7", "metric"), ("/api/series?subject=7&metric=a-b", "metric"),
            ("/api/series?subject=7&metric=commits&step=year", "step"),
            ("/api/series?subject=7&metric=commits&from=2026-01-02&to=2026-01-01", "from"),
            ("/api/series?subject=7&metric=commits&to=1", "to"), ("/openapi.json?x=1", "x"),
            ("/api/subjects?q=a%00b", "q"), ("/api/subjects?q=%00", "q"), ("/api/subjects?q=a%0Ab", "q"),
            ("/api/subjects?q=%7F", "q"), ("/api/subjects?q=%C2%9F", "q"), ("/api/subjects?kind=repo%00", "kind"),
            ("/api/subjects?q=" + String(repeating: "e%CC%81", count: 129), "q"), ("/api/runs?cursor=%00", "cursor"),
        ])
    func badParameters(target: String, name: String) async throws {
        try await withServer { server in
            let response = try await server.get(target)
            #expect(response.status == 400)
            #expect(response.problem == "bad-request")
            #expect(response.json["parameter"]?.string == name)
            #expect(response.json["detail"]?.string?.hasPrefix(name + ": ") == true)
        }
    }

    @Test("A parameter without a name is told to have none", arguments: ["/health?=x", "/api/runs?limit=1&="])
    func nameless(target: String) async throws {
        try await withServer { server in
            let response = try await server.get(target)
            #expect(response.status == 400)
            #expect(response.problem == "bad-request")
            #expect(response.json["detail"] == "a parameter's name is missing before =")
        }
    }

    @Test("A cursor is good for the query it came from, and for no other")
    func foreignCursors() async throws {
        let daemon = ScriptedDaemon()
        daemon.store.change { $0.subjects = [Samples.subject, Samples.subject] }
        try await withServer(daemon: daemon) { server in
            func cursor(of target: String) async throws -> String {
                try #require(try await server.get(target).json["next_cursor"]?.string)
            }
            let run = try await cursor(of: "/api/runs?limit=1")
            let task = try await cursor(of: "/api/runs?limit=1&task=activity")
            let subject = try await cursor(of: "/api/subjects?limit=1&sort=commits")
            for good in ["/api/runs?limit=2&cursor=\(run)", "/api/runs?task=activity&cursor=\(task)"] {
                #expect(try await server.get(good).status == 200)
            }
            for bad in [
                "/api/runs?task=activity&cursor=\(run)", "/api/runs?cursor=\(task)", "/api/runs?cursor=\(subject)",
                "/api/runs?status=failed&cursor=\(run)", "/api/runs?since=2026-01-01&cursor=\(run)",
                "/api/subjects?sort=commits&order=desc&cursor=\(subject)", "/api/subjects?cursor=\(subject)",
                "/api/subjects?sort=commits&kind=repository&cursor=\(subject)", "/?cursor=\(subject)",
                "/api/runs?cursor=\(run)x",
            ] {
                let response = try await server.get(bad)
                #expect(response.status == 400, "\(bad)")
                #expect(response.json["parameter"] == "cursor")
            }
        }
    }

    @Test(
        "What is not there is 404",
        arguments: [
            "/nothing", "/api", "/api/", "/api/tasks/", "/api/tasks/none", "/api/tasks/none/next",
            "/api/runs/\(Samples.unknownRun)", "/api/runs/\(Samples.unknownRun)/log", "/api/subjects/8",
            "/api/subjects?parent=8", "/api/series?subject=8&metric=commits", "/api/series?subject=7&metric=stars",
            "/api/events", "/health/", "//health", "/API/tasks", "/api/tasks/activity/next/x", "/.env",
            "/api/../admin/reload",
        ])
    func unknown(target: String) async throws {
        try await withServer { server in
            let response = try await server.get(target)
            #expect(response.status == 404)
            #expect(response.problem == "not-found")
            let path = target.split(separator: "?", omittingEmptySubsequences: false).first.map(String.init)
            #expect(response.json["instance"]?.string == path)
        }
    }

    @Test(
        "A wrong method is 405 and told which are right",
        arguments: [
            ("POST", "/health", "GET, HEAD"), ("PUT", "/api/tasks", "GET, HEAD"), ("DELETE", "/api/runs", "GET, HEAD"),
            ("OPTIONS", "/api/subjects", "GET, HEAD"), ("TRACE", "/metrics", "GET, HEAD"),
            ("PROPFIND", "/api/tasks/activity", "GET, HEAD"), ("PATCH", "/api/runs/\(Samples.runID)", "GET, HEAD"),
        ])
    func wrongMethod(method: String, target: String, allow: String) async throws {
        try await withServer { server in
            let response = try await server.send(method, target)
            #expect(response.status == 405)
            #expect(response.problem == "method-not-allowed")
            #expect(response["allow"] == allow)
        }
    }

    @Test(
        "A target that cannot be read is 400",
        arguments: ["/api/%", "/api/%2", "/api/%zz", "/%ff", "/api/tasks/%C3%28", "*", "health"])
    func badTargets(target: String) async throws {
        try await withServer { server in
            let response = try await server.get(target)
            #expect(response.status == 400)
            #expect(response.problem == "malformed-request")
        }
    }

    @Test("An absolute target and an encoded path mean the same route")
    func sameRoute() async throws {
        try await withServer { server in
            for target in ["http://localhost/health", "/%68ealth", "/api/tasks/activity#x"] {
                let response = try await server.get(target)
                #expect(response.status == 200)
            }
        }
    }
}
