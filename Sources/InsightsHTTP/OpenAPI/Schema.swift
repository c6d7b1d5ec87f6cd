internal import InsightsEngine
internal import InsightsPlugin

/// The shapes of answers, by the name under which the description lists them.
enum Schema: String, CaseIterable {
    case problem = "Problem"
    case runsProblem = "RunsProblem"
    case startedProblem = "StartedProblem"
    case conflictProblem = "ConflictProblem"
    case diagnosticsProblem = "DiagnosticsProblem"
    case health = "Health"
    case readiness = "Readiness"
    case task = "Task"
    case occurrence = "Occurrence"
    case run = "Run"
    case runError = "RunError"
    case startedRun = "StartedRun"
    case cancelling = "Cancelling"
    case paused = "Paused"
    case reloaded = "Reloaded"
    case diagnostic = "Diagnostic"
    case logLine = "LogLine"
    case subject = "Subject"
    case subjectReference = "SubjectReference"
    case measuredSubject = "MeasuredSubject"
    case followedSubject = "FollowedSubject"
    case subjectEvent = "SubjectEvent"
    case latestValue = "LatestValue"
    case reading = "Reading"
    case series = "Series"
    case node = "Node"

    /// Points at the shape from elsewhere in the description.
    var reference: Value { ["$ref": .string("#/components/schemas/" + rawValue)] }

    /// `{"NAME":[…]}`.
    static func list(_ name: String, of item: Schema) -> Value { object([(name, array(item.reference))]) }

    /// `{"NAME":[…],"next_cursor"}`.
    static func page(_ name: String, of item: Schema) -> Value {
        object([(name, array(item.reference)), ("next_cursor", cursor)])
    }

    /// `{"NAME":[…],"next_cursor","total"}`.
    static func countedPage(_ name: String, of item: Schema) -> Value {
        object([
            (name, array(item.reference)), ("next_cursor", cursor),
            ("total", ["type": ["integer", "null"], "minimum": 0]),
        ])
    }

    /// The shape itself.
    var definition: Value {
        switch self {
        case .problem, .runsProblem, .startedProblem, .conflictProblem, .diagnosticsProblem: problemDefinition
        case .health, .readiness, .paused, .reloaded, .cancelling, .diagnostic, .node: stateDefinition
        case .task, .occurrence, .run, .runError, .startedRun, .logLine: runDefinition
        case .subject, .subjectReference, .measuredSubject, .followedSubject, .subjectEvent, .latestValue, .reading,
            .series:
            subjectDefinition
        }
    }
}

// The pieces that definitions are made of.
extension Schema {
    static let text: Value = ["type": "string"]
    static let optionalText: Value = ["type": ["string", "null"]]
    static let instant: Value = ["type": "string", "format": "date-time"]
    static let optionalInstant: Value = ["type": ["string", "null"], "format": "date-time"]
    static let count: Value = ["type": "integer", "minimum": 0]
    static let flag: Value = ["type": "boolean"]
    static let uuid: Value = ["type": "string", "format": "uuid"]
    static let optionalSeconds: Value = ["type": ["number", "null"], "description": "Seconds."]
    static let cursor: Value = ["type": ["string", "null"], "description": "For the next page; null on the last."]

    static func array(_ item: Value) -> Value { ["type": "array", "items": item] }

    static func words(_ words: [String]) -> Value { ["type": "string", "enum": .array(words.map(Value.string))] }

    static func optional(_ schema: Schema) -> Value { ["anyOf": [schema.reference, ["type": "null"]]] }

    /// An object that has all of these members; unknown is `null`, never absent.
    static func object(_ members: [(String, Value)]) -> Value {
        [
            "type": "object", "properties": .object(ValueObject(members)),
            "required": .array(members.map { .string($0.0) }),
        ]
    }
}

extension Schema {
    private var problemDefinition: Value {
        switch self {
        case .runsProblem: .extended(.problem, by: [("runs", Schema.array(Schema.run.reference))])
        case .startedProblem: .extended(.problem, by: [("runs", Schema.array(Schema.startedRun.reference))])
        case .conflictProblem: .extended(.problem, by: [("run_id", Schema.uuid)])
        case .diagnosticsProblem: .extended(.problem, by: [("diagnostics", Schema.array(Schema.diagnostic.reference))])
        default:
            [
                "type": "object", "description": "RFC 9457; `parameter` names what a 400 is about.",
                "properties": [
                    "type": ["type": "string", "format": "uri"], "title": Schema.text,
                    "status": ["type": "integer", "minimum": 400, "maximum": 599], "detail": Schema.text,
                    "instance": Schema.text, "request_id": Schema.text, "parameter": Schema.text,
                ],
                "required": ["type", "title", "status", "detail", "request_id"],
            ]
        }
    }

