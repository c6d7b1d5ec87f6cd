import InsightsPlugin

/// A check of values against the part of JSON Schema that the description uses, written apart from the code that
/// writes it.
///
/// A keyword that it does not know is a fault, so that nothing goes unchecked.
///
/// - SeeAlso: JSON Schema 2020-12, Validation.
struct SchemaCheck {
    /// What `#/components/schemas/NAME` leads to.
    let schemas: ValueObject

    /// What is wrong with `value`, with the path to it, or `nil`.
    func fault(in value: Value, against schema: Value, at path: String = "$") -> String? {
        guard let keywords = schema.object else { return "\(path): the schema is no object" }
        for (keyword, rule) in keywords {
            if let fault = fault(in: value, keyword, rule, of: keywords, at: path) { return fault }
        }
        return nil
    }

    private func fault(
        in value: Value, _ keyword: String, _ rule: Value, of keywords: ValueObject, at path: String
    ) -> String? {
        switch keyword {
        case "description", "examples", "default": return nil
        case "$ref":
            let prefix = "#/components/schemas/"
            guard let reference = rule.string, reference.hasPrefix(prefix),
                let target = schemas[String(reference.dropFirst(prefix.count))]
            else { return "\(path): \(rule.json) leads nowhere" }
            return fault(in: value, against: target, at: path)
        case "type":
            let types = rule.array?.compactMap(\.string) ?? [rule.string ?? ""]
            return types.contains { SchemaCheck.isOfType($0, value) } ? nil : "\(path): \(value.json) is no \(types)"
        case "enum":
            return rule.array?.contains(value) == true ? nil : "\(path): \(value.json) is not one of \(rule.json)"
        case "anyOf":
            let faults = rule.array?.map { fault(in: value, against: $0, at: path) } ?? []
            return faults.contains { $0 == nil } ? nil : "\(path): none of anyOf: \(faults.compactMap { $0 })"
        case "allOf": return rule.array?.lazy.compactMap { fault(in: value, against: $0, at: path) }.first
        case "required":
            let missing = rule.array?.compactMap(\.string).first { value.object != nil && value[$0] == nil }
            return missing.map { "\(path): \($0) is missing" }
        case "properties":
            return value.object?.lazy.compactMap { name, member in
                rule[name].flatMap { fault(in: member, against: $0, at: "\(path).\(name)") }
            }.first
        case "items":
            return value.array?.enumerated().lazy.compactMap { index, item in
                fault(in: item, against: rule, at: "\(path)[\(index)]")
            }.first
        case "minimum", "maximum":
            guard let number = value.number, let bound = rule.number else { return nil }
            return (keyword == "minimum" ? number >= bound : number <= bound) ? nil : "\(path): \(number) is off limits"
        case "minLength", "maxLength":
            guard let length = value.string?.unicodeScalars.count, let bound = rule.integer else { return nil }
            return (keyword == "minLength" ? length >= bound : length <= bound) ? nil : "\(path): \(length) characters"
        case "pattern":
            guard let text = value.string, let pattern = try? Regex(rule.string ?? "(") else {
                return value.string == nil ? nil : "\(path): \(rule.json) is no pattern"
            }
            return text.firstMatch(of: pattern) != nil ? nil : "\(path): \(value.json) does not match \(rule.json)"
        case "format": return SchemaCheck.fault(in: value, format: rule.string ?? "", at: path)
        default: return "\(path): the keyword \(keyword) is not known here"
        }
    }

    private static func isOfType(_ type: String, _ value: Value) -> Bool {
        switch (type, value) {
        case ("null", .null), ("boolean", .bool), ("integer", .integer), ("number", .integer), ("number", .number),
            ("string", .string), ("array", .array), ("object", .object):
            true
        default: false
        }
    }

    private static func fault(in value: Value, format: String, at path: String) -> String? {
        guard let text = value.string else { return nil }
        let pattern: Regex<AnyRegexOutput>? =
            switch format {
            case "date-time": try? Regex(#"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"#)
            case "uuid": try? Regex("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
            case "uri", "uri-reference": try? Regex(#"^[!-~]+$"#)
            case "int64": try? Regex("^$")
            default: nil
            }
        guard let pattern else { return "\(path): the format \(format) is not known here" }
        return text.firstMatch(of: pattern) != nil ? nil : "\(path): \(text) is no \(format)"
    }
}
