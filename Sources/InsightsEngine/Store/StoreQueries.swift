package import InsightsPlugin

/// A page of a longer list.
package struct Page<Element: Sendable>: Sendable {
    package var items: [Element]
    /// For the next page; `nil` on the last.
    package var nextCursor: String?
    /// How many there are in all, where the list counts them.
    package var total: Int?

    package init(items: [Element], nextCursor: String? = nil, total: Int? = nil) {
        self.items = items
        self.nextCursor = nextCursor
        self.total = total
    }
}

/// Which runs are asked for.
package struct RunQuery: Sendable {
    package var task: String?
    package var status: RunStatus?
    /// Scheduled at or after.
    package var since: Instant?
    /// 1…10 000.
    package var limit: Int = 20
    /// From an earlier page's ``Page/nextCursor``; anything else is ``StoreError`` `invalid`.
    package var cursor: String?

    package init(
        task: String? = nil, status: RunStatus? = nil, since: Instant? = nil, limit: Int = 20, cursor: String? = nil
    ) {
        self.task = task
        self.status = status
        self.since = since
        self.limit = limit
        self.cursor = cursor
    }
}

/// Which subjects are asked for, and in what order.
package struct SubjectQuery: Sendable {
    package enum Order: String, Sendable, CaseIterable {
        case ascending = "asc"
        case descending = "desc"
    }

    package var kind: String?
    /// A subject's id.
    package var parent: Int64?
    /// A part of key or name, any case.
    package var text: String?
    /// By the latest value of this metric, subjects without one last; `nil`: by kind and key.
    package var sort: String?
    package var order: Order = .ascending
    package var limit: Int = 100
    package var cursor: String?

    package init(
        kind: String? = nil, parent: Int64? = nil, text: String? = nil, sort: String? = nil,
        order: Order = .ascending, limit: Int = 100, cursor: String? = nil
    ) {
        self.kind = kind
        self.parent = parent
        self.text = text
        self.sort = sort
        self.order = order
        self.limit = limit
        self.cursor = cursor
    }
}

/// Something that became of a subject.
package struct SubjectEvent: Hashable, Sendable {
    /// When it was found out: the write of the run that said so.
    package var at: Instant
    /// A ``SubjectState`` that it entered, or `renamed`.
    package var event: String
    /// Of a `renamed`, the key before.
    package var formerKey: String?

    package init(at: Instant, event: String, formerKey: String? = nil) {
        self.at = at
        self.event = event
        self.formerKey = formerKey
    }

    /// For people: `renamed from a/b on 2026-03-02`, `gone since 2026-03-02`.
    package var words: String {
        if let formerKey { return "\(event) from \(formerKey) on \(at.dateText)" }
        return "\(event) since \(at.dateText)"
    }

    /// `{"at","event","former_key"}`.
    package var json: Value {
        .object(["at": Value(at), "event": .string(event), "former_key": Value(formerKey)])
    }
}

/// A subject as it is stored and shown.
package struct SubjectRecord: Sendable {
    package var id: Int64
    package var kind: String
    package var key: String
    package var name: String
    package var url: String?
    package var parent: SubjectReference?
    package var state: SubjectState
    /// Keys it had before.
    package var aliases: [String]
    package var externalID: String?
    /// Latest values by metric, in `/api/subjects`.
    package var values: [LatestValue]
    /// What became of it, oldest first; only where one subject is asked for.
    package var events: [SubjectEvent]

    package init(
        id: Int64, kind: String, key: String, name: String, url: String?, parent: SubjectReference?,
        state: SubjectState, aliases: [String], externalID: String?, values: [LatestValue] = [],
        events: [SubjectEvent] = []
    ) {
        self.id = id
        self.kind = kind
        self.key = key
        self.name = name
        self.url = url
        self.parent = parent
        self.state = state
        self.aliases = aliases
        self.externalID = externalID
        self.values = values
        self.events = events
    }

    /// The JSON shape `Subject`, without the latest values.
    package var json: Value {
        let parentJSON = parent.map { Value.object(["kind": .string($0.kind), "key": .string($0.key)]) }
        return .object([
            "id": .integer(id), "kind": .string(kind), "key": .string(key), "name": .string(name), "url": Value(url),
            "parent": parentJSON ?? .null, "state": .string(state.rawValue),
            "aliases": .array(aliases.map(Value.string)), "external_id": Value(externalID),
        ])
    }
}

/// Which latest values are asked for; every field narrows.
package struct LatestQuery: Sendable {
    package var kind: String?
    /// A subject's key, or an alias of one.
    package var key: String?
    package var metric: String?

    package init(kind: String? = nil, key: String? = nil, metric: String? = nil) {
        self.kind = kind
        self.key = key
        self.metric = metric
    }
}

