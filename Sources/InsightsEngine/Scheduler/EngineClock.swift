internal import Glibc
package import InsightsPlugin

/// Time, as the engine takes it: the system's, or one that a test drives by hand.
package protocol EngineClock: RunClock {
    /// Now, by both clocks.
    var moment: Moment { get }
    /// Waits until `uptime` (as in ``Moment/uptime``) has come; may return early, returns at once when it is past.
    ///
    /// - Throws: `CancellationError` when the caller is cancelled meanwhile.
    func sleep(untilUptime uptime: Int64) async throws
}

/// The system's clocks: `CLOCK_REALTIME`, and `CLOCK_BOOTTIME`, which counts suspend.
package struct SystemClock: EngineClock {
    private static let origin = ContinuousClock.now

    package init() {}

    package var now: Instant { moment.wall }

    package var moment: Moment {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        let wall = Instant(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
        return Moment(wall: wall, uptime: (ContinuousClock.now - SystemClock.origin).wholeMilliseconds)
    }

    package func sleep(for duration: Duration) async throws {
        try await ContinuousClock().sleep(for: duration)
    }

    package func sleep(untilUptime uptime: Int64) async throws {
        try await ContinuousClock().sleep(until: SystemClock.origin + .milliseconds(uptime), tolerance: .zero)
    }
}
