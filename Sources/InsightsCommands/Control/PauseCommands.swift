internal import ArgumentParser
internal import InsightsEngine
internal import InsightsManifest
internal import InsightsPlugin

/// `insights pause`.
struct PauseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause",
        abstract: "Pause tasks: what falls due is skipped.",
        usage: "insights pause [<options>] <task> ...",
        discussion: """
            Stored, so it survives restarts; also while no `insights serve` runs.
            What runs goes on, and a paused task can still be started by hand.

            Example: insights pause backup report
            """)

    @OptionGroup var global: GlobalOptions
    @OptionGroup var format: JSONOption

    @Argument(help: ArgumentHelp("Tasks.", valueName: "task"))
    var tasks: [String]

    func run() async throws {
        try await PauseChange(isPaused: true, isJSON: format.json).apply(to: tasks, CommandContext(global))
    }
}

/// `insights resume`.
struct ResumeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume",
        abstract: "Resume paused tasks.",
        usage: "insights resume [<options>] <task> ...",
        discussion: """
            What was skipped meanwhile stays skipped; `insights run` makes up for it.

            Example: insights resume backup report
            """)

    @OptionGroup var global: GlobalOptions
    @OptionGroup var format: JSONOption

    @Argument(help: ArgumentHelp("Tasks.", valueName: "task"))
    var tasks: [String]

    func run() async throws {
        try await PauseChange(isPaused: false, isJSON: format.json).apply(to: tasks, CommandContext(global))
    }
}

/// Stores pauses or their end, and tells the process that runs tasks.
struct PauseChange {
    let isPaused: Bool
    let isJSON: Bool

    func apply(to names: [String], _ context: CommandContext) async throws(CommandFailure) {
        // A manifest with an error is no obstacle: the tasks of the former one are stored, and still run.
        var manifest = context.readManifest().manifest
        if manifest == nil { manifest = try await context.manifestIfNothingIsStored() }
        var definitions: [TaskDefinition]?
        if let manifest { definitions = try TaskNames.find(names, in: manifest) }
        let store = try context.openStore()
        let known = try await stored { () async throws(StoreError) in try await store.tasks() }
        if definitions == nil {
            try TaskNames.check(names, known: known.map(\.name))
            context.console.line(
                "warning: \(context.manifestPath) has errors, which `insights check` tells: "
                    + "only tasks that ran by the former one are known")
        }
        let row = Dictionary(known.map { ($0.name, $0) }) { first, _ in first }
        // A pause is kept in the task's row, and a task that no process has seen yet has none.
        let unseen = (definitions ?? []).filter { row[$0.name] == nil }
            .map { TaskRegistration(name: $0.name, hash: $0.hash) }
        if !unseen.isEmpty {
            _ = try await stored { () async throws(StoreError) in
                try await store.register(unseen, at: SystemClock().now)
            }
        }
        let tasks = definitions?.map(\.name) ?? TaskNames.unique(names)
        try await stored { () async throws(StoreError) in try await store.setPaused(tasks, isPaused) }
        await tellServe(store)
        if isJSON {
            context.output.json(tasks.map { ["task": .string($0), "paused": .bool(isPaused)] as Value })
        }
        for name in tasks where !isJSON {
            let was = row[name]?.isPaused ?? false
            let word = isPaused ? "paused" : "resumed"
            context.output.line(was == isPaused ? "\(name) was not changed: already \(word)" : "\(name) \(word)")
        }
        context.output.flush()
        await store.close()
    }

    /// Best effort: the pause is stored, and a process that does not answer finds it there when it starts.
    private func tellServe(_ store: any Store) async {
        do {
            guard case .serve = try await store.holder() else { return }
            _ = try await RequestDesk(store: store).ask([.pausesChanged])
        } catch {
            // Told by the next start; nothing is lost.
        }
    }
}
