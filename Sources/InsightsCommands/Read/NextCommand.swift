internal import ArgumentParser
internal import InsightsEngine
internal import InsightsPlugin

/// `insights next`.
struct NextCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "next",
        abstract: "Show coming occurrences, in time order.",
        usage: "insights next [<options>] [<task> ...]",
        discussion: """
            Of every enabled task, or of the named ones. What is stored counts, if there is
            a database. Tasks with `after` have no instants of their own.
            On a pipe: instant, task.

            Example: insights next backup --from 2026-12-01 --count 3
            """)

    @OptionGroup var global: GlobalOptions
    @OptionGroup var format: JSONOption

    @Argument(help: ArgumentHelp("Tasks; every enabled one when not given.", valueName: "task"))
    var tasks: [String] = []

    @Option(
        name: .long, help: ArgumentHelp("Occurrences at or after this instant. (default: now)", valueName: "instant"),
        transform: InstantArgument.parse)
    var from: Instant?

    @Option(
        name: .long, help: ArgumentHelp("How many of each task, 1 to 10000.", valueName: "n"),
        transform: CountArgument.parse(1...10_000))
    var count = 10

    func run() async throws {
        let context = try CommandContext(global)
        let manifest = try context.manifest()
        let definitions =
            tasks.isEmpty
            ? manifest.tasks.filter(\.settings.isEnabled) : try TaskNames.find(tasks, in: manifest)
        var known: [StoredTask] = []
        if let store = try context.existingStore() {
            known = try await stored { () async throws(StoreError) in try await store.tasks() }
            await store.close()
        }
        let occurrences = NextCommand.occurrences(
            of: definitions, stored: known, from: from ?? SystemClock().now, count: count, isNow: from == nil)
        defer { context.output.flush() }
        if format.json {
            context.output.json(
                occurrences.lazy.map { ["task": .string($0.task), "scheduled_at": Value($0.at)] })
        } else {
            context.output.table(NextCommand.table(occurrences, context.presentation(manifest)))
        }
    }

    /// Merged in time order; those of one instant by name.
    static func occurrences(
        of definitions: [TaskDefinition], stored: [StoredTask], from: Instant, count: Int, isNow: Bool
    ) -> [(task: String, at: Instant)] {
        let byName = Dictionary(stored.map { ($0.name, $0) }) { first, _ in first }
        return definitions.flatMap { definition in
            Forecast.occurrences(
                of: definition, stored: byName[definition.name], from: from, count: count, isNow: isNow
            )
            .map { (task: definition.name, at: $0) }
        }
        .sorted { ($0.at, $0.task) < ($1.at, $1.task) }
    }

    static func table(_ occurrences: [(task: String, at: Instant)], _ presentation: Presentation) -> Table {
        var table = Table([.init("AT"), .init("TASK")])
        table.rows = occurrences.map { [presentation.cell($0.at), .init($0.task)] }
        return table
    }
}
