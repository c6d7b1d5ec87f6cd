import HTTPTypes
import InsightsEngine
import InsightsPlugin
import Testing

@testable import InsightsHTTP

@Suite("What /openapi.json says")
struct DescriptionTests {
    private let document = Description.document(of: Routes.all, version: "1.2.3")

    @Test("Every route is described, and nothing that is no route")
    func complete() {
        let described = (document["paths"]?.object ?? [:]).flatMap { path, item in
            (item.object ?? [:]).map { "\($0.key.uppercased()) \(path)" }
        }
        #expect(described.sorted() == Routes.all.map { "\($0.method.rawValue) \($0.template)" }.sorted())
    }

    @Test("The contract's routes are all there")
    func contract() {
        let expected = [
            "GET /health", "GET /ready", "GET /metrics", "GET /api/tasks", "GET /api/tasks/{name}",
            "GET /api/tasks/{name}/next", "GET /api/runs", "GET /api/runs/{id}", "GET /api/runs/{id}/log",
            "GET /api/subjects", "GET /api/subjects/{id}", "GET /api/series", "GET /openapi.json",
            "POST /admin/tasks/run", "POST /admin/tasks/{name}/run", "POST /admin/tasks/{name}/pause",
            "POST /admin/tasks/{name}/resume", "POST /admin/runs/{id}/cancel", "POST /admin/reload",
        ]
        let there = Set(Routes.all.map { "\($0.method.rawValue) \($0.template)" })
        #expect(there.isSuperset(of: expected))
    }

    @Test("A path's captures are its path parameters; names and operations are unique")
    func parameters() {
        for route in Routes.all {
            let captures = route.segments.compactMap { if case .capture(let name) = $0 { name } else { nil } }
            #expect(route.parameters.filter { $0.place == .path }.map(\.name) == captures, "\(route.template)")
            #expect(Set(route.parameters.map(\.name)).count == route.parameters.count)
        }
        #expect(Set(Routes.all.map(\.id)).count == Routes.all.count)
    }

    @Test("Every reference leads somewhere, and every shape is used")
    func references() {
        var found: Set<String> = []
        func collect(_ value: Value) {
            if let reference = value["$ref"]?.string { found.insert(reference) }
            value.array?.forEach(collect)
            value.object?.forEach { collect($0.value) }
        }
        collect(document)
        #expect(found == Set(Schema.allCases.map { "#/components/schemas/" + $0.rawValue }))
    }

    @Test("Only admin routes ask for the token")
    func security() {
        for (path, item) in document["paths"]?.object ?? [:] {
            for (_, operation) in item.object ?? [:] {
                #expect((operation["security"] != nil) == path.hasPrefix("/admin/"), "\(path)")
            }
        }
    }

    @Test("Python's validator accepts it as OpenAPI 3.1", .enabled(if: Python.has("openapi_spec_validator")))
    func validator() throws {
        let (status, output) = try Python.run(
            """
            import json, sys, openapi_spec_validator
            openapi_spec_validator.validate(json.load(sys.stdin), cls=openapi_spec_validator.OpenAPIV31SpecValidator)
            """, input: document.json)
        #expect(status == 0, "\(output)")
    }

    @Test("Real answers have the shapes they are said to have", .enabled(if: Python.has("jsonschema")))
    func answers() async throws {
        let daemon = ScriptedDaemon()
        try await withServer(daemon: daemon) { server in
            var cases: [Value] = []
            func add(_ schema: Value, _ response: WireResponse) {
                cases.append(["schema": schema, "value": response.json])
            }
            for (id, target) in Self.targets {
                let route = try #require(Routes.all.first { $0.id == id })
                let response =
                    route.isAdmin ? try await server.admin("POST", target) : try await server.get(target)
                let answers = route.answers.filter { $0.status.code == response.status }
                let answer = try #require(answers.first, "\(target)")
                add(answer.content.first?.schema ?? .null, response)
            }
            add(Schema.problem.reference, try await server.get("/api/runs?limit=0"))
            daemon.change {
                $0.reload = .invalid([Samples.diagnostic])
                $0.cancel = .finished(Samples.failed)
                $0.outcomes = [Samples.failed]
            }
            add(Schema.diagnosticsProblem.reference, try await server.admin("POST", "/admin/reload"))
            add(Schema.conflictProblem.reference, try await server.admin("POST", "/admin/runs/\(Samples.runID)/cancel"))
            add(Schema.runsProblem.reference, try await server.admin("POST", "/admin/tasks/run?wait=true"))
            let input: Value = ["components": document["components"] ?? .null, "cases": .array(cases)]
            let (status, output) = try Python.run(
                """
                import json, sys, jsonschema
                data = json.load(sys.stdin)
                for case in data["cases"]:
                    schema = {**case["schema"], "components": data["components"]}
                    jsonschema.Draft202012Validator(schema).validate(case["value"])
                print(len(data["cases"]))
                """, input: input.json)
            #expect(status == 0, "\(output)")
            #expect(output == "\(cases.count)\n")
        }
    }

    private static let targets = [
        ("getHealth", "/health"), ("getReady", "/ready"), ("listTasks", "/api/tasks"),
        ("getTask", "/api/tasks/activity"), ("listOccurrences", "/api/tasks/activity/next"), ("listRuns", "/api/runs"),
        ("getRun", "/api/runs/\(Samples.failed.id)"), ("getRunLog", "/api/runs/\(Samples.runID)/log"),
        ("listSubjects", "/api/subjects"), ("getSubject", "/api/subjects/7"),
        ("getSeries", "/api/series?subject=7&metric=commits"), ("getDescription", "/openapi.json"),
        ("runAllTasks", "/admin/tasks/run"), ("runAllTasks", "/admin/tasks/run?wait=true"),
        ("runTask", "/admin/tasks/activity/run"), ("pauseTask", "/admin/tasks/activity/pause"),
        ("resumeTask", "/admin/tasks/activity/resume"), ("cancelRun", "/admin/runs/\(Samples.runID)/cancel"),
        ("reloadManifest", "/admin/reload"),
    ]
}
