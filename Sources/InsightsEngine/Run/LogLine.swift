package import InsightsPlugin

/// One line of a run's log.
package struct LogLine: Hashable, Sendable {
    package var at: Instant
    /// `trace debug info warning error`.
    package var level: String
    package var message: String
    package var fields: ValueObject

    package init(at: Instant, level: String, message: String, fields: ValueObject = ValueObject()) {
        self.at = at
        self.level = level
        self.message = message
        self.fields = fields
    }

    /// `{"at","level","message","fields"}`.
    package var json: Value {
        .object([
            "at": Value(at), "level": .string(level), "message": .string(message), "fields": .object(fields),
        ])
    }
}
