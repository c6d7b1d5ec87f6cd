import InsightsEngine
import InsightsPlugin
import InsightsTesting
import Synchronization

/// Both clocks of the engine, moved together: by hand, or by whoever sleeps.
final class HandClock: EngineClock {
    let manual = ManualClock()
    /// Whether a sleep takes no time but the clock's own: it jumps to its end.
    let jumps: Bool
    private let slept = Mutex(0)

    init(jumps: Bool = false) { self.jumps = jumps }

    var now: Instant { manual.now }
    var moment: Moment { Moment(wall: now, uptime: now.milliseconds) }
    /// How often somebody slept.
    var sleeps: Int { slept.withLock { $0 } }

    func advance(by duration: Duration) { manual.advance(by: duration) }

    func sleep(for duration: Duration) async throws {
        slept.withLock { $0 += 1 }
        if jumps { return advance(by: duration) }
        try await manual.sleep(for: duration)
    }

    func sleep(untilUptime uptime: Int64) async throws {
        try await sleep(for: .milliseconds(uptime - now.milliseconds))
    }
}
