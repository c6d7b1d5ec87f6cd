internal import InsightsPlugin

/// `git.platforms`: sums up the accounts of each forge.
struct GitPlatforms: TaskModule {
    let declaration = ModuleDeclaration(
        id: "platforms",
        summary: "The sums over the accounts of each forge; asks nobody.",
        parameters: ForgeParameters.schema,
        metrics: ForgeMetrics.account + ForgeMetrics.additive)

    func problems(in parameters: Value) -> [ParameterProblem] { ForgeParameters.problems(in: parameters) }

    func run(_ context: RunContext) async throws -> String? {
        let parameters = try ForgeParameters(context.parameters)
        var seen: Set<String> = []
        let forges = parameters.forges.filter { seen.insert($0.address.key).inserted }
        for entry in forges {
            try Task.checkCancellation()
            let platform = entry.platformSubject
            try context.emit([
                .subject(platform),
                .rollUp(RollUp(platform.reference, from: "account", metrics: declaration.metrics.map(\.name))),
            ])
        }
        return "\(forges.count) \(forges.count == 1 ? "platform" : "platforms") summed up"
    }
}
