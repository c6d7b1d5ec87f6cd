/// Why a cron expression is refused, where, and what to write instead.
package struct CronError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The field it concerns; `nil` when it concerns the expression as a whole.
    package var field: CronField?
    /// The offending part, exactly as written; empty where something is missing.
    package var text: String
    /// Where `text` begins in the expression, in Unicode scalars from 0.
    package var offset: Int
    /// One sentence without a full stop.
    package var message: String
    /// The way out.
    package var help: String

    package init(field: CronField? = nil, text: String, offset: Int, message: String, help: String) {
        self.field = field
        self.text = text
        self.offset = offset
        self.message = message
        self.help = help
    }

    /// The length of `text` in Unicode scalars, for underlining it.
    package var length: Int { text.unicodeScalars.count }

    /// `message`, then the help.
    package var description: String { "\(message) (\(help))" }
}
