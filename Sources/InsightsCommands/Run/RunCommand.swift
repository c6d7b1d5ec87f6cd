internal import ArgumentParser
internal import Glibc
internal import InsightsEngine
internal import InsightsPlugin
internal import Logging

/// `insights run`.
struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Run tasks now, in `after` order, to their end.",
        usage: "insights run [<options>] [<task> ...]",
        discussion: """
            The named tasks and no others, or every enabled one. The cadence does not move.
            Beside a running `insights serve` it hands the work over and waits. Ends with 0
            when all succeeded, with 1 when any did not; Ctrl-C cancels, twice at once.
            On a pipe, as each ends: task, status, seconds, run, summary or error.

            Example: insights run backup report
            """,
        aliases: ["run-tasks"])

    @OptionGroup var global: GlobalOptions
    @OptionGroup var format: JSONOption

    @Argument(help: ArgumentHelp("Tasks; every enabled one when not given.", valueName: "task"))
    var tasks: [String] = []

    func run() async throws {
        let context = try CommandContext(global)
        defer { context.output.flush() }
        // Runs are not to be left half done by an output that cannot be written.
        context.output.keepGoing()
        let watch = SignalWatch([SIGINT, SIGTERM] + (RunCommand.ignoresHangup ? [] : [SIGHUP]))
        let manifest = try context.manifest()
        let names = try selection(of: manifest)
        guard !names.isEmpty else {
            context.console.line("nothing to run: no task of \(global.manifest) is enabled")
            report([], context, manifest)
            context.output.flush()
            if context.output.hasFailed { throw CommandFailure.told(.unavailable) }
            return
        }
        let store = try context.openStore()
        let turn = RunTurn(
            store: store, context: context, manifest: manifest, names: names, isEverything: tasks.isEmpty,
            report: RunReport(context: context, presentation: context.presentation(manifest), isJSON: format.json))
        let outcome = try await turn.take(watch)
        await context.closeConnections()
        await store.close()
        report(outcome.runs, context, manifest)
        if let signal = outcome.signal { throw CommandFailure.told(.signalled(signal)) }
        context.output.flush()
        if context.output.hasFailed { throw CommandFailure.told(.unavailable) }
        if outcome.runs.count < names.count || outcome.runs.contains(where: { $0.status != .succeeded }) {
            throw CommandFailure.told(.taskFailed)
        }
    }

    /// Whether it was started by `nohup`, or otherwise told to outlive its terminal.
    private static var ignoresHangup: Bool {
        var action = sigaction()
        guard sigaction(SIGHUP, nil, &action) == 0 else { return false }
        // SIG_IGN is the address 1, which Swift cannot compare as a function.
        return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == 1
    }

    private func selection(of manifest: Manifest) throws(CommandFailure) -> [String] {
        guard tasks.isEmpty else { return try TaskNames.find(tasks, in: manifest).map(\.name) }
        return manifest.tasks.filter(\.settings.isEnabled).map(\.name)
    }

    /// The whole at the end: as JSON, or for people. On a pipe each run has been told as it ended.
    private func report(_ runs: [RunRecord], _ context: CommandContext, _ manifest: Manifest) {
        if format.json {
            context.output.json(runs.lazy.map(\.json))
        } else if context.output.terminal.isTerminal, !runs.isEmpty {
            context.output.table(RunTable.outcomes(runs, context.presentation(manifest)))
        }
    }
}
