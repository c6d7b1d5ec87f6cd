internal import HTTPTypes
internal import InsightsEngine
internal import InsightsPlugin
internal import Logging

/// What changes something; all of it behind the bearer token.
enum AdminRoutes {
    private static let wait = Parameter.flag("wait", "Answer only when all runs have ended.")
    private static let noTask = Answer.problem(.notFound, "There is no such task.")
    private static let stopping = Answer.problem(
        .serviceUnavailable, "A shutdown has begun, or the store is away.", fields: [.retryAfter])

    static let all: [Route] = [
        Route(
            .post, "/admin/tasks/run", id: "runAllTasks", "Runs every enabled task now, in `after` order.",
            parameters: [wait.spec],
            answers: [
                Answer(
                    .accepted, "The runs that follow.", Schema.list("runs", of: .startedRun), fields: [.location]),
                Answer(.ok, "With `wait`: all of them succeeded.", Schema.list("runs", of: .run)),
                .problem(.internalServerError, "With `wait`: not all of them succeeded.", .runsProblem),
                .problem(
                    .serviceUnavailable, "As elsewhere; `runs` has those that follow all the same.", .startedProblem,
                    fields: [.retryAfter]),
            ], handler: runAll),
        Route(
            .post, "/admin/tasks/{name}/run", id: "runTask", "Runs one task now; its cadence does not move.",
            parameters: [TaskRoutes.name.spec],
            answers: [
                Answer(
                    .accepted, "The run that follows.", Schema.list("runs", of: .startedRun), fields: [.location]),
                noTask,
                .problem(.conflict, "Refused by `overlap`; `run_id` is going.", .conflictProblem), stopping,
            ], handler: runOne),
        pausing("pause", id: "pauseTask", "Pauses a task; survives restarts.", true),
        pausing("resume", id: "resumeTask", "Ends a task's pause.", false),
        Route(
            .post, "/admin/runs/{id}/cancel", id: "cancelRun", "Cancels a run.", parameters: [RunRoutes.id.spec],
            answers: [
                Answer(.accepted, "It is being cancelled.", Schema.cancelling.reference),
                .problem(.notFound, "There is no such run."),
                .problem(.conflict, "It has ended already.", .conflictProblem), stopping,
            ], handler: cancel),
        Route(
            .post, "/admin/reload", id: "reloadManifest", "Reads the manifest anew.",
            answers: [
                Answer(.ok, "It is in force now.", Schema.reloaded.reference),
                .problem(.unprocessableContent, "It is wrong; the old one stays in force.", .diagnosticsProblem),
                stopping,
            ], handler: reload),
    ]

    private static func pausing(_ verb: String, id: String, _ summary: String, _ isPaused: Bool) -> Route {
        Route(
            .post, "/admin/tasks/{name}/\(verb)", id: id, summary, parameters: [TaskRoutes.name.spec],
            answers: [Answer(.ok, "Stored.", Schema.paused.reference), noTask, stopping]
        ) { call in try await setPaused(isPaused, call) }
    }

    @Sendable private static func runAll(_ call: Call) async throws -> Reply {
        let isWaiting = try call.value(wait) ?? false
        let results = await call.daemon.trigger(nil, dependents: true)
        let (started, refusal) = sorted(results)
        if !started.isEmpty { note("all enabled tasks were triggered", started.map(\.run), call) }
        if let refusal { throw refusal.telling(started) }
        guard isWaiting else { return accepted(started) }
        let runs: [RunRecord]
        do {
            runs = try await call.patience.wait { try await call.daemon.outcomes(of: started.map(\.run)) }
        } catch is CancellationError {
            throw Problem.stopping.telling(started)
        }
        let body = Value.array(runs.map(\.json))
        let failed = runs.filter { $0.status != .succeeded }
        if failed.isEmpty { return .json(["runs": body]) }
        throw Problem(
            code: .runsFailed, status: .internalServerError,
            detail: "\(failed.count) of \(runs.count) runs did not succeed: "
                + failed.map { "\($0.task) \($0.status.rawValue)" }.joined(separator: ", "),
            members: [("runs", body)])
    }

