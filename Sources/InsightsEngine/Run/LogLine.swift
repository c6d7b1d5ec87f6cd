package import InsightsPlugin

/// One line of a run's log.
package struct LogLine: Hashable, Sendable {
    /// Its place among all lines that the run's log ever had, from 0; a store gives it.
    package var number: Int
    package var at: Instant
    /// `trace debug info warning error`.
    package var level: String
    package var message: String
    package var fields: ValueObject

    package init(at: Instant, level: String, message: String, fields: ValueObject = ValueObject(), number: Int = 0) {
        self.number = number
        self.at = at
        self.level = level
        self.message = message
        self.fields = fields
    }

    /// What it counts, in bytes, of the 1 MiB of log that a run keeps: its text, and its fields but for a short one,
    /// so that a program's output of 1 MiB has room with the name of its stream on every line. 8 at least, as empty
    /// lines take room too.
    package var size: Int {
        let fieldsSize = fields.isEmpty ? 0 : Value.object(fields).json.utf8.count
        return max(LogLine.leastSize, message.utf8.count + max(0, fieldsSize - LogLine.freeFields))
    }

    /// The least ``size``, and the bytes of fields that it does not count.
    package static let leastSize = 8
    package static let freeFields = 32

    /// `{"at","level","message","fields"}`.
    package var json: Value {
        .object([
            "at": Value(at), "level": .string(level), "message": .string(message), "fields": .object(fields),
        ])
    }
}
