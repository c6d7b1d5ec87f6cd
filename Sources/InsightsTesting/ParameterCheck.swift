internal import InsightsPlugin

extension Parameter {
    /// Why `value` does not fit this parameter, with the way to the place, or `nil`.
    func problem(with value: Value) -> String? {
        switch (type, value) {
        case (.any, _), (.boolean, .bool): nil
        case (.string(let minimum, let maximum, let pattern, _), .string(let text)):
            Parameter.problem(text, minimum ?? 0, maximum ?? .max, pattern)
        case (.integer(let range), _):
            value.integer.map { range?.contains($0) ?? true } == true ? nil : "\(value.json) is no such whole number"
        case (.number(let range), _):
            value.number.map { range?.contains($0) ?? true } == true ? nil : "\(value.json) is no such number"
        case (.enumeration(let words), .string(let text)):
            words.contains(text) ? nil : "\"\(text)\" is none of \(words.joined(separator: ", "))"
        case (.array(let item, let minimum, let maximum), .array(let items)):
            Parameter.problem(items, of: item, minimum ?? 0, maximum ?? .max)
        case (.object(let members, let additional), .object(let object)):
            members.problem(with: object, additional: additional)
        case (.map(let item), .object(let object)):
            object.lazy.compactMap { pair in item.problem(with: pair.value).map { "\(pair.key): \($0)" } }.first
        default: "\(value.json) is of another type"
        }
    }

    private static func problem(_ text: String, _ minimum: Int, _ maximum: Int, _ pattern: String?) -> String? {
        guard (minimum...maximum).contains(text.unicodeScalars.count) else {
            return "\"\(text)\" is too short or too long"
        }
        guard let pattern else { return nil }
        do {
            return try Regex(pattern).firstMatch(in: text) == nil ? "\"\(text)\" does not match \(pattern)" : nil
        } catch {
            return "the pattern \(pattern) is none: \(error)"
        }
    }

    private static func problem(_ items: [Value], of item: Parameter, _ minimum: Int, _ maximum: Int) -> String? {
        guard (minimum...maximum).contains(items.count) else { return "\(items.count) items are too few or too many" }
        return items.enumerated().lazy.compactMap { index, value in
            item.problem(with: value).map { "[\(index)]: \($0)" }
        }.first
    }
}

extension [Parameter] {
    /// Why an object does not fit these parameters, or `nil`.
    func problem(with object: ValueObject, additional: Bool = false) -> String? {
        for (key, value) in object {
            if let parameter = first(where: { $0.name == key }) {
                if let problem = parameter.problem(with: value) { return "\(key): \(problem)" }
            } else if !additional {
                return "there is no parameter \"\(key)\""
            }
        }
        let missing = first { $0.isRequired && object[$0.name] == nil }
        return missing.map { "\"\($0.name)\" is missing" }
    }
}
