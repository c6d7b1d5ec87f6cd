internal import InsightsPlugin

/// A line of a program's output that is a subject or a sample.
enum SampleLine: Equatable {
    case subject(Subject)
    case sample(Sample, MetricDeclaration)

    /// Why a line is neither.
    struct Problem: Error, Equatable {
        let message: String
    }

    /// Reads one line of JSON.
    ///
    /// A subject is `{kind, key, external_id, name, url, parent: {kind, key}, state}`, a sample
    /// `{subject: {kind, key}, metric, at, value, unit, shape, additive}`. An unknown key is refused: a
    /// misspelt one would otherwise change nothing and say nothing.
    init(_ line: String) throws(Problem) {
        let value: Value
        do { value = try Value(json: line.utf8) } catch { throw Problem(message: "it is not JSON") }
        guard let object = value.object else { throw Problem(message: "it is no JSON object") }
        if object["metric"] != nil || object["subject"] != nil {
            self = try SampleLine.sample(Fields(object, "a sample", SampleLine.sampleKeys))
        } else {
            self = .subject(try SampleLine.subject(Fields(object, "a subject", SampleLine.subjectKeys)))
        }
    }

    private static let subjectKeys: Set = ["kind", "key", "external_id", "name", "url", "parent", "state"]
    private static let sampleKeys: Set = ["subject", "metric", "at", "value", "unit", "shape", "additive"]

    private static func subject(_ fields: Fields) throws(Problem) -> Subject {
        let reference = try fields.reference()
        let parent = try fields.object("parent", keys: ["kind", "key"])
        let state = try fields.text("state").map { word throws(Problem) in
            guard let state = SubjectState(rawValue: word) else {
                throw Problem(message: "\"state\" is active, archived or gone")
            }
            return state
        }
        let subject = Subject(
            kind: reference.kind, key: reference.key, externalID: try fields.text("external_id"),
            name: try fields.text("name"), url: try fields.text("url"),
            parent: try parent.map { fields throws(Problem) in try fields.reference() }, state: state)
        if let problem = subject.problem { throw Problem(message: problem) }
        return subject
    }

    private static func sample(_ fields: Fields) throws(Problem) -> SampleLine {
        guard let subject = try fields.object("subject", keys: ["kind", "key"]) else {
            throw Problem(message: "a sample needs \"subject\"")
        }
        let metric = try fields.metric()
        guard let text = try fields.text("at"), let at = Instant(text) else {
            throw Problem(message: "\"at\" is an instant such as 2026-01-04T02:00:00Z")
        }
        if metric.shape == .daily, at != at.startOfDay {
            throw Problem(message: "\"at\" of a daily sample is a midnight UTC")
        }
        let reference = try subject.reference()
        if metric.shape == .ranking {
            return .sample(Sample(reference, metric.name, at: at, ranking: try fields.ranking()), metric)
        }
        guard let number = fields.values["value"]?.number, number.isFinite else {
            throw Problem(message: "\"value\" is a number")
        }
        return .sample(Sample(reference, metric.name, at: at, number), metric)
    }
}

/// The members of a line's object.
private struct Fields {
    let values: ValueObject

    init(_ values: ValueObject, _ what: String, _ known: Set<String>) throws(SampleLine.Problem) {
        if let unknown = values.keys.first(where: { !known.contains($0) }) {
            throw SampleLine.Problem(message: "\(what) has no \"\(unknown.prefix(80))\"")
        }
        self.values = values
    }

    /// The text of `key`; `nil` when it is not there or `null`.
    func text(_ key: String) throws(SampleLine.Problem) -> String? {
        switch values[key] {
        case nil, .null?: return nil
        case .string(let text)?: return repairedText(text.utf8)
        default: throw SampleLine.Problem(message: "\"\(key)\" is text")
        }
    }

    func object(_ key: String, keys: Set<String>) throws(SampleLine.Problem) -> Fields? {
        switch values[key] {
        case nil, .null?: return nil
        case .object(let object)?: return try Fields(object, "\"\(key)\"", keys)
        default: throw SampleLine.Problem(message: "\"\(key)\" is {kind, key}")
        }
    }

    func reference() throws(SampleLine.Problem) -> SubjectReference {
        guard let kind = try text("kind"), let key = try text("key"), !kind.isEmpty, !key.isEmpty else {
            throw SampleLine.Problem(message: "a subject needs \"kind\" and \"key\"")
        }
        let reference = SubjectReference(kind: kind, key: key)
        if let problem = reference.problem { throw SampleLine.Problem(message: problem) }
        return reference
    }

    /// What a sample says of its metric, as nothing else declares it.
    func metric() throws(SampleLine.Problem) -> MetricDeclaration {
        guard let name = try text("metric"), MetricDeclaration.isValid(name: name) else {
            throw SampleLine.Problem(message: "\"metric\" is a name such as disk_free: [a-z][a-z0-9_]*")
        }
        let word = try text("shape") ?? MetricShape.gauge.rawValue
        guard let shape = MetricShape(rawValue: word) else {
            throw SampleLine.Problem(message: "\"shape\" is gauge, daily, total or ranking")
        }
        let additive: Bool
        switch values["additive"] {
        case nil, .null?: additive = true
        case .bool(let value)?: additive = value
        default: throw SampleLine.Problem(message: "\"additive\" is true or false")
        }
        return MetricDeclaration(
            name, unit: try text("unit") ?? "1", shape: shape, additive: additive,
            summary: "Told by a program that command.run ran.")
    }

    func ranking() throws(SampleLine.Problem) -> [RankedValue] {
        let problem = SampleLine.Problem(message: "\"value\" of a ranking is a list of {label, value}")
        guard let items = values["value"]?.array else { throw problem }
        return try items.map { item throws(SampleLine.Problem) in
            guard let object = item.object else { throw problem }
            let fields = try Fields(object, "a ranked value", ["label", "value"])
            guard let label = try fields.text("label"), let value = object["value"]?.number, value.isFinite else {
                throw problem
            }
            return RankedValue(label: label, value: value)
        }
    }
}
