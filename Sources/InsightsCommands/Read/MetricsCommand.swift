internal import ArgumentParser
internal import InsightsEngine
internal import InsightsPlugin

/// `insights metrics`.
struct MetricsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "metrics",
        abstract: "Show the latest value of each series.",
        usage: "insights metrics [<options>]",
        discussion: """
            On a pipe: kind, key, metric, label (of a ranking), value, unit, shape, instant,
            and of how many subjects a roll-up is the sum; --csv has the same columns.

            Example: insights metrics --kind repository --metric commits
            """)

    @OptionGroup var global: GlobalOptions
    @OptionGroup var format: DataOptions

    @Option(name: .long, help: ArgumentHelp("Only subjects of this kind, e.g. repository.", valueName: "kind"))
    var kind: String?

    @Option(name: .long, help: ArgumentHelp("Only the subject with this key (or former key).", valueName: "key"))
    var subject: String?

    @Option(name: .long, help: ArgumentHelp("Only this metric.", valueName: "metric"))
    var metric: String?

    func run() async throws {
        let context = try CommandContext(global)
        defer { context.output.flush() }
        var values: [LatestValue] = []
        var events: [SubjectEvent] = []
        if let store = try context.existingStore() {
            let query = LatestQuery(kind: kind, key: subject, metric: metric)
            values = try await stored { () async throws(StoreError) in try await store.latest(query) }
            if subject != nil, context.output.terminal.isTerminal { events = try await self.events(of: values, store) }
            await store.close()
            if values.isEmpty { context.console.line(nothing) }
        } else {
            context.tellNoDatabase()
        }
        if format.json {
            context.output.json(values.lazy.map(\.json))
        } else if format.csv {
            for line in CSV.lines(MetricsCommand.table(values, Presentation())) { context.output.line(line) }
        } else {
            context.output.table(MetricsCommand.table(values, context.presentation()))
            for event in events { context.output.line(CellText.safe(event.words)) }
        }
    }

    /// What became of the subject that was asked for.
    private func events(of values: [LatestValue], _ store: any StoreReader) async throws -> [SubjectEvent] {
        var events: [SubjectEvent] = []
        for id in Set(values.map(\.subject.id)).sorted() {
            events += try await stored { () async throws(StoreError) in try await store.subject(id) }?.events ?? []
        }
        return events
    }

    /// Why there is nothing to show.
    private var nothing: String {
        let asked = [
            kind.map { "kind \"\($0)\"" }, subject.map { "subject \"\($0)\"" }, metric.map { "metric \"\($0)\"" },
        ]
        .compactMap { $0 }
        return asked.isEmpty
            ? "nothing has been measured yet"
            : "nothing was measured of \(CellText.safe(asked.joined(separator: ", "))); `insights metrics` shows all there is"
    }

    /// A row a value; of a ranking a row a label.
    static func table(_ values: [LatestValue], _ presentation: Presentation) -> Table {
        var table = Table([
            .init("KIND"), .init("KEY"), .init("METRIC"), .init("LABEL"), .init("VALUE", numeric: true),
            .init("UNIT"), .init("SHAPE", lesser: true), .init("AT", lesser: true),
            .init("OF", numeric: true, lesser: true),
        ])
        for value in values {
            for (label, number) in value.value.lines {
                table.rows.append([
                    .init(value.subject.kind), .init(value.subject.key), .init(value.metric), .init(label),
                    .init(Presentation.text(number)), .init(value.unit), .init(value.shape.rawValue),
                    presentation.cell(value.at), .init(value.of.map(String.init)),
                ])
            }
        }
        return table
    }
}

extension SampleValue {
    /// A number is one line without a label, a ranking one a label.
    var lines: [(label: String?, value: Double)] {
        switch self {
        case .number(let number): [(nil, number)]
        case .ranking(let lines): lines.map { ($0.label, $0.value) }
        }
    }
}
