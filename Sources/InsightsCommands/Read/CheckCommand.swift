internal import ArgumentParser
internal import InsightsEngine
internal import InsightsManifest
internal import InsightsPlugin

/// `insights check`.
struct CheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Check the manifest; every problem at once.",
        usage: "insights check [--online [<task> ...]] [<options>]",
        discussion: """
            Ends with 0 (warnings are printed), or with 78 when there is an error.
            --online asks the servers, too: what the credentials may read, what would be
            measured, and what a run takes; 69 when one is out of reach.

            Example: insights check --manifest /srv/insights/tasks.yaml
            """)

    @OptionGroup var global: GlobalOptions
    @OptionGroup var format: JSONOption

    @Flag(name: .long, help: "Ask the servers that the tasks would ask.")
    var online = false

    @Option(
        name: .long, help: ArgumentHelp("How long all servers may take together. (60s)", valueName: "duration"),
        transform: DurationArgument.parse)
    var timeout: Duration?

    @Argument(help: ArgumentHelp("With --online: these, also disabled; else all enabled.", valueName: "task"))
    var tasks: [String] = []

    func validate() throws {
        if !online, !tasks.isEmpty || timeout != nil {
            throw ValidationError("tasks and --timeout go with --online")
        }
    }

    func run() async throws {
        let context = try CommandContext(global)
        let result = context.readManifest()
        defer { context.output.flush() }
        if !format.json {
            for diagnostic in result.diagnostics {
                context.output.line(diagnostic.rendered(color: context.output.terminal.isLively))
            }
            context.output.line(CheckCommand.verdict(result, path: global.manifest))
        }
        guard online else {
            if format.json { context.output.json(result.diagnostics.lazy.map(\.json)) }
            if result.manifest == nil { throw CommandFailure.told(.configuration) }
            return
        }
        var findings: [OnlineCheck.Finding] = []
        if let manifest = result.manifest {
            let check = OnlineCheck(context: context, timeout: timeout ?? .seconds(60))
            findings = try await check.findings(of: tasks, in: manifest)
            await context.closeConnections()
        }
        if format.json {
            context.output.line(OnlineCheck.json(result.diagnostics, findings).json)
        } else {
            for line in OnlineCheck.lines(findings, for: context.output.terminal) { context.output.line(line) }
        }
        if result.manifest == nil { throw CommandFailure.told(.configuration) }
        if let status = OnlineCheck.status(findings) { throw CommandFailure.told(status) }
    }

    /// The last line: how many problems, or how many tasks.
    static func verdict(_ result: ManifestResult, path: String) -> String {
        func counted(_ count: Int, _ word: String) -> String { "\(count) \(word)\(count == 1 ? "" : "s")" }
        let errors = result.diagnostics.count { $0.severity == .error }
        let warnings = result.diagnostics.count - errors
        let suffix = warnings > 0 ? ", \(counted(warnings, "warning"))" : ""
        guard let manifest = result.manifest else { return "\(path): \(counted(errors, "error"))\(suffix)" }
        return "\(path): ok, \(counted(manifest.tasks.count, "task"))\(suffix)"
    }
}
