internal import ArgumentParser
internal import InsightsEngine
internal import InsightsManifest
internal import InsightsPlugin

/// `insights modules`.
struct ModulesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "modules",
        abstract: "Show the task modules, their parameters and metrics.",
        usage: "insights modules [<options>] [<name>]",
        discussion: """
            A name that means one module shows all of it. On a pipe: id, plugin, origin,
            health, summary; of one module a line each for it, its parameters (name, type,
            default or required, meaning) and metrics (name, unit, shape, meaning), after
            the word module, parameter or metric.

            Example: insights modules git.activity
            """)

    @OptionGroup var global: GlobalOptions
    @OptionGroup var format: JSONOption

    @Argument(help: ArgumentHelp("A module, e.g. git.activity, or a plugin, e.g. git.", valueName: "name"))
    var name: String?

    func run() throws {
        let context = try CommandContext(global)
        defer { context.output.flush() }
        let modules = try ModulesCommand.find(name, in: context.registry)
        if format.json {
            context.output.json(modules.lazy.map(ModulesCommand.json))
        } else if name != nil, modules.count == 1 {
            ModuleSheet.lines(modules[0], context.output.terminal).forEach(context.output.line)
        } else {
            var table = Table([.init("MODULE"), .init("PLUGIN"), .init("ORIGIN"), .init("HEALTH"), .init("SUMMARY")])
            table.rows = modules.map(ModulesCommand.row)
            context.output.table(table)
        }
    }

    static func row(_ module: RegisteredModule) -> [Table.Cell] {
        [
            .init(module.id), .init("\(module.plugin) \(module.version)", plain: module.plugin), .init(module.origin),
            // A built-in module is part of the program: where this answers, it works.
            "ok", .init(module.declaration.summary),
        ]
    }

    /// All modules, or the one of that id, or those of the plugin of that name.
    ///
    /// - Throws: 64 with the nearest name when there is none.
    static func find(_ name: String?, in registry: Registry) throws(CommandFailure) -> [RegisteredModule] {
        guard let name else { return registry.modules }
        let found = registry.modules.filter { $0.id == name || $0.plugin == name }
        guard found.isEmpty else { return found }
        let nearest = NearestName.nearest(to: name, among: registry.modules.flatMap { [$0.id, $0.plugin] })
        throw CommandFailure(
            .usage, "there is no module or plugin \"\(name)\"",
            help: nearest.map { "did you mean \"\($0)\"?" } ?? "`insights modules` shows those there are")
    }

    /// `{"id","plugin","origin","summary","parameters","metrics","retention_seconds","timeout_seconds","health"}`.
    static func json(_ module: RegisteredModule) -> Value {
        let declaration = module.declaration
        return [
            "id": .string(module.id), "plugin": .string(module.plugin), "origin": .string(module.origin),
            "summary": .string(declaration.summary), "parameters": ManifestSchema.parameters(of: declaration),
            "metrics": .array(
                declaration.metrics.map { metric in
                    [
                        "name": .string(metric.name), "unit": .string(metric.unit),
                        "shape": .string(metric.shape.rawValue), "additive": .bool(metric.additive),
                        "rewritable": .bool(metric.rewritable), "summary": .string(metric.summary),
                    ]
                }),
            "retention_seconds": Value(declaration.retention), "timeout_seconds": Value(declaration.timeout),
            "health": "ok",
        ]
    }
}

/// All of one module: on one screen, or on a pipe as lines that begin with what they are about.
enum ModuleSheet {
    static func lines(_ module: RegisteredModule, _ terminal: Terminal) -> [String] {
        let parameters = parameters(of: module.declaration)
        let metrics = metrics(of: module.declaration)
        guard terminal.isTerminal else {
            let parts = [
                ("module", [ModulesCommand.row(module)]), ("parameter", parameters.rows), ("metric", metrics.rows),
            ]
            return parts.flatMap { word, rows in
                rows.map { row in ([word] + row.map { CellText.field($0.plain) }).joined(separator: "\t") }
            }
        }
        let declaration = module.declaration
        var lines = [
            Paint.bold(module.id, if: terminal.isLively) + " (\(module.plugin) \(module.version), \(module.origin))",
            declaration.summary, "",
        ]
        if let timeout = declaration.timeout { lines.append("timeout     \(DurationText.format(timeout))") }
        if let retention = declaration.retention { lines.append("retention   \(DurationText.format(retention))") }
        for table in [parameters, metrics] where !table.rows.isEmpty {
            if lines.last != "" { lines.append("") }
            lines += table.lines(for: terminal)
        }
        if declaration.declaresMetricsAtRun { lines += ["", "Runs may declare further metrics."] }
        return lines
    }

    private static func parameters(of declaration: ModuleDeclaration) -> Table {
        var table = Table([.init("PARAMETER"), .init("TYPE"), .init("DEFAULT"), .init("MEANING")])
        table.rows = rows(of: declaration.parameters, below: "")
        return table
    }

    private static func metrics(of declaration: ModuleDeclaration) -> Table {
        var table = Table([.init("METRIC"), .init("UNIT"), .init("SHAPE"), .init("MEANING")])
        table.rows = declaration.metrics.map {
            [.init($0.name), .init($0.unit), .init($0.shape.rawValue), .init($0.summary)]
        }
        return table
    }

    /// Nested parameters by their path: `repositories[].path`.
    private static func rows(of parameters: [Parameter], below path: String) -> [[Table.Cell]] {
        parameters.flatMap { parameter -> [[Table.Cell]] in
            let name = path + parameter.name
            let standard = parameter.defaultValue
            let required =
                parameter.isRequired
                ? Table.Cell("required")
                : .init(words(for: standard, parameter.type) ?? "", plain: standard?.json ?? "")
            let meaning = parameter.summary + (parameter.isSecret ? " (secret)" : "")
            let row: [Table.Cell] = [
                .init(name), .init(word(for: parameter.type)), required, .init(meaning),
            ]
            return [row] + inner(of: parameter.type, below: name)
        }
    }

    /// A default as a person writes it in a manifest.
    private static func words(for value: Value?, _ type: ParameterType) -> String? {
        guard case .string(let text) = value, !text.isEmpty else { return value?.json }
        // What a module calls a duration is whole or decimal seconds.
        if case .string(_, _, _, .duration) = type, let seconds = Double(text) {
            return DurationText.format(.seconds(seconds))
        }
        return text
    }

    private static func inner(of type: ParameterType, below path: String) -> [[Table.Cell]] {
        switch type {
        case .array(let item, _, _): inner(of: item.type, below: path + "[]")
        case .object(let parameters, _): rows(of: parameters, below: path + ".")
        default: []
        }
    }

    private static func word(for type: ParameterType) -> String {
        switch type {
        case .string(_, _, _, let format): format?.rawValue ?? "text"
        case .integer: "integer"
        case .number: "number"
        case .boolean: "boolean"
        case .enumeration(let words): words.joined(separator: "|")
        case .array(let item, _, _): "list of " + word(for: item.type)
        case .object: "map"
        case .map(let value): "map to " + word(for: value.type)
        case .any: "anything"
        }
    }
}
