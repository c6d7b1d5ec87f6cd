package import InsightsPlugin

/// Replaces secrets by `***`, whatever printed them.
package struct Redactor: Sendable {
    private let secrets: [String]

    /// - Parameter secrets: Their texts; those of fewer than four characters are left alone, as replacing them would
    ///   garble every other text without hiding anything.
    package init(_ secrets: [String]) {
        self.secrets = secrets.filter { $0.count >= 4 }.sorted { $0.utf8.count > $1.utf8.count }
    }

    package var isEmpty: Bool { secrets.isEmpty }

    /// `text` with every secret replaced, and without NUL, which no store takes.
    package func clean(_ text: String) -> String {
        var text = text
        if text.utf8.contains(0) { text = String(text.map { $0 == "\0" ? "\u{FFFD}" : $0 }) }
        for secret in secrets where text.contains(secret) {
            text = text.split(separator: secret, omittingEmptySubsequences: false).joined(separator: "***")
        }
        return text
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
