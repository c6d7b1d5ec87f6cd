internal import InsightsEngine

/// Hands runs over to the `serve` that has the database.
struct Handover: Sendable {
    /// A run that `serve` took.
    struct Accepted: Sendable {
        let task: String
        let run: RunID
    }

    let store: any Store
    let context: CommandContext

    /// Asks for the tasks; each refused one is told.
    ///
    /// - Returns: Those that were taken, in order, fewer when `overlap` refused one; `nil` when `serve` is stopping
    ///   or gone and took none.
    /// - Throws: 64 when the manifest in force has no such task, 69 when `serve` stops amid it or is gone; what it
    ///   took before is named.
    func ask(_ tasks: [String], dependents: Bool) async throws(CommandFailure) -> [Accepted]? {
        let kinds = tasks.map { Request.Kind.run(task: $0, dependents: dependents, batch: tasks.count > 1) }
        let answers = try await RequestDesk(store: store).ask(kinds)
        if answers.allSatisfy({ $0.answer == nil || $0.answer == .refused(RequestRefusal.stopping) }) { return nil }
        var accepted: [Accepted] = []
        var problem: (status: ExitStatus, message: String)?
        for (task, answered) in zip(tasks, answers) {
            switch answered.answer {
            case .accepted: accepted.append(Accepted(task: task, run: answered.id))
            case .overlaps(let run):
                context.console.line("error: \(task) was refused by `overlap`: run \(run) is still going")
            case .refused(let reason):
                problem = problem ?? (Handover.status(of: reason), "`insights serve` refused \(task): \(reason)")
            case nil: problem = problem ?? (.unavailable, "`insights serve` ended before it took \(task)")
            }
        }
        guard let problem else { return accepted }
        let taken = accepted.map { "\($0.task) (run \($0.run))" }.joined(separator: ", ")
        throw CommandFailure(
            problem.status, problem.message,
            help: taken.isEmpty ? nil : "it has taken \(taken); `insights history` shows what becomes of it")
    }

    /// Waits for the ends of runs.
    func outcomes(
        of runs: [RunID], onEnd: (RunRecord) -> Void
    ) async throws(CommandFailure) -> [RunRecord] {
        try await RequestDesk(store: store).outcomes(of: runs, onEnd: onEnd)
    }

    private static func status(of reason: String) -> ExitStatus {
        reason == RequestRefusal.unknownTask ? .usage : .unavailable
    }
}
