internal import HTTPTypes
internal import InsightsEngine
internal import InsightsPlugin

/// Pages for people: complete without scripts, and nothing in them comes from elsewhere.
enum PageRoutes {
    /// How many subjects the overview shows at once; each costs a few series.
    private static let pageSize = 24
    private static let search = Parameter.text(
        "q", of: 0...256, "Only subjects whose key or name has this part, any case.")
    private static let range = Parameter<ChartRange>.choice(
        "range", default: .quarter, "How far back charts go: by day, by week, by month.")
    private static let page: Value = ["type": "string"]

    static let all: [Route] = [
        Route(
            .get, "/", id: "getOverviewPage", "A page with all tasks, and subjects with their latest values.",
            parameters: [search.spec, RunRoutes.cursor.spec],
            answers: [Answer(.ok, "The page.", content: [(MediaType.html.essence, page)])], handler: overview),
        Route(
            .get, "/subjects/{id}", id: "getSubjectPage", "A page with one subject's values and charts.",
            parameters: [SubjectRoutes.id.spec, range.spec],
            answers: [
                Answer(.ok, "The page.", content: [(MediaType.html.essence, page)]),
                .problem(.notFound, "There is no such subject."),
            ], handler: subject),
    ]

    @Sendable private static func overview(_ call: Call) async throws(Problem) -> Reply {
        // The spaces around what was pasted into the field are none of it.
        let text = trimmed(try call.value(search) ?? "")
        let query = SubjectQuery(text: text.isEmpty ? nil : text, limit: pageSize)
        let tasks = try await stored { () async throws(StoreError) in try await call.daemon.taskViews() }
        let subjects = try await paged(call, ["overview", query.text]) { cursor async throws(StoreError) in
            var query = query
            query.cursor = cursor
            return try await call.daemon.reader.subjects(query)
        }
        let now = call.site.clock.now
        var cards: [OverviewPage.SubjectCard] = []
        for subject in subjects.items {
            cards.append(try await card(for: subject, call))
        }
        return reply(
            PageTemplates.render(
                "overview",
                OverviewPage(
                    frame: PageFrame(title: "insights", call), tasks: tasks.map { OverviewPage.TaskRow($0, now: now) },
                    subjects: cards.filter { !$0.values.isEmpty }, plain: cards.filter(\.values.isEmpty),
                    total: subjects.total.map { PageText.number(Double($0)) } ?? "", search: text,
                    nothing: cards.isEmpty ? (text.isEmpty ? "Nothing is measured yet." : "Nothing fits.") : nil,
                    nextPage: subjects.nextCursor.map { "/?q=\(queryText(text))&cursor=\(queryText($0))" })))
    }

    @Sendable private static func subject(_ call: Call) async throws(Problem) -> Reply {
        let range = try call.value(range) ?? .quarter
        let subject = try await SubjectRoutes.find(call.required(SubjectRoutes.id), call)
        let now = call.site.clock.now
        var panels: [SubjectPage.Panel] = []
        for value in subject.values {
            let series = value.shape == .ranking ? nil : try await series(value.metric, of: subject, range, call)
            panels.append(SubjectPage.Panel(value, series: series, range: range, now: now))
        }
        let frame = PageFrame(title: "\(subject.name) – insights", call)
        return reply(
            PageTemplates.render("subject", SubjectPage(subject, panels: panels, range: range, frame: frame)))
    }

    /// A few figures and one small chart; of counts a day the sum over the range, as one day says little.
    private static func card(for subject: SubjectRecord, _ call: Call) async throws(Problem) -> OverviewPage.SubjectCard
    {
        var values = subject.values.filter { $0.shape != .ranking }
        let leading = ["commits", "stars", "views"].compactMap { name in values.firstIndex { $0.metric == name } }.first
        if let leading { values.insert(values.remove(at: leading), at: 0) }
        let shown = values.prefix(OverviewPage.SubjectCard.mostValues)
        var figures: [OverviewPage.Figure] = []
        var chart = ""
        for value in shown {
            let isLeading = value.metric == shown.first?.metric
            let isNeeded = isLeading || value.shape == .daily
            let series = isNeeded ? try await series(value.metric, of: subject, .quarter, call) : nil
            if isLeading, let series {
                chart = Chart(series, range: .quarter, now: call.site.clock.now, isLabelled: false).svg
            }
            figures.append(OverviewPage.Figure(value, sum: series?.sum))
        }
        return OverviewPage.SubjectCard(subject, chart: chart, figures: figures, hidden: values.count - shown.count)
    }

    private static func series(
        _ metric: String, of subject: SubjectRecord, _ range: ChartRange, _ call: Call
    ) async throws(Problem) -> SeriesRecord? {
        let query = SeriesQuery(
            subject: .id(subject.id), metric: metric,
            from: range.start(before: call.site.clock.now), step: range.step)
        return try await stored { () async throws(StoreError) in try await call.daemon.reader.series(query) }
    }

    private static func reply(_ html: String) -> Reply {
        Reply(
            type: .html, fields: [.contentSecurityPolicy: PageStyle.policy, .referrerPolicy: "no-referrer"],
            body: html)
    }

    private static func trimmed(_ text: String) -> String {
        let rest = text.drop { $0 == " " }
        return String(rest.prefix(rest.reversed().drop { $0 == " " }.count))
    }

    /// Percent-encoded for a query.
    private static func queryText(_ text: String) -> String {
        text.utf8.map { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
                String(UnicodeScalar(byte))
            default: "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
            }
        }.joined()
    }
}
