package import InsightsEngine
package import InsightsPlugin

/// The JSON Schema of the manifest, for editors and other programs.
package enum ManifestSchema {
    /// The schema (draft 2020-12) of the whole manifest, each module's parameters under the `uses` that asks
    /// for them.
    ///
    /// It takes whatever the program takes, as YAML's core schema reads it; what needs more than a look at one
    /// value (zones, cron expressions, names of tasks and groups, cycles) only the program checks.
    package static func json(for registry: Registry) -> Value {
        [
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "insights manifest",
            "description": "What runs, when, and with which limits.",
            "type": "object",
            "required": ["version", "tasks"],
            "properties": .object(topLevel),
            "additionalProperties": false,
            "$defs": ["task": task(registry), "alert": alert],
        ]
    }

    /// The schema of one module's parameters, as `insights modules` shows it.
    package static func parameters(of declaration: ModuleDeclaration) -> Value {
        ParameterJSONSchema.object(declaration.parameters, isOpen: false, scalars: .strict)
    }

    /// Maps may stay without a value: `tasks:` alone is an empty one.
    private static func map(_ schema: ValueObject, _ summary: String) -> Value {
        var schema = schema
        schema["type"] = ["object", "null"]
        schema["description"] = .string(summary)
        return .object(schema)
    }

    private static func list(of item: Value, _ summary: String) -> Value {
        ["type": ["array", "null"], "items": item, "description": .string(summary)]
    }

    /// The schema with a sentence about it and what holds when it is not given.
    static func described(_ schema: Value, _ summary: String, default value: Value? = nil) -> Value {
        var object = schema.object ?? [:]
        object["description"] = .string(summary)
        if let value { object["default"] = value }
        return .object(object)
    }

    static func text(_ summary: String, default value: Value? = nil) -> Value {
        let schema = ScalarSchema.written.text(shortest: nil, longest: nil, pattern: nil, format: nil)
        return described(schema, summary, default: value)
    }

    private static var topLevel: ValueObject {
        [
            "version": described(
                ["anyOf": [["const": 1], ["const": "1"], ScalarSchema.variable]],
                "The version of the manifest's form: 1."),
            "timezone": text(
                "The IANA time zone of cron schedules and of calendar days shown to people.", default: "UTC"),
            "concurrency": described(
                ScalarSchema.written.integer(1...10_000),
                "Most runs at once on one node; 4 × processors when not given."),
            "defaults": map(
                ["properties": .object(PolicySchema.properties), "additionalProperties": false],
                "Policy for every task; a task's own key wins, whole key by whole key."),
            "groups": map(
                ["additionalProperties": ScalarSchema.written.integer(1...Int64.max)],
                "Most runs at once among the tasks that name the group, on all nodes together."),
            "plugins": list(
                of: text("A folder with a plugin.yaml, relative to the manifest's."), "Folders of process plugins."),
            "alerts": list(of: ["$ref": "#/$defs/alert"], "Where failures are told."),
            "tasks": map(
                [
                    "patternProperties": ["^[a-z0-9]([a-z0-9_-]{0,62}[a-z0-9])?$": ["$ref": "#/$defs/task"]],
                    "additionalProperties": false,
                ], "The tasks by name."),
        ]
    }

    private static var alert: Value {
        let kinds = ScalarSchema.written.enumeration(AlertChecker.Kind.allCases.map(\.rawValue))
        return [
            "type": "object",
            "required": ["webhook"],
            "properties": [
                "webhook": text("The http or https address that gets a POST of JSON."),
                "on": list(of: kinds, "What is told; everything when not given."),
                "tasks": list(of: text("A task's name or a glob."), "Whose failures; every task's when not given."),
                "secret": text("The key of the HMAC-SHA-256 in X-Insights-Signature."),
            ],
            "additionalProperties": false,
        ]
    }

    /// A task may well be called `2024` or `on`, which YAML's core schema reads as something else than text.
    private static let taskName: Value = ["type": ["string", "number", "boolean"]]

    /// One task: its own keys, and under each module's name the parameters of that module.
    private static func task(_ registry: Registry) -> Value {
        let modules = registry.modules
        var properties: ValueObject = [
            "uses": described(
                ScalarSchema.written.enumeration(modules.map(\.id)), "The task module that does the work."),
            "description": text("Shown to people; the module's summary when not given."),
            "enabled": described(
                ScalarSchema.written.boolean, "false: shown, never started by its cadence.", default: true),
            "with": ["type": ["object", "null"], "description": "The module's parameters."],
            "every": ScalarSchema.duration("Interval of elapsed time, at least 100ms.", default: nil),
            "cron": text("Wall-clock schedule: five fields, or six with seconds first, or @daily and the like."),
            "after": described(
                ["anyOf": [taskName, ["type": "array", "minItems": 1, "items": taskName]]],
                "Starts once when each of these tasks has succeeded since this one last started."),
            "starting": text("RFC 3339 instant that anchors every; in the future: nothing before it."),
            "timezone": text("The IANA time zone of cron; the manifest's when not given."),
        ]
        for policy in PolicySchema.properties { properties[policy.key] = policy.value }
        let pairs: [Value] = [["every", "cron"], ["every", "after"], ["cron", "after"]]
        return [
            "type": "object",
            "required": ["uses"],
            "properties": .object(properties),
            "additionalProperties": false,
            "not": ["anyOf": .array(pairs.map { ["required": $0] })],
            "allOf": .array(modules.map(parameters)),
        ]
    }

    /// "If a task uses this module, this is what its `with` may be."
    private static func parameters(of module: RegisteredModule) -> Value {
        let declared = module.declaration.parameters
        var with = ParameterJSONSchema.object(declared, isOpen: false, scalars: .written).object ?? [:]
        let isRequired = declared.contains(where: \.isRequired)
        if !isRequired { with["type"] = ["object", "null"] }
        with["description"] = .string(module.declaration.summary)
        var then: ValueObject = ["properties": ["with": .object(with)]]
        if isRequired { then["required"] = ["with"] }
        return [
            "if": ["properties": ["uses": ["const": .string(module.id)]], "required": ["uses"]],
            "then": .object(then),
        ]
    }
}
