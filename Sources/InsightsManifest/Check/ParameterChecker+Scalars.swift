import InsightsEngine
import InsightsPlugin

/// Parameters that are one scalar.
extension ParameterChecker {
    /// The value of a scalar parameter, or `nil` after its problems were told.
    mutating func scalar(_ field: Field, _ type: ParameterType, isSecret: Bool) -> Value? {
        let target = values.tree.resolved(field.value)
        guard values.tree[target].kind == .scalar else {
            tell(field, must: ParameterChecker.describe(type), isSecret: isSecret)
            return nil
        }
        guard let text = values.expanded(target)?.text else {
            checked.isComplete = false
            // Only in a disabled task, which cannot be started by hand as long as this lacks its value.
            guard case .string = type, values.unset != nil else { return nil }
            hasStandIn = true
            return .string("")
        }
        if isSecret { keep(secret: text) }
        switch type {
        case .string(let shortest, let longest, let pattern, let format):
            guard isWithin(field, text, shortest, longest), matches(field, text, pattern, isSecret) else {
                return nil
            }
            return formatted(field, text, format, isSecret: isSecret).map(Value.string)
        case .integer(let range): return integer(field, text, range, isSecret: isSecret)
        case .number(let range): return number(field, text, range, isSecret: isSecret)
        case .boolean:
            if let value = ScalarText.boolean(text) { return .bool(value) }
            tellText(field, text, must: "true or false", isSecret: isSecret)
        case .enumeration(let words):
            if words.contains(text) { return .string(text) }
            let near = NearestName.nearest(to: text, among: words, atMost: 2)
            let help = isSecret ? nil : near.map { "did you mean \(Shown.quoted($0))?" }
            tellText(field, text, must: "one of " + words.joined(separator: ", "), isSecret: isSecret, help: help)
        case .array, .object, .map, .any: break
        }
        return nil
    }

    private mutating func tellText(
        _ field: Field, _ text: String, must expected: String, isSecret: Bool, help: String? = nil
    ) {
        let actual = isSecret ? "" : text.isEmpty ? ", not empty" : ", not \(Shown.quoted(text))"
        tell(values.place(field), "\(subject(field)) must be \(expected)\(actual)", help: help)
    }

    private static func describe(_ type: ParameterType) -> String {
        switch type {
        case .string(_, _, _, .duration): "a duration"
        case .string(_, _, _, .instant): "an instant"
        case .string(_, _, _, .path): "a path"
        case .integer: "a whole number"
        case .number: "a number"
        case .boolean: "true or false"
        case .enumeration(let words): "one of " + words.joined(separator: ", ")
        default: "text"
        }
    }

    private mutating func integer(
        _ field: Field, _ text: String, _ range: ClosedRange<Int64>?, isSecret: Bool
    ) -> Value? {
        switch ScalarText.integer(text) {
        case .value(let value) where range?.contains(value) ?? true: return .integer(value)
        case .value, .tooLarge:
            let bounds = ValueReader.bounds(range ?? Int64.min...Int64.max)
            tellText(field, text, must: range == nil ? "a number of 64 bits" : bounds, isSecret: isSecret)
        case .none: tellText(field, text, must: "a whole number", isSecret: isSecret)
        }
        return nil
    }

    private mutating func number(
        _ field: Field, _ text: String, _ range: ClosedRange<Double>?, isSecret: Bool
    ) -> Value? {
        guard let value = ScalarText.number(text) else {
            tellText(field, text, must: "a number", isSecret: isSecret)
            return nil
        }
        if let range, !range.contains(value) {
            tellText(field, text, must: ParameterChecker.bounds(range), isSecret: isSecret)
            return nil
        }
        return .number(value)
    }

    private static func bounds(_ range: ClosedRange<Double>) -> String {
        let least = range.lowerBound.isFinite && range.lowerBound > -Double.greatestFiniteMagnitude
        let most = range.upperBound.isFinite && range.upperBound < Double.greatestFiniteMagnitude
        let lower = least ? Value.number(range.lowerBound).json : ""
        let upper = most ? Value.number(range.upperBound).json : ""
        return least && most ? "\(lower) to \(upper)" : least ? "at least \(lower)" : "at most \(upper)"
    }

    /// Lengths are in Unicode scalars, as in JSON Schema.
    private mutating func isWithin(_ field: Field, _ text: String, _ shortest: Int?, _ longest: Int?) -> Bool {
        if shortest == nil, longest == nil { return true }
        let length = text.unicodeScalars.count
        if let shortest, length < shortest {
            let expected = shortest == 1 ? "not be empty" : "have at least \(shortest) characters"
            tell(values.place(field), "\(subject(field)) must \(expected)")
            return false
        }
        if let longest, length > longest {
            let message = "\(subject(field)) must have at most \(longest) characters, not \(length)"
            tell(values.place(field), message)
            return false
        }
        return true
    }

    private mutating func matches(_ field: Field, _ text: String, _ pattern: String?, _ isSecret: Bool) -> Bool {
        guard let pattern else { return true }
        switch patterns.isMatch(text, pattern) {
        case true?: return true
        case false?: tellText(field, text, must: "text that matches \(pattern)", isSecret: isSecret)
        case nil:
            let message = "the pattern that \(module.id) declares for \(Shown.quoted(field.name)) cannot be read"
            tell(values.place(field), message, help: "this is a fault of the module, not of the manifest")
        }
        return false
    }

    /// A text in the form that the module is given.
    private mutating func formatted(
        _ field: Field, _ text: String, _ format: StringFormat?, isSecret: Bool
    ) -> String? {
        switch format {
        case nil: return text
        case .duration:
            switch values.cache.duration(text) {
            case .success(let duration): return ParameterChecker.seconds(duration)
            case .failure(let error):
                let message = isSecret ? "not a duration" : error.message
                tell(values.place(field), "\(subject(field)): \(message)", help: error.help)
            }
        case .instant:
            if ScalarText.instant(text) != nil { return text }
            let help = "write it as in RFC 3339: 2026-01-04T02:00:00Z"
            tellText(field, text, must: "an instant", isSecret: isSecret, help: help)
        case .path:
            if text == "~" || text.hasPrefix("~/") {
                tellText(field, text, must: "a path", isSecret: isSecret, help: "write ${HOME} instead of ~")
            } else if text.isEmpty || text.utf8.contains(0) {
                tellText(field, text, must: "a path", isSecret: isSecret)
            } else {
                return ManifestFolder.absolute(text, in: folder)
            }
        }
        return nil
    }

    /// A default of the module's in the form that the module is given.
    func filled(_ value: Value, _ type: ParameterType) -> Value {
        switch (type, value) {
        case (.string(_, _, _, .path), .string(let text)) where !text.isEmpty:
            return .string(ManifestFolder.absolute(text, in: folder))
        case (.string(_, _, _, .duration), .string(let text)):
            if case .success(let duration) = values.cache.duration(text) {
                return .string(ParameterChecker.seconds(duration))
            }
            return value
        case (.array(let item, _, _), .array(let items)): return .array(items.map { filled($0, item.type) })
        default: return value
        }
    }

    /// Whole seconds, or with up to three decimals.
    private static func seconds(_ duration: Duration) -> String {
        let milliseconds = duration.wholeMilliseconds
        guard milliseconds % 1000 != 0 else { return String(milliseconds / 1000) }
        var digits = String(milliseconds % 1000 + 1000).dropFirst()
        while digits.last == "0" { digits.removeLast() }
        return "\(milliseconds / 1000).\(digits)"
    }
}
