internal import InsightsEngine
internal import InsightsPlugin
internal import Synchronization

/// Tells how runs are going: moving lines on a terminal, a line per ended run on a pipe.
final class RunReport: Sendable {
    private struct State {
        var board = ProgressBoard()
        var told: Set<RunID> = []
    }

    private let context: CommandContext
    private let presentation: Presentation
    private let isJSON: Bool
    private let state = Mutex(State())

    init(context: CommandContext, presentation: Presentation, isJSON: Bool) {
        self.context = context
        self.presentation = presentation
        self.isJSON = isJSON
    }

    /// Whether progress moves on the terminal of standard error.
    var isMoving: Bool { context.console.terminal.isLively }

    func started(_ task: String, _ run: RunID) {
        state.withLock { $0.board.start(task, run, at: .now) }
    }

    func progressed(_ task: String, _ run: RunID, _ progress: Progress) {
        state.withLock { $0.board.progress(task, run, progress, at: .now) }
    }

    func retrying(_ task: String, _ run: RunID, _ message: String, _ at: Instant) {
        state.withLock { $0.board.retry(run, "again at \(presentation.text(at)): \(message)") }
    }

    /// Takes the run off the board; on a pipe tells it, once.
    func ended(_ run: RunRecord) {
        let isNews = state.withLock { state in
            state.board.end(run.id)
            return state.told.insert(run.id).inserted
        }
        guard isNews, !isJSON, !context.output.terminal.isTerminal else { return }
        context.output.table(RunTable.outcomes([run], presentation))
        context.output.flush()
    }

    /// Tells that a task does not run.
    func refused(_ task: String, _ reason: String) {
        context.console.line("error: \(task): \(reason)")
    }

    /// Keeps the board moving until it is cancelled.
    func move() async {
        guard isMoving else { return }
        while !Task.isCancelled {
            let size = Terminal.size(of: 2)
            let lines = state.withLock { $0.board.lines(columns: size.columns, rows: size.rows - 1, at: .now) }
            context.console.show(lines)
            // Cancelled when the runs have ended: the loop's condition sees it.
            try? await SystemClock().sleep(for: .milliseconds(100))
        }
    }

    /// Clears the board.
    func finish() {
        if isMoving { context.console.show([]) }
    }
}
