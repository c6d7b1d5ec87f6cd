internal import InsightsPlugin

/// Reads the fields of stored log lines. Those of one line after the other are mostly the same, and are then read once.
struct LogFields {
    private var text: String?
    private var fields = ValueObject()

    /// The fields that were stored as `text`.
    mutating func read(_ text: String?) -> ValueObject {
        if text != self.text {
            // None where that is no JSON any more: the message is what a person looks for.
            fields = text.flatMap { try? Value(json: $0.utf8) }?.object ?? ValueObject()
            self.text = text
        }
        return fields
    }
}
