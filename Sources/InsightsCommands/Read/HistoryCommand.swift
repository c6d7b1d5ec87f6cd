internal import ArgumentParser
internal import InsightsEngine
internal import InsightsManifest
internal import InsightsPlugin

/// `insights history`.
struct HistoryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "history",
        abstract: "Show runs and skips, newest first.",
        usage: "insights history [<options>] [<task>]",
        discussion: """
            On a pipe: scheduled instant, task, status, reason, trigger, attempt, duration,
            samples, run, summary or error; several skipped ones are one line.

            Example: insights history backup --status failed --since 2026-01-01
            """)

    @OptionGroup var global: GlobalOptions
    @OptionGroup var format: JSONOption

    @Argument(help: ArgumentHelp("Only runs of this task.", valueName: "task"))
    var task: String?

    @Option(
        name: .long, help: ArgumentHelp("Only runs in this state, e.g. failed.", valueName: "status"),
        transform: StatusArgument.parse)
    var status: RunStatus?

    @Option(
        name: .long, help: ArgumentHelp("Only runs scheduled at this instant or later.", valueName: "instant"),
        transform: InstantArgument.parse)
    var since: Instant?

    @Option(
        name: .long, help: ArgumentHelp("How many, 1 to 10000.", valueName: "n"),
        transform: CountArgument.parse(1...10_000))
    var limit = 20

    func run() async throws {
        let context = try CommandContext(global)
        defer { context.output.flush() }
        let runs = try await runs(context)
        if format.json {
            context.output.json(runs.lazy.map(\.json))
        } else {
            context.output.table(RunTable.history(runs, context.presentation()))
        }
    }

    private func runs(_ context: CommandContext) async throws -> [RunRecord] {
        guard let store = try context.existingStore() else {
            if let task { try TaskNames.check([task], known: known(context, stored: [])) }
            context.tellNoDatabase()
            return []
        }
        let query = RunQuery(task: task, status: status, since: since, limit: limit)
        let runs = try await stored { () async throws(StoreError) in try await store.runs(query) }.items
        if let task, runs.isEmpty {
            let tasks = try await stored { () async throws(StoreError) in try await store.tasks() }
            try TaskNames.check([task], known: known(context, stored: tasks.map(\.name)))
        }
        await store.close()
        return runs
    }

    /// A task that the manifest no longer has keeps its history, and one that never ran has none yet.
    private func known(_ context: CommandContext, stored: [String]) -> [String] {
        stored + (context.readManifest().manifest?.tasks.map(\.name) ?? [])
    }
}