    @Sendable private static func runOne(_ call: Call) async throws(Problem) -> Reply {
        let name = try call.required(TaskRoutes.name)
        let results = await call.daemon.trigger([name], dependents: false)
        guard let result = results.first else { throw TaskRoutes.unknown(name) }
        switch result.answer {
        case .overlaps(let going):
            throw Problem(
                code: .overlap, status: .conflict, detail: "\(name) is already running, and its overlap is skip",
                members: [("run_id", .string(going.description))])
        case .skipped(let record, let reason):
            throw Problem(
                code: .overlap, status: .conflict, detail: "\(name) was skipped: \(reason.rawValue)",
                members: [("run_id", .string(record.description))])
        case .accepted, .unknownTask, .stopping, .storeUnavailable, .elsewhere:
            let run = try run(of: result)
            note("a task was triggered", [run], call)
            return accepted([(name, run)])
        }
    }

    /// What was started of all enabled tasks, and why something was not.
    ///
    /// A task that is unknown is no refusal: a reload has just taken it out of the manifest.
    private static func sorted(_ results: [TriggerResult]) -> (started: [(task: String, run: RunID)], Problem?) {
        var started: [(task: String, run: RunID)] = []
        var refusal: Problem?
        for result in results {
            do {
                started.append((result.task, try run(of: result)))
            } catch {
                if error.code != .notFound { refusal = error }
            }
        }
        return (started, refusal)
    }

    /// The run or the record of a skip that a trigger led to.
    private static func run(of result: TriggerResult) throws(Problem) -> RunID {
        switch result.answer {
        case .accepted(let run), .overlaps(let run), .skipped(let run, _): return run
        case .unknownTask: throw TaskRoutes.unknown(result.task)
        case .stopping: throw .stopping
        case .storeUnavailable: throw .storeUnavailable
        case .elsewhere: throw .elsewhere
        }
    }

    private static func accepted(_ started: [(task: String, run: RunID)]) -> Reply {
        let location = started.count == 1 ? started.first.map { "/api/runs/\($0.run)" } : nil
        return .json(
            ["runs": list(started)], status: .accepted, fields: location.map { [.location: $0] } ?? [:])
    }

    fileprivate static func list(_ started: [(task: String, run: RunID)]) -> Value {
        .array(started.map { ["id": .string($0.run.description), "task": .string($0.task)] })
    }

    private static func setPaused(_ isPaused: Bool, _ call: Call) async throws(Problem) -> Reply {
        let name = try call.required(TaskRoutes.name)
        let isKnown = try await stored { () async throws(StoreError) in try await call.daemon.setPaused(name, isPaused)
        }
        guard isKnown else { throw TaskRoutes.unknown(name) }
        call.logger.info("a task was \(isPaused ? "paused" : "resumed")", metadata: ["task": .string(name)])
        return .json(["name": .string(name), "paused": .bool(isPaused)])
    }

    @Sendable private static func cancel(_ call: Call) async throws(Problem) -> Reply {
        let id = try call.required(RunRoutes.id)
        switch try await stored({ () async throws(StoreError) in try await call.daemon.cancel(id) }) {
        case .cancelling:
            note("a run is cancelled", [id], call)
            return .json(["id": .string(id.description), "status": "cancelling"], status: .accepted)
        case .finished(let run):
            throw Problem(
                code: .finished, status: .conflict, detail: "run \(id) has already ended: \(run.status.rawValue)",
                members: [("run_id", .string(id.description))])
        case .unknownRun: throw RunRoutes.unknown(id)
        }
    }

    @Sendable private static func reload(_ call: Call) async throws(Problem) -> Reply {
        switch await call.daemon.reload() {
        case .reloaded(let warnings): return .json(["warnings": .array(warnings.map(\.json))])
        case .invalid(let diagnostics):
            let errors = diagnostics.filter { $0.severity == .error }.count
            throw Problem(
                code: .invalidManifest, status: .unprocessableContent,
                detail: "the manifest has \(errors) \(errors == 1 ? "error" : "errors"); the old one stays in force",
                members: [("diagnostics", .array(diagnostics.map(\.json)))])
        case .unavailable(let error): throw Problem(error)
        case .stopping: throw .stopping
        }
    }

    /// What an operator did is worth a line in the log.
    private static func note(_ what: String, _ runs: [RunID], _ call: Call) {
        call.logger.info("\(what)", metadata: ["runs": .stringConvertible(runs.count)])
    }
}

extension Problem {
    /// With the runs that follow all the same, so that nobody starts them again.
    fileprivate func telling(_ started: [(task: String, run: RunID)]) -> Problem {
        var problem = self
        problem.members.append(("runs", AdminRoutes.list(started)))
        return problem
    }
}
