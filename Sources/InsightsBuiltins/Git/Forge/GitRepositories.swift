internal import InsightsPlugin

/// `git.repositories`: finds and reads every tracked repository of the forges.
struct GitRepositories: TaskModule {
    let declaration = ModuleDeclaration(
        id: "repositories",
        summary: "Counters, releases and traffic of repositories on GitHub, GitLab, Forgejo and Gitea.",
        parameters: ForgeParameters.schema,
        metrics: ForgeMetrics.repository,
        // GitHub's traffic; GitLab keeps its own for 30 days.
        retention: .seconds(14 * 86_400),
        // GitHub's limit starts anew every hour, and a first pass over thousands of repositories meets it.
        timeout: .seconds(6 * 3600))

    func problems(in parameters: Value) -> [ParameterProblem] { ForgeParameters.problems(in: parameters) }

    func survey(_ context: RunContext) async throws -> [OnlineFinding] {
        var findings: [OnlineFinding] = []
        let parameters: ForgeParameters
        do { parameters = try ForgeParameters(context.parameters) } catch {
            return [OnlineFinding(.error, error.code, of: "forges", error.message)]
        }
        for entry in parameters.forges {
            do {
                let client = try ForgeClient(entry, http: context.http, clock: context.clock)
                findings += try await ForgeSurvey(client: client, context: context).findings()
            } catch let failure as RunFailure {
                findings.append(OnlineFinding(.error, failure.code, of: entry.address.key, failure.message))
            }
        }
        return findings
    }

    func run(_ context: RunContext) async throws -> String? {
        let parameters = try ForgeParameters(context.parameters)
        let ledger = RepositoryLedger(context)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await ledger.run() }
            group.addTask {
                defer { ledger.finish() }
                try await withThrowingTaskGroup(of: Void.self) { passes in
                    for entry in parameters.forges {
                        let client = try ForgeClient(entry, http: context.http, clock: context.clock)
                        passes.addTask {
                            try await RepositoryPass(client: client, context: context, ledger: ledger).run()
                        }
                    }
                    try await passes.waitForAll()
                }
            }
            try await group.waitForAll()
        }
        try Task.checkCancellation()
        let outcome = ledger.outcome
        if let failure = outcome.failure { throw failure }
        return outcome.summary
    }
}
