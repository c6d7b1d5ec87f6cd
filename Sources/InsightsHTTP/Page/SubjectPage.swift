internal import InsightsEngine
internal import InsightsPlugin

/// How far back a subject's charts go.
enum ChartRange: String, CaseIterable, Sendable {
    case quarter
    case year
    case all

    var title: String {
        switch self {
        case .quarter: "90 days"
        case .year: "1 year"
        case .all: "all"
        }
    }

    /// After a sum.
    var words: String { self == .all ? "in all" : "in \(title)" }

    /// `nil`: from the beginning.
    var days: Int? {
        switch self {
        case .quarter: 90
        case .year: 365
        case .all: nil
        }
    }

    /// How long one bar stands for; of months the mean.
    var barWidth: Duration {
        switch self {
        case .quarter: .seconds(86_400)
        case .year: .seconds(86_400 * 7)
        case .all: .seconds(2_629_746)
        }
    }

    /// The first instant of it, before `now`; `nil`: from the beginning.
    func start(before now: Instant) -> Instant? {
        days.map { now.startOfDay.advanced(by: .seconds(-86_400 * ($0 - 1))) }
    }

    var step: SeriesStep? {
        switch self {
        case .quarter: nil
        case .year: .week
        case .all: .month
        }
    }
}

/// `GET /subjects/{id}`: one subject, a chart for each of its series.
struct SubjectPage: Sendable {
    struct Range: Sendable {
        let name: String
        let target: String
        let isChosen: Bool
    }

    struct Panel: Sendable {
        let metric: String
        let unit: String?
        let value: String
        /// HTML.
        let at: String
        let of: String?
        /// SVG.
        let chart: String
        let ranking: [Line]
        let note: String?
    }

    struct Line: Sendable {
        let label: String
        let value: String
    }

    let frame: PageFrame
    let name: String
    let kind: String
    let key: String
    let state: String?
    let parent: String?
    let aliases: String?
    /// What became of it, oldest first.
    let events: [String]
    /// Only `http` and `https`: what a source calls a link may be a script.
    let link: String?
    let isMeasured: Bool
    let ranges: [Range]
    /// What is one number each.
    let figures: [Panel]
    /// What has a chart or a list.
    let panels: [Panel]

    init(_ subject: SubjectRecord, panels: [Panel], range: ChartRange, frame: PageFrame) {
        self.frame = frame
        name = subject.name
        kind = subject.kind
        key = subject.key
        state = subject.state == .active ? nil : subject.state.rawValue
        parent = subject.parent.map { "\($0.kind) \($0.key)" }
        aliases = subject.aliases.isEmpty ? nil : subject.aliases.joined(separator: ", ")
        events = subject.events.map(\.words)
        link = subject.url.flatMap { url in
            ["http://", "https://"].contains { url.lowercased().hasPrefix($0) } ? url : nil
        }
        ranges = ChartRange.allCases.map {
            Range(name: $0.title, target: "/subjects/\(subject.id)?range=\($0.rawValue)", isChosen: $0 == range)
        }
        isMeasured = !panels.isEmpty
        figures = panels.filter { $0.chart.isEmpty && $0.ranking.isEmpty }
        self.panels = panels.filter { !$0.chart.isEmpty || !$0.ranking.isEmpty }
    }
}

extension SubjectPage.Panel {
    /// - Parameter series: Over the range; `nil` when nothing was read of it, as of a ranking.
    init(_ latest: LatestValue, series: SeriesRecord?, range: ChartRange, now: Instant) {
        metric = latest.metric.replacing("_", with: " ")
        unit = latest.unit == "1" || latest.unit == latest.metric ? nil : latest.unit
        of = latest.of.map(String.init)
        chart = series.map { Chart($0, range: range, now: now, isLabelled: true).svg } ?? ""
        switch latest.value {
        case .number(let number):
            let sum = series?.sum
            value = PageText.number(sum ?? number)
            at =
                if sum != nil { range.words } else if latest.shape == .daily { "on " + latest.at.dateText } else {
                    PageText.time(latest.at, now: now)
                }
            note = SubjectPage.Panel.note(latest, isSummed: sum != nil, hasGaps: series?.gaps.isEmpty == false)
            ranking = []
        case .ranking(let lines):
            value = ""
            at = latest.at.dateText
            note = nil
            ranking = lines.prefix(10).map { SubjectPage.Line(label: $0.label, value: PageText.number($0.value)) }
        }
    }

    /// What the big figure does not say: the last day, and that days are missing.
    private static func note(_ latest: LatestValue, isSummed: Bool, hasGaps: Bool) -> String? {
        var words: [String] = []
        if isSummed, case .number(let number) = latest.value {
            words.append("\(PageText.number(number)) on \(latest.at.dateText)")
        }
        if hasGaps { words.append("shaded days are missing at the source") }
        return words.isEmpty ? nil : words.joined(separator: "; ")
    }
}

extension Chart {
    /// A series as a chart; points that are no numbers have no place in one.
    init(_ series: SeriesRecord, range: ChartRange, now: Instant, isLabelled: Bool) {
        let points = series.points.compactMap { point in
            if case .number(let value) = point.value { (at: point.at, value: value) } else { nil }
        }
        self.init(
            style: series.shape == .daily ? .bars(range.barWidth) : .line,
            from: min(range.start(before: now) ?? now, points.first?.at ?? now),
            to: series.shape == .daily ? now.startOfDay.advanced(by: .seconds(86_400)) : now, points: points,
            gaps: series.gaps, isLabelled: isLabelled,
            label: "\(series.metric) of \(series.subject.name), "
                + (points.count == 1 ? "1 point" : "\(points.count) points"),
            size: isLabelled ? (360, 120) : (270, 44))
    }
}
