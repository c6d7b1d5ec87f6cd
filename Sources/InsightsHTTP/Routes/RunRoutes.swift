internal import HTTPTypes
internal import InsightsEngine
internal import InsightsPlugin

/// Runs and their logs.
enum RunRoutes {
    static let id = Parameter<RunID>(
        "id", in: .path, "The run's id.", expected: "a run's id, a UUID such as 01890a5d-ac96-774b-bcce-b302099a8057",
        schema: ["type": "string", "format": "uuid"]
    ) { RunID($0) }
    static let cursor = Parameter.text("cursor", of: 1...1024, "Where to go on: `next_cursor` of the page before.")
    private static let task = Parameter<String>(
        "task", "Only runs of this task.", expected: TaskRoutes.name.spec.expected, schema: TaskRoutes.name.spec.schema,
        parse: TaskRoutes.name.parse)
    private static let status = Parameter<RunStatus>.choice("status", "Only runs in this state.")
    private static let since = Parameter.instant("since", "Only runs scheduled at this instant or later.")
    private static let limit = Parameter.integer("limit", 1...1000, default: 20, "How many runs a page has at most.")

    static let all: [Route] = [
        Route(
            .get, "/api/runs", id: "listRuns", "Runs, newest scheduled instant first.",
            parameters: [task.spec, status.spec, since.spec, limit.spec, cursor.spec],
            answers: [Answer(.ok, "A page of runs.", Schema.page("runs", of: .run))], handler: list),
        Route(
            .get, "/api/runs/{id}", id: "getRun", "One run.", parameters: [id.spec],
            answers: [
                Answer(.ok, "The run.", Schema.run.reference), .problem(.notFound, "There is no such run."),
            ], handler: one),
        Route(
            .get, "/api/runs/{id}/log", id: "getRunLog", "A run's log, a JSON object a line, oldest first.",
            parameters: [id.spec],
            answers: [
                Answer(.ok, "The lines.", content: [(MediaType.lines.rawValue, Schema.logLine.reference)]),
                .problem(.notFound, "There is no such run."),
            ], handler: log),
    ]

    @Sendable private static func list(_ call: Call) async throws(Problem) -> Reply {
        let query = RunQuery(
            task: try call.value(task), status: try call.value(status), since: try call.value(since),
            limit: try call.value(limit) ?? 20)
        let words: [String?] = ["runs", query.task, query.status?.rawValue, query.since?.description]
        let page = try await paged(call, words) { cursor async throws(StoreError) in
            var query = query
            query.cursor = cursor
            return try await call.daemon.reader.runs(query)
        }
        return .json(["runs": .array(page.items.map(\.json)), "next_cursor": Value(page.nextCursor)])
    }

    @Sendable private static func one(_ call: Call) async throws(Problem) -> Reply {
        .json(try await run(call).json)
    }

    @Sendable private static func log(_ call: Call) async throws(Problem) -> Reply {
        let run = try await run(call)
        let lines = try await stored { () async throws(StoreError) in
            try await call.daemon.reader.log(of: run.id, offset: 0)
        }
        var text = ""
        for (index, line) in lines.enumerated() {
            text += line.json.json + "\n"
            // A long log is written in pieces, so that other requests on this thread get their turn.
            if index % 512 == 511 { await Task.yield() }
        }
        return Reply(type: .lines, body: text)
    }

    private static func run(_ call: Call) async throws(Problem) -> RunRecord {
        let id = try call.required(id)
        let run = try await stored { () async throws(StoreError) in try await call.daemon.reader.run(id) }
        guard let run else { throw unknown(id) }
        return run
    }

    /// The problem of an id that no run has.
    static func unknown(_ id: RunID) -> Problem { .notFound("there is no run \(id)") }
}
