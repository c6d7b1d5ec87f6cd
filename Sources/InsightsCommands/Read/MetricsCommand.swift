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
            On a pipe: kind, key, metric, label (of a ranking), value, unit, shape,
            instant, and of how many subjects a roll-up is the sum; --csv has the same
            columns.

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
        show(values, events, context)
    }

    private func show(_ values: [LatestValue], _ events: [SubjectEvent], _ context: CommandContext) {
        let output = context.output
        if format.json {
            // Neighbours share their subject, which is the largest part of each.
            var subject: (id: Int64, json: JSONText)?
            output.json(values) { value, text in
                if subject?.id != value.subject.id { subject = (value.subject.id, JSONText(value.subject.json)) }
                if let subject { text.append(value, subject: subject.json) }
            }
        } else if output.terminal.isTerminal, !format.csv {
            output.table(MetricsCommand.table(values, context.presentation()))
            for event in events { output.line(CellText.safe(event.words)) }
        } else {
            output.rows(format.csv ? .csv : .tabs) { rows in
                rows.header(MetricsCommand.columns)
                MetricsCommand.write(values, to: &rows)
            }
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

    private static let columns: [Table.Column] = [
        .init("KIND"), .init("KEY"), .init("METRIC"), .init("LABEL"), .init("VALUE", numeric: true), .init("UNIT"),
        .init("SHAPE", lesser: true), .init("AT", lesser: true), .init("OF", numeric: true, lesser: true),
    ]

    static func table(_ values: [LatestValue], _ presentation: Presentation) -> Table {
        var rows = TableRows(columns, presentation)
        write(values, to: &rows)
        return rows.table
    }

    /// A row a value; of a ranking a row a label.
    private static func write(_ values: [LatestValue], to rows: inout some RowSink) {
        for value in values {
            switch value.value {
            case .number(let number): write(value, nil, number, to: &rows)
            case .ranking(let lines): for line in lines { write(value, line.label, line.value, to: &rows) }
            }
        }
    }

    private static func write(_ value: LatestValue, _ label: String?, _ number: Double, to rows: inout some RowSink) {
        rows.cell(value.subject.kind)
        rows.cell(value.subject.key)
        rows.cell(value.metric)
        rows.cell(label)
        rows.cell(number)
        rows.cell(value.unit)
        rows.cell(value.shape.rawValue)
        rows.cell(value.at)
        rows.cell(value.of.map(String.init))
        rows.endRow()
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
