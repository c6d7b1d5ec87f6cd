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
    ///   and took none.
    /// - Throws: 64 when the manifest in force has no such task, 69 when `serve` stops amid it or is gone.
    func ask(_ tasks: [String], dependents: Bool) async throws(CommandFailure) -> [Accepted]? {
        let kinds = tasks.map { Request.Kind.run(task: $0, dependents: dependents, batch: tasks.count > 1) }
        let answers = try await RequestDesk(store: store).ask(kinds)
        if answers.allSatisfy({ $0.answer == .refused(RequestRefusal.stopping) }) { return nil }
        var accepted: [Accepted] = []
        for (task, answered) in zip(tasks, answers) {
            switch answered.answer {
            case .accepted: accepted.append(Accepted(task: task, run: answered.id))
            case .overlaps(let run):
                context.console.line("error: \(task) was refused by `overlap`: run \(run) is still going")
            case .refused(let reason):
                throw CommandFailure(
                    Handover.status(of: reason), "`insights serve` refused \(task): \(reason)")
            case nil:
                throw CommandFailure(
                    .unavailable, "`insights serve` ended before it answered",
                    help: "what was asked for may still be done when it starts again; `insights history` shows it")
            }
        }
        return accepted
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
