internal import InsightsPlugin

/// A program's output for the run's log: its beginning as it comes, and once that has filled the limit, its last lines
/// within the same limit.
///
/// The end is kept whatever the beginning was, because that is where a program says why it failed.
struct OutputTail {
    /// A line that is kept.
    struct Line: Equatable {
        var stream: CommandStream
        var text: String
        /// When it came.
        var at: Instant
    }

    /// What a line counts in a run's log at least, and what all may count: beyond that the log would drop the very
    /// end that is kept here.
    private static let leastCost = 8
    private static let logBudget = 1 << 20

    private let limit: Int
    /// Whether all lines so far went to the log at once, and what they counted.
    private var isLive: Bool
    private var liveBytes = 0
    private var liveCost = 0
    private var lines: [Line] = []
    private var first = 0
    private var bytes = 0
    private var cost = 0
    private(set) var droppedLines = 0
    private(set) var droppedBytes = 0

    /// - Parameter limit: Bytes of text to keep.
    init(limit: Int) {
        self.limit = limit
        isLive = limit > 0
    }

    /// Whether the next line is to be logged at once: it and all before it are within the limit. Otherwise it belongs
    /// into ``append(_:)``.
    mutating func goesOut(_ text: String) -> Bool {
        guard isLive else { return false }
        liveBytes += text.utf8.count
        liveCost += OutputTail.cost(of: text)
        isLive = liveBytes <= limit && liveCost <= OutputTail.logBudget
        return isLive
    }

    /// The lines that are left, oldest first.
    var kept: ArraySlice<Line> { lines[first...] }

    /// Takes the next line; a line longer than the limit keeps its own end.
    mutating func append(_ line: Line) {
        var line = line
        guard limit > 0 else {
            droppedBytes += line.text.utf8.count
            droppedLines += 1
            return
        }
        let most = min(limit, OutputTail.logBudget)
        if line.text.utf8.count > most {
            let end = OutputTail.end(of: line.text, most)
            droppedBytes += line.text.utf8.count - end.utf8.count
            line.text = end
        }
        lines.append(line)
        bytes += line.text.utf8.count
        cost += OutputTail.cost(of: line.text)
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
