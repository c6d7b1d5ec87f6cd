internal import ArgumentParser
internal import InsightsEngine
internal import InsightsManifest
internal import InsightsPlugin

/// `insights trigger`.
struct TriggerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trigger",
        abstract: "Ask a running `insights serve` to run tasks now.",
        usage: "insights trigger [<options>] <task> ...",
        discussion: """
            It works on the same database. The cadence does not move, and what `overlap`
            refuses is told with the run that is going. With --wait ends with 1 when a run
            did not succeed; Ctrl-C then ends the waiting, not the runs.
            On a pipe: run, task; with --wait: task, status, seconds, run, summary.

            Example: insights trigger backup --wait
            """)

    @OptionGroup var global: GlobalOptions
    @OptionGroup var format: JSONOption

    @Argument(help: ArgumentHelp("Tasks.", valueName: "task"))
    var tasks: [String]

    @Flag(name: .long, help: "Wait until each run has its end.")
    var wait = false

    @Flag(name: .long, help: "What follows these tasks by `after` follows.")
    var dependents = false

    func run() async throws {
        let context = try CommandContext(global)
        defer { context.output.flush() }
        // The manifest on disk may be half edited while the one in force is fine: then `serve` knows the names.
        let manifest = context.readManifest().manifest
        if let manifest { _ = try TaskNames.find(tasks, in: manifest) }
        guard let store = try context.existingStore(asking: true) else { throw context.noServe }
        _ = try await context.requireServe(store)
        let handover = Handover(store: store, context: context)
        guard let accepted = try await handover.ask(TaskNames.unique(tasks), dependents: dependents) else {
            throw CommandFailure(
                .unavailable, "`insights serve` is stopping or has stopped", help: "try again when it is back")
        }
        if wait {
            let runs = try await handover.outcomes(of: accepted.map(\.run)) { _ in }
            show(runs, context, context.presentation(manifest))
            if runs.contains(where: { $0.status != .succeeded }) { throw CommandFailure.told(.taskFailed) }
        } else {
            show(accepted, context)
        }
        await store.close()
        if accepted.count < TaskNames.unique(tasks).count { throw CommandFailure.told(.taskFailed) }
    }

    private func show(_ runs: [RunRecord], _ context: CommandContext, _ presentation: Presentation) {
        if format.json { return context.output.json(runs.lazy.map(\.json)) }
        context.output.table(RunTable.outcomes(runs, presentation))
    }

    private func show(_ accepted: [Handover.Accepted], _ context: CommandContext) {
        if format.json {
            let answers: [Value] = accepted.map { ["id": .string($0.run.description), "task": .string($0.task)] }
            return context.output.json(answers)
        }
        var table = Table([.init("RUN", whole: true), .init("TASK")])
        table.rows = accepted.map { [.init($0.run.description), .init($0.task)] }
        context.output.table(table)
    }
}
