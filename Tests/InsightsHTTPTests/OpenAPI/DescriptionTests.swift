import HTTPTypes
import InsightsEngine
import InsightsPlugin
import InsightsTestWire
import Synchronization
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
            "GET /api/subjects", "GET /api/subjects/{id}", "GET /api/series", "GET /api/nodes",
            "GET /openapi.json",
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

    @Test("It has the form of OpenAPI 3.1")
    func form() throws {
        #expect(document["openapi"] == "3.1.0")
        #expect(document["info"]?["title"] == "insights" && document["info"]?["version"] == "1.2.3")
        #expect(
            document["components"]?["securitySchemes"]?["admin"] == ["type": "http", "scheme": "bearer"])
        for (path, item) in try #require(document["paths"]?.object) {
            #expect(path.hasPrefix("/"))
            for (method, operation) in item.object ?? [:] {
                #expect(["get", "post"].contains(method))
                #expect(operation["operationId"]?.string?.isEmpty == false)
                for parameter in operation["parameters"]?.array ?? [] {
                    #expect(parameter["name"]?.string?.isEmpty == false && parameter["schema"]?.object != nil)
                    #expect(parameter["in"] == "query" || parameter["in"] == "path" && parameter["required"] == true)
                }
                let responses = try #require(operation["responses"]?.object)
                #expect(responses["default"] != nil && responses.contains { $0.key.hasPrefix("2") })
                for (status, response) in responses {
                    #expect(status == "default" || status.count == 3 && Int(status) != nil)
                    #expect(response["description"]?.string?.isEmpty == false)
                    #expect(response["content"]?.object?.allSatisfy { $0.value["schema"]?.object != nil } == true)
                    #expect(response["headers"]?.object?.allSatisfy { $0.value["schema"]?.object != nil } == true)
                }
            }
        }
    }

    @Test("A parameter's schema takes its default and examples")
    func defaults() {
        for route in Routes.all {
            for parameter in route.parameters {
                let examples = parameter.schema["examples"]?.array ?? []
                for sample in examples + [parameter.schema["default"]].compactMap({ $0 }) {
                    let fault = check.fault(in: sample, against: parameter.schema)
                    #expect(fault == nil, "\(route.template) \(parameter.name)")
                }
            }
        }
    }

    @Test(
        "Header fields that only some answers have are described",
        arguments: [
            ("/admin/tasks/{name}/run", "post", "202", "Location"), ("/admin/tasks/run", "post", "503", "Retry-After"),
            ("/admin/reload", "post", "503", "Retry-After"), ("/admin/reload", "post", "401", "WWW-Authenticate"),
            ("/health", "get", "default", "Allow"), ("/api/runs", "get", "default", "Retry-After"),
        ])
    func fields(path: String, method: String, status: String, field: String) {
        let response = document["paths"]?[path]?[method]?["responses"]?[status]
        #expect(response?["headers"]?[field]?["schema"] != nil)
        #expect(response?["headers"]?["X-Request-ID"] != nil)
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

    @Test("Real answers have the shapes they are said to have")
    func answers() async throws {
        for answer in try await realAnswers() {
            #expect(check.fault(in: answer.value, against: answer.schema) == nil, "\(answer.target)")
        }
    }

    @Test("The check of shapes sees a member that is missing, of another type, off limits or no such word")
    func checkOfShapes() {
        let run = Samples.succeeded.json
        #expect(check.fault(in: run, against: Schema.run.reference) == nil)
        let breaks: [(String, Value?)] = [
            ("samples", nil), ("samples", "42"), ("samples", -1), ("status", "done"), ("id", "7"), ("id", .null),
            ("scheduled_at", "2026-01-04"), ("error", ["code": "x"]), ("attempt", 1.5),
        ]
        for (name, value) in breaks {
            var broken = run.object ?? [:]
            broken[name] = value
            #expect(check.fault(in: .object(broken), against: Schema.run.reference) != nil, "\(name)")
        }
        #expect(check.fault(in: 1, against: ["unheard-of": 1]) != nil)
    }

    @Test("Python's validator finds so, too", .enabled(if: Python.has("jsonschema")))
    func answersByPython() async throws {
        let cases = try await realAnswers().map { Value.object(["schema": $0.schema, "value": $0.value]) }
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

    private typealias RealAnswer = (target: String, schema: Value, value: Value)

    private var check: SchemaCheck { SchemaCheck(schemas: document["components"]?["schemas"]?.object ?? [:]) }

    /// Answers of a server, each with the shape that the description gives to that status of that operation.
    private func realAnswers() async throws -> [RealAnswer] {
        let daemon = ScriptedDaemon()
        let answers = Mutex<[RealAnswer]>([])
        try await withServer(daemon: daemon) { server in
            @Sendable func add(_ id: String, _ target: String, _ status: Int) async throws {
                let route = try #require(Routes.all.first { $0.id == id })
                let response = route.isAdmin ? try await server.admin("POST", target) : try await server.get(target)
                #expect(response.status == status, "\(target)")
                let said = document["paths"]?[route.template]?[route.method.rawValue.lowercased()]?["responses"]
                let content = said?["\(status)"]?["content"]?.object?.first?.value
                let schema = try #require(content?["schema"], "\(target)")
                answers.withLock { $0.append((target, schema, response.json)) }
            }
            for (id, target, status) in Self.targets { try await add(id, target, status) }
            daemon.change {
                $0.isAlive = false
                $0.readiness.store = .init(isOK: false, detail: "disk full")
                $0.reload = .invalid([Samples.diagnostic])
                $0.cancel = .finished(Samples.failed)
                $0.outcomes = [Samples.failed]
            }
            for (id, target, status) in Self.unwellTargets { try await add(id, target, status) }
            daemon.change {
                $0.triggers = [
                    TriggerResult(task: "activity", answer: .overlaps(Samples.runID)),
                    TriggerResult(task: "backup", answer: .stopping),
                ]
            }
            try await add("runTask", "/admin/tasks/activity/run", 409)
            try await add("runAllTasks", "/admin/tasks/run", 503)
        }
        return answers.withLock { $0 }
    }

    private static let targets = [
        ("getHealth", "/health", 200), ("getReady", "/ready", 200), ("listTasks", "/api/tasks", 200),
        ("getTask", "/api/tasks/activity", 200), ("listOccurrences", "/api/tasks/activity/next", 200),
        ("listRuns", "/api/runs", 200), ("listRuns", "/api/runs?limit=1", 200), ("listRuns", "/api/runs?limit=0", 400),
        ("getRun", "/api/runs/\(Samples.failed.id)", 200), ("getRun", "/api/runs/\(Samples.unknownRun)", 404),
        ("getRunLog", "/api/runs/\(Samples.runID)/log", 200), ("listSubjects", "/api/subjects", 200),
        ("getSubject", "/api/subjects/7", 200), ("getSeries", "/api/series?subject=7&metric=commits", 200),
        ("listNodes", "/api/nodes", 200),
        ("getDescription", "/openapi.json", 200), ("runAllTasks", "/admin/tasks/run", 202),
        ("runAllTasks", "/admin/tasks/run?wait=true", 200), ("runTask", "/admin/tasks/activity/run", 202),
        ("pauseTask", "/admin/tasks/activity/pause", 200), ("resumeTask", "/admin/tasks/activity/resume", 200),
        ("resumeTask", "/admin/tasks/none/resume", 404),
        ("cancelRun", "/admin/runs/\(Samples.runID)/cancel", 202), ("reloadManifest", "/admin/reload", 200),
    ]
    private static let unwellTargets = [
        ("getHealth", "/health", 503), ("getReady", "/ready", 503), ("reloadManifest", "/admin/reload", 422),
        ("cancelRun", "/admin/runs/\(Samples.runID)/cancel", 409), ("runAllTasks", "/admin/tasks/run?wait=true", 500),
    ]
}
