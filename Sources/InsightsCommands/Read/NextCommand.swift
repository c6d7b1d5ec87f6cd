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
        let isDatabaseNamed = global.database != nil
        if let store = try context.existingStore() {
            known = try await stored { () async throws(StoreError) in try await store.tasks() }
            await store.close()
        } else if isDatabaseNamed {
            context.tellNoDatabase()
        }
        let occurrences = NextCommand.occurrences(
            of: definitions, stored: known, from: from ?? SystemClock().now, count: count, isNow: from == nil)
        defer { context.output.flush() }
        if occurrences.isEmpty { context.console.line(NextCommand.reason(definitions)) }
        if format.json {
            context.output.json(
                occurrences.lazy.map { ["task": .string($0.task), "scheduled_at": Value($0.at)] })
        } else {
            context.output.table(NextCommand.table(occurrences, context.presentation(manifest)))
        }
    }

    /// Why there is nothing to show.
    private static func reason(_ definitions: [TaskDefinition]) -> String {
        if definitions.isEmpty { return "nothing is coming: no task is enabled" }
        let isWaiting = definitions.allSatisfy { if case .after = $0.cadence { true } else { false } }
        return isWaiting
            ? "no instants of their own: tasks with `after` start when what they name has succeeded"
            : "nothing is coming from then on"
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
            // RFC 3339 ends there, and a later one could not be read back.
            .prefix { $0 <= Instant.lastWritten }
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

extension Instant {
    /// The last one of the year 9999.
    fileprivate static let lastWritten = Instant(milliseconds: 253_402_300_799_999)
}
