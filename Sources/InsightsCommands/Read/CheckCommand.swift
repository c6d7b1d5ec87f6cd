internal import ArgumentParser
internal import InsightsEngine
internal import InsightsManifest

/// `insights check`.
struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Check the manifest; every problem at once.",
        usage: "insights check [<options>]",
        discussion: """
            Ends with 0 (warnings are printed), or with 78 when there is an error.

            Example: insights check --manifest /srv/insights/tasks.yaml
            """)

    @OptionGroup var global: GlobalOptions
    @OptionGroup var format: JSONOption

    func run() throws {
        let context = try CommandContext(global)
        let result = context.readManifest()
        defer { context.output.flush() }
        if format.json {
            context.output.json(result.diagnostics.lazy.map(\.json))
        } else {
            for diagnostic in result.diagnostics {
                context.output.line(diagnostic.rendered(color: context.output.terminal.isLively))
            }
            context.output.line(CheckCommand.verdict(result, path: global.manifest))
        }
        if result.manifest == nil { throw CommandFailure.told(.configuration) }
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
