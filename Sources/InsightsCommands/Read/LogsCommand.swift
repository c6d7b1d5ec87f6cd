internal import ArgumentParser
internal import InsightsEngine
internal import InsightsPlugin

/// `insights logs`.
struct LogsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logs",
        abstract: "Show a run's log.",
        usage: "insights logs [<options>] <run>",
        discussion: """
            --json prints a JSON object a line: {"at","level","message","fields"}.
            On a pipe: instant, level, message, fields as JSON.

            Example: insights logs 01890a5d-ac96-774b-bcce-b302099a8057 --follow
            """)

    @OptionGroup var global: GlobalOptions

    @Flag(name: .long, help: "The same facts as JSON lines.")
    var json = false

    @Flag(name: .long, help: "Go on until the run has its end.")
    var follow = false

    @Argument(
        help: ArgumentHelp("The run's id, as in `insights history`.", valueName: "run"), transform: RunArgument.parse)
    var run: RunID

    func run() async throws {
        let context = try CommandContext(global)
        defer { context.output.flush() }
        let store = try context.requireStore()
        let presentation = context.presentation()
        var shown = 0
        while true {
            // The state is read before the log: what a run logs last is stored with its end.
            guard let record = try await stored({ () async throws(StoreError) in try await store.run(run) }) else {
                throw CommandFailure.unknownRun(run)
            }
            let offset = shown
            let lines = try await stored { () async throws(StoreError) in
                try await store.log(of: run, offset: offset)
            }
            for line in lines { context.output.line(text(of: line, context, presentation)) }
            shown = lines.last.map { $0.number + 1 } ?? shown
            context.output.flush()
            if !follow || record.status.isFinal { break }
            try await SystemClock().sleep(for: .milliseconds(250))
        }
        await store.close()
    }

    private func text(of line: LogLine, _ context: CommandContext, _ presentation: Presentation) -> String {
        if json { return line.json.json }
        let fields = line.fields.isEmpty ? "" : Value.object(line.fields).json
        guard context.output.terminal.isTerminal else {
            return [line.at.description, line.level, line.message, fields].map(CellText.field).joined(separator: "\t")
        }
        let isColored = context.output.terminal.isLively
        let paint: Paint =
            switch line.level {
            case "error": .red
            case "warning": .yellow
            case "info": .blue
            default: .dim
            }
        let level = line.level + String(repeating: " ", count: max(0, 7 - line.level.utf8.count))
        return Paint.dim(presentation.text(line.at), if: isColored) + " " + paint(level, if: isColored) + " "
            + CellText.safe(line.message)
            + (fields.isEmpty ? "" : "  " + Paint.dim(CellText.safe(fields), if: isColored))
    }
}

extension CommandFailure {
    /// That no run has this id.
    static func unknownRun(_ run: RunID) -> CommandFailure {
        CommandFailure(.usage, "there is no run \(run)", help: "`insights history` shows runs and their ids")
    }
}
