internal import ArgumentParser
internal import InsightsEngine
internal import InsightsPlugin

/// `insights series`.
struct SeriesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "series",
        abstract: "Show one series, oldest point first.",
        usage: "insights series --subject <key> --metric <metric> [<options>]",
        discussion: """
            On a pipe: instant, label (of a ranking), value; --csv has the same columns.
            A key that several kinds share needs --kind. Days are in UTC.

            Example: insights series --subject apple/swift --metric commits --step month
            """)

    @OptionGroup var global: GlobalOptions
    @OptionGroup var format: DataOptions

    @Option(name: .long, help: ArgumentHelp("The subject's key, as in `insights metrics`.", valueName: "key"))
    var subject: String

    @Option(name: .long, help: ArgumentHelp("The metric's name.", valueName: "metric"))
    var metric: String

    @Option(name: .long, help: ArgumentHelp("The subject's kind.", valueName: "kind"))
    var kind: String?

    @Option(
        name: .long, help: ArgumentHelp("Points at this instant or later.", valueName: "instant"),
        transform: InstantArgument.parse)
    var from: Instant?

    @Option(
        name: .long, help: ArgumentHelp("Points at this instant or earlier.", valueName: "instant"),
        transform: InstantArgument.parse)
    var to: Instant?

    @Option(
        name: .long, help: ArgumentHelp("day, week (from Monday) or month: points put together.", valueName: "step"),
        transform: { text in
            guard let step = SeriesStep(rawValue: text) else {
                throw ValidationError("\"\(text)\" is not day, week or month")
            }
            return step
        })
    var step: SeriesStep?

    func validate() throws {
        if let from, let to, from > to { throw ValidationError("--from must not be after --to") }
    }

    func run() async throws {
        let context = try CommandContext(global)
        defer { context.output.flush() }
        let store = try context.requireStore()
        let query = SeriesQuery(
            subject: .key(subject, kind: kind), metric: metric, from: from, to: to, step: step)
        let series = try await stored { () async throws(StoreError) in try await store.series(query) }
        guard let series else { throw try await nothingMeasured(store) }
        await store.close()
        if format.json {
            context.output.line(series.json.json)
        } else if format.csv {
            context.output.csv(SeriesCommand.table(series, Presentation()))
        } else {
            context.output.table(SeriesCommand.table(series, Presentation()))
            if context.output.terminal.isTerminal { SeriesCommand.notes(series).forEach(context.output.line) }
        }
    }

    static func table(_ series: SeriesRecord, _ presentation: Presentation) -> Table {
        let isRanking = series.shape == .ranking
        var table = Table([.init("AT"), isRanking ? .init("LABEL") : .pipeOnly("LABEL"), .init("VALUE", numeric: true)])
        for point in series.points {
            let at =
                point.at == point.at.startOfDay
                ? Table.Cell(point.at.dateText, plain: point.at.description) : presentation.cell(point.at)
            for (label, number) in point.value.lines {
                table.rows.append([at, .init(label), .init(Presentation.text(number))])
            }
        }
        return table
    }

    /// What the points alone do not say.
    static func notes(_ series: SeriesRecord) -> [String] {
        let head = "\(series.subject.kind) \(series.subject.key), \(series.metric) in \(series.unit)"
        var notes = [CellText.safe(head) + (series.sum.map { ": sum \(Presentation.text($0))" } ?? "")]
        if let of = series.of { notes[0] += "; a roll-up of \(of) subjects" }
        for gap in series.gaps { notes.append("nothing is known from \(gap.from.dateText) to \(gap.to.dateText)") }
        return notes
    }

    /// Names what is wrong of kind, key and metric, and the nearest there is.
    private func nothingMeasured(_ store: any Store) async throws -> CommandFailure {
        let query = LatestQuery(kind: kind, key: subject)
        let ofSubject = try await stored { () async throws(StoreError) in try await store.latest(query) }
        let name = kind.map { "\($0) \"\(subject)\"" } ?? "\"\(subject)\""
        if !ofSubject.isEmpty {
            let metrics = TaskNames.unique(ofSubject.map(\.metric))
            let nearest = NearestName.nearest(to: metric, among: metrics)
            return CommandFailure(
                .usage, "nothing was measured of \(name) under the name \"\(metric)\"",
                help: nearest.map { "did you mean \"\($0)\"?" } ?? "it has \(metrics.joined(separator: ", "))")
        }
        let all = try await stored { () async throws(StoreError) in try await store.latest(LatestQuery()) }
        let nearest = NearestName.nearest(to: subject, among: TaskNames.unique(all.map(\.subject.key)))
        return CommandFailure(
            .usage, "nothing was measured of \(name)",
            help: nearest.map { "did you mean \"\($0)\"?" } ?? "`insights metrics` shows the keys there are")
    }
}
