import InsightsPlugin

/// JSON Schema (draft 2020-12) of parameters.
enum ParameterJSONSchema {
    /// The schema of a map with these parameters, as a process plugin would declare it.
    ///
    /// - Parameter scalars: How the schema of a scalar is put: as it is, or as YAML may write it.
    static func object(
        _ parameters: [Parameter], isOpen: Bool, scalars: ScalarSchema
    ) -> Value {
        var schema: ValueObject = ["type": "object"]
        let properties = parameters.map { declared in
            let schema = parameter(declared, scalars: scalars)
            // A key without a value counts as if it did not stand there.
            let mayBeEmpty = scalars == .written && !declared.isRequired
            return (key: declared.name, value: mayBeEmpty ? orNothing(schema) : schema)
        }
        schema["properties"] = .object(ValueObject(distinct: properties))
        let required = parameters.filter(\.isRequired).map { Value.string($0.name) }
        if !required.isEmpty { schema["required"] = .array(required) }
        schema["additionalProperties"] = .bool(isOpen)
        return .object(schema)
    }

    /// The schema of one parameter, with what people need to know of it.
    static func parameter(_ parameter: Parameter, scalars: ScalarSchema) -> Value {
        var schema = type(parameter.type, scalars: scalars).object ?? [:]
        if !parameter.summary.isEmpty { schema["description"] = .string(parameter.summary) }
        if let value = parameter.defaultValue { schema["default"] = value }
        if !parameter.examples.isEmpty { schema["examples"] = .array(parameter.examples) }
        if parameter.isSecret { schema["writeOnly"] = true }
        if let unit = parameter.unit { schema["x-unit"] = .string(unit) }
        return .object(schema)
    }

    /// The schema that takes `null`, too.
    private static func orNothing(_ schema: Value) -> Value {
        guard var object = schema.object else { return schema }
        switch (object["anyOf"], object["type"]) {
        case (.array(let choices)?, _): object["anyOf"] = .array(choices + [["type": "null"]])
        case (_, .string(let type)?): object["type"] = [.string(type), "null"]
        default: break
        }
        return .object(object)
    }

    private static func type(_ type: ParameterType, scalars: ScalarSchema) -> Value {
        switch type {
        case .string(let shortest, let longest, let pattern, let format):
            return scalars.text(shortest: shortest, longest: longest, pattern: pattern, format: format)
        case .integer(let range): return scalars.integer(range)
        case .number(let range): return scalars.number(range)
        case .boolean: return scalars.boolean
        case .enumeration(let words): return scalars.enumeration(words)
        case .array(let item, let fewest, let most):
            var schema: ValueObject = ["type": "array", "items": parameter(item, scalars: scalars)]
            if let fewest { schema["minItems"] = .integer(Int64(fewest)) }
            if let most { schema["maxItems"] = .integer(Int64(most)) }
            return .object(schema)
        case .object(let parameters, let isOpen): return object(parameters, isOpen: isOpen, scalars: scalars)
        case .map(let item):
            return ["type": "object", "additionalProperties": parameter(item, scalars: scalars)]
        case .any: return [:]
        }
    }
}
