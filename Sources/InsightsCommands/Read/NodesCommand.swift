internal import ArgumentParser
internal import InsightsEngine
internal import InsightsPlugin

/// `insights nodes`.
struct NodesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "nodes",
        abstract: "Show the processes that run tasks on this database.",
        usage: "insights nodes [<options>]",
        discussion: """
            AGREES tells whether a node has the manifest that most of the living ones have;
            of two that as many have, the one of the node that started last.

            On a pipe: name, process id, version, started, last seen, alive|gone, attempts
            going on, the manifest's hash, yes|no.

            Example: insights nodes --json | jq '.[] | select(.agrees | not) | .name'
            """)

    @OptionGroup var global: GlobalOptions
    @OptionGroup var format: JSONOption

    func run() async throws {
        let context = try CommandContext(global)
        defer { context.output.flush() }
        let nodes = try await nodes(context)
        if format.json {
            context.output.json(nodes.json)
        } else {
            context.output.table(NodesCommand.table(nodes, context.presentation()))
        }
    }

    private func nodes(_ context: CommandContext) async throws -> [NodeRecord] {
        guard let store = try context.existingStore() else {
            context.tellNoDatabase()
            return []
        }
        let nodes = try await stored { () async throws(StoreError) in try await store.nodes() }
        await store.close()
        return nodes
    }

    static func table(_ nodes: [NodeRecord], _ presentation: Presentation) -> Table {
        var table = Table([
            .init("NODE"), .init("PID", lesser: true), .init("VERSION", lesser: true), .init("STARTED", lesser: true),
            .init("LAST SEEN"), .init("STATE"), .init("RUNNING"), .init("MANIFEST", lesser: true), .init("AGREES"),
        ])
        let prevailing = nodes.prevailingManifest
        table.rows = nodes.map { node in
            let agrees = node.manifest.map { $0 == prevailing }
            return [
                .init(node.name), .init(String(node.processID)), .init(node.version),
                presentation.cell(node.startedAt), presentation.cell(node.lastSeen),
                .init(node.isAlive ? "alive" : "gone", paint: node.isAlive ? .green : .red),
                .init(String(node.running)), .init(node.manifestText ?? ""),
                .init(agrees.map { $0 ? "yes" : "no" } ?? "", paint: agrees == false ? .yellow : nil),
            ]
        }
        return table
    }
}
