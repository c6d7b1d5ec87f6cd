import InsightsPlugin
import InsightsTesting
import Testing

@Suite("A clock driven by hand")
struct ManualClockTests {
    @Test("It stands still until it is advanced")
    func standsStill() {
        let clock = ManualClock(Instant(seconds: 10))
        #expect(clock.now == Instant(seconds: 10))
        clock.advance(by: .seconds(5))
        #expect(clock.now == Instant(seconds: 15))
        clock.set(Instant(seconds: 1))
        #expect(clock.now == Instant(seconds: 1))
    }

    @Test("Sleepers wake when their time has come, and not before")
    func wakes() async throws {
        let clock = ManualClock()
        let start = clock.now
        async let woken: Instant = {
            try await clock.sleep(for: .seconds(10))
            return clock.now
        }()
        await clock.waitForSleepers()
        clock.advance(by: .milliseconds(9999))
        clock.advance(by: .milliseconds(1))
        #expect(try await woken == start.advanced(by: .seconds(10)))
    }

    @Test("A sleep of no length does not wait")
    func noLength() async throws {
        try await ManualClock().sleep(for: .zero)
        try await ManualClock().sleep(for: .seconds(-1))
    }

    @Test("A cancelled sleeper is told, whether it waits already or not")
    func cancellation() async {
        let clock = ManualClock()
        let waiting = Task { try await clock.sleep(for: .seconds(1)) }
        await clock.waitForSleepers()
        waiting.cancel()
        await #expect(throws: CancellationError.self) { try await waiting.value }
        let late = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            try await clock.sleep(for: .seconds(1))
        }
        await #expect(throws: CancellationError.self) { try await late.value }
    }
}
