internal import InsightsPlugin
internal import Synchronization

/// The clock of a node among others: the machine's, set right by the database's when the two differ by more than a
/// second, so that all nodes mean the same by an instant.
///
/// Only the wall clock is set right; elapsed time is the machine's. A change of the difference is a step of the wall
/// clock to who schedules by it, and treated as any other.
final class NodeClock: EngineClock {
    /// Up to this difference, in milliseconds, the machine's own clock is good enough …
    static let tolerance: Int64 = 1000
    /// … and once it was not, it is again from this one on, so that it does not change with every look.
    static let calm: Int64 = 500
    /// A difference that moved by no more than this stays as it was.
    static let drift: Int64 = 250
    /// What took longer than this there and back tells nothing.
    static let longestTrip: Int64 = 2000

    private struct State {
        /// Added to the machine's wall clock.
        var offset: Int64 = 0
        /// As measured last, whether it is used or not.
        var difference: Int64 = 0
    }

    private let base: any EngineClock
    private let state = Mutex(State())

    init(_ base: any EngineClock) { self.base = base }

    var now: Instant { moment.wall }

    var moment: Moment {
        var moment = base.moment
        moment.wall.milliseconds += state.withLock { $0.offset }
        return moment
    }

    /// The machine's own clocks.
    var machine: Moment { base.moment }

    /// By how much the database's clock is ahead of the machine's, as measured last.
    var difference: Duration { .milliseconds(state.withLock { $0.difference }) }

    func sleep(for duration: Duration) async throws { try await base.sleep(for: duration) }
    func sleep(untilUptime uptime: Int64) async throws { try await base.sleep(untilUptime: uptime) }

    /// Takes the database's clock, `at`, into account, which was asked for and told at these moments of the machine.
    func note(_ at: Instant, sent: Moment, received: Moment) {
        let trip = received.uptime - sent.uptime
        guard trip <= NodeClock.longestTrip else { return }
        let difference = at.milliseconds - (sent.wall.milliseconds + trip / 2)
        state.withLock { state in
            state.difference = difference
            state.offset = NodeClock.offset(for: difference, former: state.offset)
        }
    }

    /// What is added to the machine's clock that is `difference` behind the database's.
    static func offset(for difference: Int64, former: Int64) -> Int64 {
        if abs(difference) <= (former == 0 ? tolerance : calm) { return 0 }
        return former != 0 && abs(difference - former) <= drift ? former : difference
    }
}
