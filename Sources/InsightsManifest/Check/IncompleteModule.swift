import InsightsPlugin

/// Stands in for the module of a disabled task whose variables lack a value: started by hand, the task fails with
/// their names instead of doing something else than what is written.
struct IncompleteModule: TaskModule {
    let module: any TaskModule
    /// Never empty.
    let unset: [String]

    var declaration: ModuleDeclaration { module.declaration }

    func problems(in parameters: Value) -> [ParameterProblem] { module.problems(in: parameters) }

    func run(_ context: RunContext) async throws -> String? {
        let names = unset.map(Shown.quoted).joined(separator: ", ")
        throw RunFailure(
            "unset_variable",
            (unset.count == 1 ? "variable \(names) is not set" : "variables \(names) are not set")
                + ": set it in the environment or in .env, or give it a default in the manifest", retryable: false)
    }
}
