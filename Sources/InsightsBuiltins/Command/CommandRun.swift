package import InsightsPlugin

/// `command.run`: runs a program, without a shell.
package struct CommandRun: TaskModule {
    /// Creates the module.
    package init() {}

    package let declaration = ModuleDeclaration(
        id: "run", summary: "Runs a program, without a shell, and keeps what it prints.",
        parameters: CommandParameters.schema, declaresMetricsAtRun: true)

    package func problems(in parameters: Value) -> [ParameterProblem] { CommandParameters.problems(in: parameters) }

    package func run(_ context: RunContext) async throws -> String? {
        let parameters = try CommandParameters(context.parameters)
        let printed = CommandOutput(limit: parameters.outputLimit, readsSamples: parameters.readsSamples, context)
        // The end of what it printed is told whatever became of it: that is where the reason is.
        defer { printed.tell() }
        let exit: CommandExit
        do {
            exit = try await context.commands.run(parameters.request(for: context), onOutput: printed.take)
        } catch {
            printed.finishText()
            throw error
        }
        guard case .exited(let code) = exit, parameters.success.contains(code) else {
            printed.finishText()
            throw CommandRun.failure(of: parameters.program, exit, printed.lastError)
        }
        try printed.finish()
        return printed.summary
    }

    /// `command_failed`, with what a person looks for first: the status and the program's last words.
    private static func failure(of program: String, _ exit: CommandExit, _ lastWords: String?) -> RunFailure {
        let end =
            switch exit {
            case .exited(let code): "exited with \(code)"
            case .signalled(let number): "was ended by \(SignalName.of(number))"
            }
        let words = lastWords.map { ": \($0)" } ?? ""
        return RunFailure("command_failed", "\"\(program)\" \(end)\(words)", retryable: true)
    }
}
