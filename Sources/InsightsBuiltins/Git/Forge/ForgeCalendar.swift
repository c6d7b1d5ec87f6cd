internal import InsightsPlugin
internal import Synchronization

/// A forge's own time, as its answers tell it: what it keeps for some days goes by that.
final class ForgeCalendar: Sendable {
    private let latest = Mutex<Instant?>(nil)

    /// The time of the latest answer; `nil` before the first.
    var now: Instant? { latest.withLock { $0 } }

    /// Takes in an answer's time; of two that overtake each other the later one counts.
    func note(_ told: Instant) { latest.withLock { $0 = max($0 ?? told, told) } }
}
