import InsightsPlugin

/// How the schema of a scalar is put.
///
/// In a manifest every scalar is read by the type that its key asks for, so `"8"` is a number where one is
/// asked for, `5` is text, and `${NAME}` may stand for anything; an editor that checks by the schema must not
/// complain of what the program takes.
enum ScalarSchema {
    /// As values are after reading: what `insights modules` shows.
    case strict
    /// As YAML may write them.
    case written

    /// Matches a value with a variable in it, of which nothing more can be said.
    static let variable: Value = ["type": "string", "pattern": "\\$\\{"]

    func text(shortest: Int?, longest: Int?, pattern: String?, format: StringFormat?) -> Value {
        var schema: ValueObject = ["type": "string"]
        if let shortest { schema["minLength"] = .integer(Int64(shortest)) }
        if let longest { schema["maxLength"] = .integer(Int64(longest)) }
        if let pattern { schema["pattern"] = .string(pattern) }
        // "duration" would be ISO 8601 only in JSON Schema, and "path" is not one of its formats.
        if format == .instant { schema["format"] = "date-time" }
        guard self == .written else { return .object(schema) }
        let plain: Value = ["type": ["number", "boolean", "null"]]
        if schema.count == 1 { return ["type": ["string", "number", "boolean", "null"]] }
        return ["anyOf": [.object(schema), ScalarSchema.variable, plain]]
    }

    func integer(_ range: ClosedRange<Int64>?) -> Value {
        var schema: ValueObject = ["type": "integer"]
        if let range, range.lowerBound != .min { schema["minimum"] = .integer(range.lowerBound) }
        if let range, range.upperBound != .max { schema["maximum"] = .integer(range.upperBound) }
        return written(schema, text: "^[-+]?[0-9]+$")
    }

    func number(_ range: ClosedRange<Double>?) -> Value {
        var schema: ValueObject = ["type": "number"]
        if let range, range.lowerBound > -Double.greatestFiniteMagnitude {
            schema["minimum"] = .number(range.lowerBound)
        }
        if let range, range.upperBound < Double.greatestFiniteMagnitude {
            schema["maximum"] = .number(range.upperBound)
        }
        return written(schema, text: "^[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][-+]?[0-9]+)?$")
    }

    var boolean: Value {
        written(["type": "boolean"], text: ScalarSchema.anyCase(["true", "false", "yes", "no", "on", "off"]))
    }

    func enumeration(_ words: [String]) -> Value {
        let schema: ValueObject = ["enum": .array(words.map(Value.string))]
        return self == .strict ? .object(schema) : ["anyOf": [.object(schema), ScalarSchema.variable]]
    }

    /// A duration of the manifest, as text or as whole seconds.
    static func duration(_ summary: String, default value: String?) -> Value {
        var schema: ValueObject = [
            "description": .string(summary),
            "anyOf": [
                ["type": "integer", "minimum": 0],
                [
                    "type": "string",
                    "pattern": "^\\s*(P(?=[0-9T])[0-9.,WDTHMS]+|[0-9]+|([0-9]+([.][0-9]+)?(ms|s|m|h|d|w))+)\\s*$",
                ],
                variable,
            ],
        ]
        if let value { schema["default"] = .string(value) }
        return .object(schema)
    }

    private func written(_ schema: ValueObject, text pattern: String) -> Value {
        guard self == .written else { return .object(schema) }
        return ["anyOf": [.object(schema), ["type": "string", "pattern": .string(pattern)], ScalarSchema.variable]]
    }

    /// A pattern for words in any case; ECMA-262 has no flag for it within a pattern.
    private static func anyCase(_ words: [String]) -> String {
        let parts = words.map { word in word.map { "[\($0.uppercased())\($0)]" }.joined() }
        return "^(" + parts.joined(separator: "|") + ")$"
    }
}
