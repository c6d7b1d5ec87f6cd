internal import ArgumentParser
internal import InsightsEngine
internal import InsightsPlugin

/// `insights list`.
struct ListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Show the tasks, with cadence, last and next run.",
        usage: "insights list [<options>]",
        discussion: """
            On a pipe: name, module, cadence, yes|no|paused|no, paused, last run's
            scheduled instant, its status, next run's instant, description, "at risk"
            where the last success is older than three quarters of what the source keeps.

            Example: insights list --json | jq '.[] | select(.enabled) | .name'
            """)

    @OptionGroup var global: GlobalOptions
    @OptionGroup var format: JSONOption

    func run() async throws {
        let context = try CommandContext(global)
        let manifest = try context.manifest()
        let views = try await ListCommand.views(of: manifest, isDatabaseNamed: global.database != nil, context)
        defer { context.output.flush() }
        if format.json {
            context.output.json(views.lazy.map(\.json))
        } else {
            context.output.table(ListCommand.table(views, context.presentation(manifest)))
        }
    }

    /// The tasks with what is stored of them, if there is a database.
    ///
    /// - Parameter isDatabaseNamed: Whether one was given by flag: a mistake in it is told.
    private static func views(
        of manifest: Manifest, isDatabaseNamed: Bool, _ context: CommandContext
    ) async throws -> [TaskView] {
        var tasks: [StoredTask] = []
        var runs: [String: RunRecord] = [:]
        if let store = try context.existingStore() {
            tasks = try await stored { () async throws(StoreError) in try await store.tasks() }
            runs = try await stored { () async throws(StoreError) in try await store.lastRuns() }
            await store.close()
        } else if isDatabaseNamed {
            context.tellNoDatabase()
        }
        let byName = Dictionary(tasks.map { ($0.name, $0) }) { first, _ in first }
        let now = SystemClock().now
        return manifest.tasks.map {
            TaskView($0, stored: byName[$0.name], lastRun: runs[$0.name], now: now)
        }
    }

    static func table(_ views: [TaskView], _ presentation: Presentation) -> Table {
        var table = Table([
            .init("TASK"), .init("MODULE", lesser: true), .init("CADENCE", lesser: true, rank: 2), .init("ENABLED"),
            .init("LAST RUN", lesser: true, rank: 1), .init("STATUS"), .init("NEXT RUN"),
            .init("DESCRIPTION", lesser: true),
            .pipeOnly("RISK"),
        ])
        table.rows = views.map { view in
            let enabled = view.isEnabled ? "yes" : "no"
            let state = !view.isPaused ? enabled : view.isEnabled ? "paused" : "no, paused"
            return [
                .init(view.name), .init(view.uses), .init(view.cadence),
                .init(state, paint: view.isPaused ? .yellow : nil), presentation.cell(view.lastRun?.scheduledAt),
                status(of: view, presentation), presentation.cell(view.nextRun), .init(view.description),
                .init(view.isAtRisk ? "at risk" : ""),
            ]
        }
        return table
    }

    /// For people with the risk beside it, which programs are given in a column of its own.
    private static func status(of view: TaskView, _ presentation: Presentation) -> Table.Cell {
        var cell = view.lastRun.map { presentation.cell($0.status, reason: nil) } ?? ""
        if view.isAtRisk { cell = .init(cell.text + ", at risk", plain: cell.plain, paint: .yellow) }
        return cell
    }
}
