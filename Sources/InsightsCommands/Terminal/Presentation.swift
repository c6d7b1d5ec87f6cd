internal import InsightsEngine
internal import InsightsPlugin

/// How instants, durations and states look in tables.
struct Presentation: Sendable {
    /// The manifest's; what people read is in it, what programs read is in UTC.
    var zone: Zone = .utc

    /// An instant: with its offset on a terminal (so that it can be pasted back), in UTC with milliseconds on a pipe.
    func cell(_ instant: Instant?, none: String = "") -> Table.Cell {
        guard let instant else { return Table.Cell(none, plain: "") }
        return Table.Cell(text(instant), plain: instant.description)
    }

    /// A duration: `1h30m` for people, seconds for programs.
    func cell(_ duration: Duration?) -> Table.Cell {
        guard let duration else { return "" }
        return Table.Cell(Presentation.text(duration), plain: Value(duration).json)
    }

    /// A run's state in its colour.
    func cell(_ status: RunStatus, reason: String?) -> Table.Cell {
        let paint: Paint? =
            switch status {
            case .succeeded: .green
            case .failed, .timedOut: .red
            case .cancelled, .skipped, .interrupted, .retrying: .yellow
            case .queued, .running: nil
            }
        let text = status.rawValue + (reason.map { " (\($0))" } ?? "")
        return Table.Cell(text, plain: status.rawValue, paint: paint)
    }

    /// RFC 3339 in the manifest's zone; milliseconds only where there are some.
    func text(_ instant: Instant) -> String {
        let offset = zone.offset(at: instant)
        var text = instant.advanced(by: .seconds(offset)).description
        text.removeLast(text.hasSuffix(".000Z") ? 5 : 1)
        guard offset != 0 else { return text + "Z" }
        let minutes = abs(offset) / 60
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return text + (offset < 0 ? "-" : "+") + two(minutes / 60) + ":" + two(minutes % 60)
    }

    /// The manifest's form of a duration, as fine as a person cares for.
    static func text(_ duration: Duration) -> String {
        let milliseconds = duration.wholeMilliseconds
        // Beyond a minute, fractions of a second are noise.
        let rounded = milliseconds >= 60_000 ? milliseconds / 1000 * 1000 : milliseconds
        return DurationText.format(.milliseconds(rounded))
    }

    /// A measured number: whole where it is whole, otherwise as short as it stays exact.
    static func text(_ number: Double) -> String { Value.number(number).json }
}
