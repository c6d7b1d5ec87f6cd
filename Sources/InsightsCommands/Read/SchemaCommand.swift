internal import ArgumentParser
internal import InsightsManifest
internal import InsightsPlugin

/// `insights schema`.
struct SchemaCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "schema",
        abstract: "Print the JSON Schema of the manifest.",
        usage: "insights schema [<options>]",
        discussion: """
            For editors: with yaml-language-server, begin tasks.yaml with the line
            # yaml-language-server: $schema=./tasks.schema.json

            Example: insights schema > tasks.schema.json
            """)

    @OptionGroup var global: GlobalOptions
    @OptionGroup var format: JSONOption

    func run() throws {
        let context = try CommandContext(global)
        let schema = ManifestSchema.json(for: context.registry)
        context.output.line(format.json ? schema.json : schema.prettyJSON)
        context.output.flush()
    }
}
