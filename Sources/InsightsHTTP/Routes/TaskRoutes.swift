internal import HTTPTypes
internal import InsightsEngine
internal import InsightsPlugin

/// The tasks of the manifest in force.
enum TaskRoutes {
    static let name = Parameter<String>(
        "name", in: .path, "The task's name in the manifest.",
        expected: "a task's name: 1 to 64 lower-case letters, digits, - and _, with a letter or digit at both ends",
        schema: ["type": "string", "pattern": "^[a-z0-9]([a-z0-9_-]{0,62}[a-z0-9])?$"]
    ) { Registry.isValid(name: $0) ? $0 : nil }
    private static let count = Parameter.integer("count", 1...1000, default: 10, "How many occurrences.")

    static let all: [Route] = [
        Route(
            .get, "/api/tasks", id: "listTasks", "All tasks, by name.",
            answers: [Answer(.ok, "The tasks.", Schema.list("tasks", of: .task))], handler: list),
        Route(
            .get, "/api/tasks/{name}", id: "getTask", "One task.", parameters: [name.spec],
            answers: [
                Answer(.ok, "The task.", Schema.task.reference),
                .problem(.notFound, "There is no such task."),
            ], handler: one),
        Route(
            .get, "/api/tasks/{name}/next", id: "listOccurrences", "When a task is due next, in time order.",
            parameters: [name.spec, count.spec],
            answers: [
                Answer(.ok, "The occurrences.", Schema.list("occurrences", of: .occurrence)),
                .problem(.notFound, "There is no such task."),
            ], handler: next),
    ]

    /// The problem of a name that the manifest does not have.
    static func unknown(_ name: String) -> Problem {
        .notFound("there is no task \(name) in the manifest; /api/tasks lists those there are")
    }

    @Sendable private static func list(_ call: Call) async throws(Problem) -> Reply {
        let tasks = try await stored { () async throws(StoreError) in try await call.daemon.taskViews() }
        return .json(["tasks": .array(tasks.map(\.json))])
    }

    @Sendable private static func one(_ call: Call) async throws(Problem) -> Reply {
        let name = try call.required(name)
        let task = try await stored { () async throws(StoreError) in try await call.daemon.taskView(name) }
        guard let task else { throw unknown(name) }
        return .json(task.json)
    }

    @Sendable private static func next(_ call: Call) async throws(Problem) -> Reply {
        let name = try call.required(name)
        let count = try call.value(count) ?? 10
        let instants = try await stored { () async throws(StoreError) in
            try await call.daemon.occurrences(of: name, count: count)
        }
        guard let instants else { throw unknown(name) }
        return .json([
            "occurrences": .array(
                instants.map { ["task": .string(name), "scheduled_at": Value($0)] })
        ])
    }
}
