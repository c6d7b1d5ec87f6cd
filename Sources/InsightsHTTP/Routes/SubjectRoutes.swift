internal import HTTPTypes
internal import InsightsEngine
internal import InsightsPlugin

/// What is measured, and its numbers.
enum SubjectRoutes {
    static let id = Parameter.subjectID("id", in: .path, "The subject's id.")
    private static let kind = Parameter.text("kind", "Only subjects of this kind, e.g. repository.")
    private static let parent = Parameter.subjectID("parent", in: .query, "Only subjects that belong to this one.")
    private static let text = Parameter.text("q", "Only subjects whose key or name has this part, any case.")
    private static let sort = metricParameter("sort", "Order by the latest value of this metric, not by kind and key.")
    private static let order = Parameter<SubjectQuery.Order>.choice(
        "order", default: .ascending, "Whether the order rises or falls.")
    private static let limit = Parameter.integer(
        "limit", 1...1000, default: 100, "How many subjects a page has at most.")
    private static let subject = Parameter.subjectID("subject", in: .query, required: true, "The subject's id.")
    private static let metric = metricParameter("metric", required: true, "The metric's name.")
    private static let from = Parameter.instant("from", "Only points at this instant or later.")
    private static let to = Parameter.instant("to", "Only points at this instant or earlier.")
    private static let step = Parameter<SeriesStep>.choice(
        "step", "Put points of a day, a week from Monday or a month together, in UTC.")

    static let all: [Route] = [
        Route(
            .get, "/api/subjects", id: "listSubjects", "Subjects with their latest values.",
            parameters: [
                kind.spec, parent.spec, text.spec, sort.spec, order.spec, limit.spec, RunRoutes.cursor.spec,
            ],
            answers: [
                Answer(.ok, "A page of subjects.", Schema.countedPage("subjects", of: .measuredSubject)),
                .problem(.notFound, "There is no such parent."),
            ], handler: list),
        Route(
            .get, "/api/subjects/{id}", id: "getSubject", "One subject with its latest values and what became of it.",
            parameters: [id.spec],
            answers: [
                Answer(.ok, "The subject.", Schema.followedSubject.reference),
                .problem(.notFound, "There is no such subject."),
            ], handler: one),
        Route(
            .get, "/api/series", id: "getSeries", "One series: a subject's metric over time, oldest point first.",
            parameters: [subject.spec, metric.spec, from.spec, to.spec, step.spec],
            answers: [
                Answer(.ok, "The series.", Schema.series.reference),
                .problem(.notFound, "There is no such subject, or nothing was measured of it under this name."),
            ], handler: series),
    ]

    /// The problem of an id that no subject has.
    static func unknown(_ id: Int64) -> Problem { .notFound("there is no subject \(id)") }

    private static func metricParameter(
        _ name: String, required: Bool = false, _ summary: String
    ) -> Parameter<String> {
        Parameter(
            name, required: required, summary, expected: "a metric's name, such as commits",
            schema: ["type": "string", "pattern": "^[a-z][a-z0-9_]{0,62}$"]
        ) { MetricDeclaration.isValid(name: $0) ? $0 : nil }
    }

    @Sendable private static func list(_ call: Call) async throws(Problem) -> Reply {
        let query = SubjectQuery(
            kind: try call.value(kind), parent: try call.value(parent), text: try call.value(text),
            sort: try call.value(sort), order: try call.value(order) ?? .ascending,
            limit: try call.value(limit) ?? 100)
        if let parent = query.parent { _ = try await find(parent, call) }
        let words: [String?] = [
            "subjects", query.kind, query.parent.map(String.init), query.text, query.sort, query.order.rawValue,
        ]
        let page = try await paged(call, words) { cursor async throws(StoreError) in
            var query = query
            query.cursor = cursor
            return try await call.daemon.reader.subjects(query)
        }
        return .json([
            "subjects": .array(page.items.map(\.measuredJSON)), "next_cursor": Value(page.nextCursor),
            "total": page.total.map { .integer(Int64($0)) } ?? .null,
        ])
    }

    @Sendable private static func one(_ call: Call) async throws(Problem) -> Reply {
        .json(try await find(call.required(id), call).followedJSON)
    }

    @Sendable private static func series(_ call: Call) async throws(Problem) -> Reply {
        let id = try call.required(subject)
        let query = SeriesQuery(
            subject: .id(id), metric: try call.required(metric), from: try call.value(from), to: try call.value(to),
            step: try call.value(step))
        if let from = query.from, let to = query.to, from > to { throw .badParameter("from", "must not be after to") }
        let series = try await stored { () async throws(StoreError) in try await call.daemon.reader.series(query) }
        if let series { return .json(series.json) }
        let subject = try await find(id, call)
        throw .notFound("nothing was measured of \(subject.kind) \(subject.key) under the name \(query.metric)")
    }

    /// - Throws: ``Problem`` 404 when there is no such subject.
    static func find(_ id: Int64, _ call: Call) async throws(Problem) -> SubjectRecord {
        let subject = try await stored { () async throws(StoreError) in try await call.daemon.reader.subject(id) }
        guard let subject else { throw unknown(id) }
        return subject
    }
}

extension SubjectRecord {
    /// The shape `Subject` with `values`, each `{"metric","unit","shape","value","at","of"}`.
    var measuredJSON: Value {
        guard case .object(var object) = json else { return json }
        object["values"] = .array(values.map(\.facts))
        return .object(object)
    }

    /// With `values` and `events`, each `{"at","event","former_key"}`.
    var followedJSON: Value {
        guard case .object(var object) = measuredJSON else { return measuredJSON }
        object["events"] = .array(events.map(\.json))
        return .object(object)
    }
}
