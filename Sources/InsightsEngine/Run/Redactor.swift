package import InsightsPlugin

/// Replaces secrets by `***`, whatever printed them and in whichever of their forms.
package struct Redactor: Sendable {
    private let secrets: SecretForms

    /// - Parameter secrets: Their texts, however short.
    package init(_ secrets: some Sequence<String>) { self.secrets = SecretForms(secrets) }

    /// `text` with every secret replaced, and without NUL, which no store takes.
    package func clean(_ text: String) -> String {
        var text = text
        if text.utf8.contains(0) { text = String(text.map { $0 == "\0" ? "\u{FFFD}" : $0 }) }
        return secrets.replaced(in: text)
    }

    package func clean(_ value: Value) -> Value {
        switch value {
        case .string(let text): .string(clean(text))
        case .array(let items): .array(items.map(clean))
        case .object(let object): .object(ValueObject(distinct: object.map { (clean($0.key), clean($0.value)) }))
        default: value
        }
    }

    package func clean(_ error: RunError) -> RunError {
        var error = error
        error.message = clean(error.message)
        return error
    }

    package func clean(_ line: LogLine) -> LogLine {
        var line = line
        line.message = clean(line.message)
        line.fields = clean(Value.object(line.fields)).object ?? line.fields
        return line
    }
}
