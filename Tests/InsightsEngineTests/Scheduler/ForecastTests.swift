import InsightsEngine
import InsightsPlugin
import Testing

@Suite struct ForecastTests {
    private func seconds(
        _ cadence: Cadence, from: Double, count: Int = 3, isNow: Bool = false,
        _ change: ((inout StoredTask) -> Void)? = nil
    ) -> [Int64] {
        let definition = task("a", cadence)
        var stored = StoredTask(id: TaskID(1), name: "a", registeredAt: at(0), hash: 0)
        change?(&stored)
        return Forecast.occurrences(
            of: definition, stored: change == nil ? nil : stored, from: at(from), count: count, isNow: isNow
        ).map { ($0.milliseconds - origin.milliseconds) / 1000 }
    }

    @Test("without a store the first instant of every without starting is from itself")
    func withoutStore() {
        #expect(seconds(.every(60), from: 7) == [7, 67, 127])
    }

    @Test("at or after from, on the grid of the last occurrence or the registration")
    func stored() {
        #expect(seconds(.every(60), from: 120) { _ in } == [120, 180, 240])
        #expect(seconds(.every(60), from: 121) { _ in } == [180, 240, 300])
        #expect(seconds(.every(60), from: 100) { $0.lastOccurrence = at(50) } == [110, 170, 230])
        #expect(seconds(.every(60), from: 50) { $0.lastOccurrence = at(50) } == [110, 170, 230])
    }

    @Test("what never ran by its cadence is due at once, as the planner has it, also after a run by hand")
    func neverRan() {
        #expect(seconds(.every(60), from: 50, isNow: true) { _ in } == [0, 60, 120])
        #expect(seconds(.every(60), from: 130, isNow: true) { $0.lastSuccessAt = at(100) } == [120, 180, 240])
        #expect(seconds(.every(60, starting: -30), from: 0, isNow: true) { _ in } == [-30, 30, 90])
        #expect(seconds(.every(60, starting: 30), from: 0, isNow: true) { _ in } == [30, 90, 150])
        #expect(seconds(.cron("0 * * * *"), from: 10, isNow: true) { _ in } == [3600, 7200, 10_800])
        #expect(seconds(.every(60), from: 50, isNow: true) { $0.lastOccurrence = at(0) } == [60, 120, 180])
        let desk = PlannerDesk([task("a", .every(60))]) { $0["a"]!.registeredAt = at(-130) }
        #expect(desk.tick(0).last == "claim a1 @-10 cadence start")
        #expect(seconds(.every(60), from: 0, count: 1, isNow: true) { $0.registeredAt = at(-130) } == [-10])
    }

    @Test("a last occurrence ahead is waited for, one that lies too far ahead is not")
    func ahead() {
        #expect(seconds(.every(60), from: 0) { $0.lastOccurrence = at(60) } == [120, 180, 240])
        #expect(seconds(.every(60), from: 0) { $0.lastOccurrence = at(61) } == [0, 60, 120])
        #expect(seconds(.cron("0 * * * *"), from: 0) { $0.lastOccurrence = at(10_800) } == [14_400, 18_000, 21_600])
        #expect(seconds(.cron("0 * * * *"), from: 0) { $0.lastOccurrence = at(14_400) } == [0, 3600, 7200])
    }

    @Test("the grid of starting holds with and without a store")
    func starting() {
        #expect(seconds(.every(60, starting: 10), from: 0) == [10, 70, 130])
        #expect(seconds(.every(60, starting: -30), from: 0) { _ in } == [30, 90, 150])
        #expect(seconds(.every(60, starting: 1000), from: 0) { $0.lastOccurrence = at(-5) } == [1000, 1060, 1120])
    }

    @Test("cron includes from itself, and a task with after has no instants of its own")
    func cronAndAfter() {
        #expect(seconds(.cron("*/5 * * * *"), from: 300) == [300, 600, 900])
        #expect(seconds(.after(["b"]), from: 0) == [])
        #expect(Forecast.next(of: task("a", .every(5)), stored: nil, from: at(3)) == at(3))
    }

    @Test("it says what the planner does")
    func agrees() {
        for (cadence, last) in [
            (Cadence.every(60), -17.0), (.every(60, starting: 13), -47), (.cron("*/7 * * * *"), -240),
        ] {
            let desk = PlannerDesk([task("a", cadence) { $0.overlap = .allow }]) { $0["a"]!.lastOccurrence = at(last) }
            let expected = seconds(cadence, from: 0, count: 5) { $0.lastOccurrence = at(last) }
            let planned = expected.compactMap { second -> Int64? in
                let next = desk.planner.nextRun(of: "a")
                desk.tick(Double(second))
                return next.map { ($0.milliseconds - origin.milliseconds) / 1000 }
            }
            #expect(planned == expected)
        }
    }
}