/// The latest value of a series.
package struct LatestValue: Sendable {
    /// Without values of its own.
    package var subject: SubjectRecord
    package var metric: String
    package var unit: String
    package var shape: MetricShape
    package var value: SampleValue
    package var at: Instant
    /// How many subjects of the level below a roll-up sums; `nil` for anything else.
    package var of: Int?

    package init(
        subject: SubjectRecord, metric: String, unit: String, shape: MetricShape, value: SampleValue, at: Instant,
        of: Int? = nil
    ) {
        self.subject = subject
        self.metric = metric
        self.unit = unit
        self.shape = shape
        self.value = value
        self.at = at
        self.of = of
    }

    /// `{"metric","unit","shape","value","at","of"}`: the value beside its subject.
    package var facts: Value {
        .object([
            "metric": .string(metric), "unit": .string(unit), "shape": .string(shape.rawValue), "value": value.json,
            "at": Value(at), "of": of.map { .integer(Int64($0)) } ?? .null,
        ])
    }
}

extension JSONText {
    /// Appends `{"subject":Subject,…}` with ``LatestValue/facts`` after it, written without a tree of values: there
    /// are tens of thousands of them.
    ///
    /// - Parameter subject: The value's subject as JSON: who writes many values makes it once for all of a subject.
    package mutating func append(_ latest: LatestValue, subject: JSONText) {
        append(literal: "{\"subject\":")
        bytes.append(contentsOf: subject.bytes)
        append(literal: ",\"metric\":")
        append(latest.metric)
        append(literal: ",\"unit\":")
        append(latest.unit)
        append(literal: ",\"shape\":")
        append(latest.shape.rawValue)
        append(literal: ",\"value\":")
        switch latest.value {
        case .number(let number): append(number)
        case .ranking: append(latest.value.json)
        }
        append(literal: ",\"at\":")
        append(latest.at.description)
        append(literal: ",\"of\":")
        if let of = latest.of { bytes.append(decimal: Int64(of)) } else { append(literal: "null") }
        append(literal: "}")
    }
}

extension SampleValue {
    /// A number, or a list of `{"label","value"}`.
    package var json: Value {
        switch self {
        case .number(let number): .number(number)
        case .ranking(let lines):
            .array(lines.map { .object(["label": .string($0.label), "value": .number($0.value)]) })
        }
    }
}

/// How points of a series are put together.
package enum SeriesStep: String, Sendable, CaseIterable {
    case day
    case week
    case month
}

/// Which series is asked for.
package struct SeriesQuery: Sendable {
    package enum Target: Hashable, Sendable {
        case id(Int64)
        /// A key or an alias; without a kind, one that several kinds share is ``StoreError`` `invalid`.
        case key(String, kind: String?)
    }

    package var subject: Target
    package var metric: String
    /// Points at or after.
    package var from: Instant?
    /// Points at or before.
    package var to: Instant?
    /// `nil`: as stored. Weeks begin on Monday, months on the first, in UTC; a `daily` additive metric is summed, any
    /// other keeps its last point.
    package var step: SeriesStep?

    package init(subject: Target, metric: String, from: Instant? = nil, to: Instant? = nil, step: SeriesStep? = nil) {
        self.subject = subject
        self.metric = metric
        self.from = from
        self.to = to
        self.step = step
    }
}

/// One series with its points, oldest first.
package struct SeriesRecord: Sendable {
    package struct Point: Sendable {
        package var at: Instant
        package var value: SampleValue

        package init(at: Instant, value: SampleValue) {
            self.at = at
            self.value = value
        }
    }

    package var subject: SubjectRecord
    package var metric: String
    package var unit: String
    package var shape: MetricShape
    package var isAdditive: Bool
    package var points: [Point]
    /// First and last day of each gap.
    package var gaps: [(from: Instant, to: Instant)]
    /// Of the points, when additive and `daily`.
    package var sum: Double?
    /// As in ``LatestValue/of``.
    package var of: Int?

    package init(
        subject: SubjectRecord, metric: String, unit: String, shape: MetricShape, isAdditive: Bool, points: [Point],
        gaps: [(from: Instant, to: Instant)], sum: Double?, of: Int? = nil
    ) {
        self.subject = subject
        self.metric = metric
        self.unit = unit
        self.shape = shape
        self.isAdditive = isAdditive
        self.points = points
        self.gaps = gaps
        self.sum = sum
        self.of = of
    }

    /// `{"subject","metric","unit","shape","additive","points":[{"at","value"}],"gaps":[{"from","to"}],"sum"}`.
    package var json: Value {
        .object([
            "subject": subject.json, "metric": .string(metric), "unit": .string(unit),
            "shape": .string(shape.rawValue), "additive": .bool(isAdditive),
            "points": .array(points.map { .object(["at": Value($0.at), "value": $0.value.json]) }),
            "gaps": .array(gaps.map { .object(["from": Value($0.from), "to": Value($0.to)]) }),
            "sum": sum.map(Value.number) ?? .null,
        ])
    }
}
