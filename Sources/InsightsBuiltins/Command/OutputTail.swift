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

    /// What a line costs in a run's log besides its text: the log keeps 1 MiB, fields and all, and would
    /// otherwise drop the very end that is kept here.
    private static let overhead = 128
    /// What all lines may cost in the run's log; the rest is left for what others log.
    private static let logBudget = (1 << 20) - (16 << 10)

    private let limit: Int
    private var lines: [Line] = []
    private var first = 0
    private var bytes = 0
    private(set) var droppedLines = 0
    private(set) var droppedBytes = 0

    /// - Parameter limit: Bytes of text to keep.
    init(limit: Int) { self.limit = limit }

    /// The lines that are left, oldest first.
    var kept: ArraySlice<Line> { lines[first...] }

    /// Takes the next line; a line longer than the limit keeps its own end.
    mutating func append(_ text: String, _ stream: CommandStream) {
        var text = text
        let most = min(limit, OutputTail.logBudget - OutputTail.overhead)
        if text.utf8.count > most {
            droppedBytes += text.utf8.count - most
            text = repairedText(text.utf8.suffix(most))
        }
        lines.append(Line(stream: stream, text: text))
        bytes += text.utf8.count
        while first < lines.count,
            bytes > limit || bytes + (lines.count - first) * OutputTail.overhead > OutputTail.logBudget
        {
            dropFirst()
        }
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
        lines[first].text = ""
        first += 1
    }
}
