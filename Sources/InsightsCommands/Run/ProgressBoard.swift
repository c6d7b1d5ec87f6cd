internal import InsightsEngine
internal import InsightsPlugin

/// What goes on right now, as lines for a terminal; a value, so that a test sees every frame.
struct ProgressBoard: Sendable {
    private struct Entry {
        var task: String
        var run: RunID
        var startedAt: ContinuousClock.Instant
        var progress: Progress?
        var note: String?
    }

    private static let barWidth = 20
    private var entries: [Entry] = []

    mutating func start(_ task: String, _ run: RunID, at now: ContinuousClock.Instant) {
        if let index = index(of: run) {
            entries[index].note = nil
        } else {
            entries.append(Entry(task: task, run: run, startedAt: now))
        }
    }

    mutating func progress(_ task: String, _ run: RunID, _ progress: Progress, at now: ContinuousClock.Instant) {
        start(task, run, at: now)
        if let index = index(of: run) { entries[index].progress = progress }
    }

    mutating func retry(_ run: RunID, _ note: String) {
        if let index = index(of: run) { entries[index].note = note }
    }

    mutating func end(_ run: RunID) {
        guard let index = index(of: run) else { return }
        entries.remove(at: index)
    }

    /// The lines, each within `columns` cells; what does not fit into `rows` is counted on the last one.
    func lines(columns: Int, rows: Int, at now: ContinuousClock.Instant) -> [String] {
        let room = max(1, rows)
        let shown = entries.count > room ? Array(entries.prefix(room - 1)) : entries
        let width = shown.map { CellText.width(of: $0.task) }.max() ?? 0
        var lines = shown.map { CellText.cut(line(of: $0, width, at: now), to: max(1, columns - 1)) }
        if entries.count > shown.count {
            lines.append(CellText.cut("and \(entries.count - shown.count) more", to: max(1, columns - 1)))
        }
        return lines
    }

    private func index(of run: RunID) -> Int? { entries.firstIndex { $0.run == run } }

    private func line(of entry: Entry, _ width: Int, at now: ContinuousClock.Instant) -> String {
        let padding = String(repeating: " ", count: width - CellText.width(of: entry.task))
        let seconds = Int64((now - entry.startedAt).inSeconds)
        let elapsed = DurationText.format(.seconds(seconds))
        let head = entry.task + padding + "  " + String(repeating: " ", count: max(0, 6 - elapsed.count)) + elapsed
        if let note = entry.note { return head + "  " + CellText.safe(note) }
        guard let progress = entry.progress else { return head + "  running" }
        return head + "  " + ProgressBoard.text(of: progress)
    }

    /// `[########------------] 40/100 label`, or `40 label` while the whole is unknown.
    private static func text(of progress: Progress) -> String {
        let label = progress.label.isEmpty ? "" : " " + CellText.safe(progress.label)
        guard let total = progress.total, total > 0 else { return "\(progress.done)\(label)" }
        let done = min(max(progress.done, 0), total)
        let filled = Int(Double(barWidth) * Double(done) / Double(total))
        let bar = String(repeating: "#", count: filled) + String(repeating: "-", count: barWidth - filled)
        return "[\(bar)] \(progress.done)/\(total)\(label)"
    }
}
