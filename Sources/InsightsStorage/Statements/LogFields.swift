internal import InsightsEngine
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

    /// Lines that are read at once, at most: a log may have a hundred thousand short ones, and each read has a deadline.
    private static let piece = 16_384

    /// Reads all lines of a log from number `start` on.
    ///
    /// - Parameter read: Reads so many lines at most from that number on, in order.
    static func inPieces(
        from start: Int, _ read: (_ start: Int, _ count: Int) async throws(StoreError) -> [LogLine]
    ) async throws(StoreError) -> [LogLine] {
        var lines: [LogLine] = []
        var next: [LogLine]
        repeat {
            next = try await read(lines.last.map { $0.number + 1 } ?? start, piece)
            lines += next
        } while next.count == piece
        return lines
    }
}