    private var stateDefinition: Value {
        switch self {
        case .health: Schema.object([("status", Schema.words(["ok"]))])
        case .readiness:
            Schema.object([
                ("status", Schema.words(["ready", "not_ready"])),
                (
                    "checks",
                    Schema.object([("store", Schema.text), ("scheduler", Schema.text), ("manifest", Schema.text)])
                ),
            ])
        case .paused: Schema.object([("name", Schema.text), ("paused", Schema.flag)])
        case .reloaded: Schema.object([("warnings", Schema.array(Schema.diagnostic.reference))])
        case .node:
            Schema.object([
                ("name", Schema.text), ("pid", Schema.count), ("version", Schema.text),
                ("started_at", Schema.optionalInstant), ("last_seen_at", Schema.instant), ("alive", Schema.flag),
                ("running", Schema.count), ("manifest", Schema.optionalText),
                ("agrees", ["type": ["boolean", "null"]]),
            ])
        case .cancelling: Schema.object([("id", Schema.uuid), ("status", Schema.words(["cancelling"]))])
        default:
            Schema.object([
                ("file", Schema.text), ("line", Schema.count), ("column", Schema.count), ("end_column", Schema.count),
                ("severity", Schema.words(["error", "warning"])),
                ("code", Schema.words(DiagnosticCode.allCases.map(\.rawValue))), ("message", Schema.text),
                ("help", Schema.optionalText),
            ])
        }
    }

    private var runDefinition: Value {
        switch self {
        case .task:
            Schema.object([
                ("name", Schema.text), ("uses", Schema.text), ("description", Schema.text), ("enabled", Schema.flag),
                ("paused", Schema.flag), ("cadence", Schema.text), ("next_run", Schema.optionalInstant),
                ("last_run", Schema.optional(.run)), ("at_risk", Schema.flag),
            ])
        case .occurrence: Schema.object([("task", Schema.text), ("scheduled_at", Schema.instant)])
        case .startedRun: Schema.object([("id", Schema.uuid), ("task", Schema.text)])
        case .logLine:
            Schema.object([
                ("at", Schema.instant), ("level", Schema.text), ("message", Schema.text),
                ("fields", ["type": "object"]),
            ])
        case .runError:
            Schema.object([
                ("code", Schema.text), ("message", Schema.text), ("retryable", Schema.flag),
                ("retry_at", Schema.optionalInstant),
            ])
        default: Schema.runShape
        }
    }

    private static let runShape = object([
        ("id", uuid), ("task", text), ("uses", text), ("trigger", words(Trigger.allCases.map(\.rawValue))),
        ("scheduled_at", instant), ("started_at", optionalInstant), ("finished_at", optionalInstant),
        ("status", words(RunStatus.allCases.map(\.rawValue))), ("reason", optionalText), ("attempt", count),
        ("attempts", count), ("node", optionalText), ("duration_seconds", optionalSeconds),
        ("lateness_seconds", optionalSeconds), ("samples", count), ("summary", optionalText), ("count", count),
        ("until", optionalInstant), ("error", optional(.runError)),
    ])

    private var subjectDefinition: Value {
        switch self {
        case .subject: Schema.object(Schema.subjectMembers)
        case .measuredSubject:
            Schema.object(Schema.subjectMembers + [("values", Schema.array(Schema.latestValue.reference))])
        case .followedSubject:
            .extended(.measuredSubject, by: [("events", Schema.array(Schema.subjectEvent.reference))])
        case .subjectEvent:
            Schema.object([
                ("at", Schema.instant),
                ("event", Schema.words(SubjectState.allCases.map(\.rawValue) + ["renamed"])),
                ("former_key", Schema.optionalText),
            ])
        case .subjectReference: Schema.object([("kind", Schema.text), ("key", Schema.text)])
        case .latestValue:
            Schema.object(
                Schema.metricMembers + [
                    ("value", Schema.reading.reference), ("at", Schema.instant),
                    ("of", ["type": ["integer", "null"], "minimum": 0]),
                ])
        case .reading:
            [
                "description": "A number; of a ranking the list, best first.",
                "anyOf": [
                    ["type": "number"],
                    Schema.array(Schema.object([("label", Schema.text), ("value", ["type": "number"])])),
                ],
            ]
        default:
            Schema.object(
                [("subject", Schema.subject.reference)] + Schema.metricMembers + [
                    ("additive", Schema.flag),
                    (
                        "points",
                        Schema.array(Schema.object([("at", Schema.instant), ("value", Schema.reading.reference)]))
                    ),
                    ("gaps", Schema.array(Schema.object([("from", Schema.instant), ("to", Schema.instant)]))),
                    ("sum", ["type": ["number", "null"]]),
                ])
        }
    }

    private static let metricMembers: [(String, Value)] = [
        ("metric", text), ("unit", text), ("shape", words(MetricShape.allCases.map(\.rawValue))),
    ]

    private static let subjectMembers: [(String, Value)] = [
        ("id", ["type": "integer", "format": "int64"]), ("kind", text), ("key", text), ("name", text),
        ("url", optionalText), ("parent", optional(.subjectReference)),
        ("state", words(SubjectState.allCases.map(\.rawValue))), ("aliases", array(text)),
        ("external_id", optionalText),
    ]
}

extension Value {
    /// A shape that has all members of another, and these.
    fileprivate static func extended(_ base: Schema, by members: [(String, Value)]) -> Value {
        ["allOf": [base.reference, Schema.object(members)]]
    }
}
