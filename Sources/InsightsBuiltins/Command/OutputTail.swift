internal import InsightsPlugin

/// The end of a program's output: its last lines, within a limit.
///
/// The end and not the beginning, because that is where a program says why it failed.
struct OutputTail {
    /// A line that is kept.
    struct Line: Equatable {
        var stream: CommandStream
        var text: String
    }

    /// What a line counts in a run's log at least, and what all may count: beyond that the log would drop the very
    /// end that is kept here.
    private static let leastCost = 8
    private static let logBudget = 1 << 20

    private let limit: Int
    private var lines: [Line] = []
    private var first = 0
    private var bytes = 0
    private var cost = 0
    private(set) var droppedLines = 0
    private(set) var droppedBytes = 0

    /// - Parameter limit: Bytes of text to keep.
    init(limit: Int) { self.limit = limit }

    /// The lines that are left, oldest first.
    var kept: ArraySlice<Line> { lines[first...] }

    /// Takes the next line; a line longer than the limit keeps its own end.
    mutating func append(_ text: String, _ stream: CommandStream) {
        guard limit > 0 else {
            droppedBytes += text.utf8.count
            droppedLines += 1
            return
        }
        var text = text
        let most = min(limit, OutputTail.logBudget)
        if text.utf8.count > most {
            let end = OutputTail.end(of: text, most)
            droppedBytes += text.utf8.count - end.utf8.count
            text = end
        }
        lines.append(Line(stream: stream, text: text))
        bytes += text.utf8.count
        cost += OutputTail.cost(of: text)
        while bytes > limit || cost > OutputTail.logBudget { dropFirst() }
        // Moved together only when half is gone, so that a line costs the same however many there were.
        if first > 1024, first * 2 > lines.count {
            lines.removeFirst(first)
            first = 0
        }
    }

    private mutating func dropFirst() {
        droppedBytes += lines[first].text.utf8.count
        droppedLines += 1
        bytes -= lines[first].text.utf8.count
        cost -= OutputTail.cost(of: lines[first].text)
        lines[first].text = ""
        first += 1
    }

    private static func cost(of text: String) -> Int { max(leastCost, text.utf8.count) }

    /// The last bytes of a text, from where a character begins.
    private static func end(of text: String, _ count: Int) -> String {
        let bytes = text.utf8.suffix(count)
        return String(decoding: bytes.drop { $0 & 0xC0 == 0x80 }, as: UTF8.self)
    }
}
