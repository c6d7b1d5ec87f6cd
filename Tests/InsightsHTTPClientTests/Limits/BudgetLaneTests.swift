import InsightsEngine
import Testing

@testable import InsightsHTTPClient

/// A lane with events told briefly; requests leave and are answered by number.
private struct Desk {
    var lane = BudgetLane()
    var now: Int64 = 1_000_000

    mutating func ask(
        _ id: UInt64, run: UInt64 = 1, _ resource: String = "core", atOnce: Int = 8, perMinute: Int? = nil,
        within: Int64 = 3_600_000
    ) -> [BudgetLane.Decision] {
        lane.arrive(
            BudgetLane.Waiter(
                id: id, run: RunID(high: run, low: 0), resource: resource, concurrency: atOnce, perMinute: perMinute,
                deadline: now + within),
            at: now)
    }

    mutating func answer(_ id: UInt64, _ change: (inout LimitReading) -> Void = { _ in }) -> [BudgetLane.Decision] {
        var reading = LimitReading()
        change(&reading)
        return lane.answered(id, reading, at: now)
    }

    mutating func pass(_ milliseconds: Int64) -> [BudgetLane.Decision] {
        now += milliseconds
        return lane.tick(at: now)
    }
}

private func run(_ number: UInt64) -> RunID { RunID(high: number, low: 0) }

private func going(_ decisions: [BudgetLane.Decision]) -> [UInt64] {
    decisions.compactMap { if case .go(let id) = $0 { id } else { nil } }
}

@Suite("The queue to one server")
struct BudgetLaneTests {
    @Test("The first request of a resource goes ahead, the others once its answer has told of the limits")
    func probe() {
        var desk = Desk()
        #expect(desk.ask(1) == [.go(1)])
        #expect(desk.ask(2) == [])
        #expect(desk.ask(3) == [])
        #expect(desk.lane.wake(at: desk.now) == nil)
        #expect(desk.answer(1) == [.go(2), .go(3)])
    }

    @Test("A request that was lost tells nothing: the next goes ahead alone")
    func lostProbe() {
        var desk = Desk()
        _ = desk.ask(1)
        _ = desk.ask(2)
        _ = desk.ask(3)
        #expect(desk.lane.lost(1, at: desk.now) == [.go(2)])
    }

    @Test("A lost request counts as one that the server counted, until an answer to a later one tells")
    func losses() {
        var desk = Desk()
        _ = desk.ask(1)
        _ = desk.answer(1) { ($0.remaining, $0.resetsIn) = (3, 60_000) }
        _ = desk.ask(2)
        _ = desk.ask(3)
        desk.now += 100
        _ = desk.lane.lost(2, at: desk.now)
        // It left before: it may have been served before the one that was lost.
        _ = desk.answer(3) { ($0.remaining, $0.resetsIn) = (2, 60_000) }
        #expect(going(desk.ask(4)) == [4])
        #expect(going(desk.ask(5)) == [])
        #expect(going(desk.answer(4) { ($0.remaining, $0.resetsIn) = (1, 60_000) }) == [5])
    }

    @Test("A gateway's 5xx tells nothing of limits")
    func gateway() {
        var desk = Desk()
        _ = desk.ask(1)
        _ = desk.ask(2)
        _ = desk.ask(3)
        #expect(desk.answer(1) { $0.isAuthentic = false } == [.go(2)])
    }

    @Test("At most as many at once as each request says")
    func concurrency() {
        var desk = Desk()
        _ = desk.ask(1)
        _ = desk.answer(1)
        #expect(desk.ask(2, atOnce: 2) == [.go(2)])
        #expect(desk.ask(3, atOnce: 2) == [.go(3)])
        #expect(desk.ask(4, atOnce: 2) == [])
        #expect(desk.ask(5, run: 2, atOnce: 3) == [.go(5)])
        #expect(desk.answer(2) == [])
        #expect(desk.answer(3) == [.go(4)])
        #expect(desk.lane.inFlight == 2)
    }

    @Test("At most as many in any 60 s as asked for")
    func pace() {
        var desk = Desk()
        _ = desk.ask(1, perMinute: 2)
        _ = desk.answer(1)
        desk.now += 10_000
        #expect(desk.ask(2, perMinute: 2) == [.go(2)])
        #expect(desk.ask(3, perMinute: 2) == [])
        #expect(desk.lane.wake(at: desk.now) == desk.now + 50_000)
        #expect(desk.pass(49_999) == [])
        #expect(desk.pass(1) == [.go(3)])
        #expect(desk.ask(4, perMinute: 2) == [])
        #expect(desk.lane.wake(at: desk.now) == desk.now + 10_000)
    }

    @Test("No more leave than remain; the rest wait for the window's end")
    func remaining() {
        var desk = Desk()
        _ = desk.ask(1)
        for id in 2...5 as ClosedRange<UInt64> { _ = desk.ask(id) }
        let told = desk.answer(1) { ($0.limit, $0.remaining, $0.resetsIn) = (60, 2, 30_000) }
        #expect(told == [.go(2), .go(3)])
        #expect(desk.lane.wake(at: desk.now) == nil)
        #expect(desk.answer(2) { ($0.remaining, $0.resetsIn) = (1, 30_000) } == [])
        let until = desk.now + 30_000
        #expect(desk.answer(3) { ($0.remaining, $0.resetsIn) = (0, 30_000) } == [.held(run(1), until: until)])
        #expect(desk.lane.wake(at: desk.now) == until)
        #expect(desk.pass(29_999) == [])
        // The window is over: one goes ahead again.
        #expect(desk.pass(1) == [.go(4), .held(run(1), until: nil)])
        #expect(desk.answer(4) { ($0.remaining, $0.resetsIn) = (59, 60_000) } == [.go(5)])
    }

    @Test("Answers that overtake each other lower what remains, never raise it")
    func overtaking() {
        var desk = Desk()
        _ = desk.ask(1)
        _ = desk.answer(1) { ($0.remaining, $0.resetsIn) = (10, 30_000) }
        for id in 2...4 as ClosedRange<UInt64> { _ = desk.ask(id) }
        _ = desk.answer(4) { ($0.remaining, $0.resetsIn) = (7, 30_400) }
        _ = desk.answer(2) { ($0.remaining, $0.resetsIn) = (9, 29_600) }
        #expect(desk.lane.window(of: "core")?.remaining == 7)
        // Of the window before: it came too late.
        desk.now += 40_000
        #expect(going(desk.ask(5)) == [5])
        _ = desk.answer(5) { ($0.remaining, $0.resetsIn) = (60, 60_000) }
        _ = desk.answer(3) { ($0.remaining, $0.resetsIn) = (0, 0) }
        #expect(desk.lane.window(of: "core")?.remaining == 60)
    }

    @Test(
        "A window that is said to end sooner counts where it leaves less, of a request that left since the other was told"
    )
    func sooner() {
        var desk = Desk()
        _ = desk.ask(1)
        _ = desk.answer(1) { ($0.remaining, $0.resetsIn) = (4000, 3_600_000) }
        let until = desk.now + 10_000
        for id in 2...4 as ClosedRange<UInt64> { _ = desk.ask(id) }
        desk.now += 1000
        // Another budget, with more in it: the tighter one stands.
        _ = desk.answer(2) { ($0.remaining, $0.resetsIn) = (4990, 1_800_000) }
        #expect(desk.lane.window(of: "core")?.remaining == 4000)
        _ = desk.answer(3) { ($0.remaining, $0.resetsIn) = (1, 9000) }
        #expect(desk.lane.window(of: "core")?.remaining == 1)
        #expect(desk.lane.window(of: "core")?.resetsAt == until)
        // With one on its way that is all, and no more leave until then.
        #expect(desk.ask(5) == [])
        _ = desk.answer(4) { ($0.remaining, $0.resetsIn) = (0, 9000) }
        #expect(desk.lane.wake(at: desk.now) == until)
        #expect(going(desk.pass(9000)) == [5])
    }

    @Test("Nothing leaves while a server has asked to wait, of any resource")
    func retryAfter() {
        var desk = Desk()
        _ = desk.ask(1)
        _ = desk.answer(1)
        _ = desk.ask(2)
        _ = desk.ask(3)
        _ = desk.answer(2) { ($0.refusal, $0.retryAfter) = (.limit, 120_000) }
        #expect(desk.ask(4, "graphql") == [.held(run(1), until: desk.now + 120_000)])
        // One that was on its way comes back in peace, and changes nothing.
        #expect(desk.answer(3) == [])
        #expect(desk.pass(119_999) == [])
        #expect(going(desk.pass(1)) == [4])
    }

    @Test("A used-up resource leaves the others alone")
    func perResource() {
        var desk = Desk()
        _ = desk.ask(1)
        _ = desk.ask(2, "graphql")
        _ = desk.answer(1) { ($0.refusal, $0.remaining, $0.resetsIn) = (.limit, 0, 600_000) }
        #expect(desk.ask(3) == [.held(run(1), until: desk.now + 600_000)])
        _ = desk.answer(2)
        #expect(going(desk.ask(4, "graphql")) == [4])
    }

    @Test("A limit without a word about time waits a minute, then two, up to an hour; a success forgives")
    func silence() {
        var desk = Desk()
        var id: UInt64 = 1
        for minutes in [1, 2, 4, 8, 16, 32, 60, 60] as [Int64] {
            #expect(going(desk.ask(id, within: .max / 2)) == [id])
            _ = desk.answer(id) { $0.refusal = .limit }
            #expect(desk.lane.pausedUntil == desk.now + minutes * 60_000)
            _ = desk.pass(minutes * 60_000)
            id += 1
        }
        _ = desk.ask(id)
        _ = desk.answer(id)
        _ = desk.ask(id + 1)
        _ = desk.answer(id + 1) { $0.refusal = .limit }
        #expect(desk.lane.pausedUntil == desk.now + 60_000)
    }

    @Test("Eight refused together are one refusal")
    func burst() {
        var desk = Desk()
        _ = desk.ask(1)
        _ = desk.answer(1)
        for id in 2...9 as ClosedRange<UInt64> { _ = desk.ask(id) }
        for id in 2...9 as ClosedRange<UInt64> {
            _ = desk.answer(id) { $0.refusal = .limit }
            desk.now += 10
        }
        #expect(desk.lane.pausedUntil == desk.now - 80 + 60_000)
    }

    @Test("A refusal with a reset that is past waits as one without")
    func pastReset() {
        var desk = Desk()
        _ = desk.ask(1)
        _ = desk.answer(1) { ($0.refusal, $0.remaining, $0.resetsIn) = (.limit, 0, 0) }
        #expect(desk.lane.pausedUntil == desk.now + 60_000)
    }

    @Test("Who cannot wait that long is told when, at once; the others wait")
    func deadline() {
        var desk = Desk()
        _ = desk.ask(1)
        _ = desk.ask(2, run: 2, within: 5000)
        let until = desk.now + 60_000
        let told = desk.answer(1) { ($0.refusal, $0.retryAfter) = (.limit, 60_000) }
        #expect(told == [.fail(2, until: until)])
        #expect(desk.ask(3, within: 59_999) == [.fail(3, until: until)])
        #expect(desk.ask(4, within: 60_000) == [.held(run(1), until: until)])
    }

    @Test("Runs take turns, and each keeps its order")
    func turns() {
        var desk = Desk()
        _ = desk.ask(1, atOnce: 1)
        for id in 2...6 as ClosedRange<UInt64> { _ = desk.ask(id, atOnce: 1) }
        for id in 11...13 as ClosedRange<UInt64> { _ = desk.ask(id, run: 2, atOnce: 1) }
        var order: [UInt64] = []
        var current: UInt64 = 1
        while let next = going(desk.answer(current)).first {
            order.append(next)
            current = next
        }
        #expect(order == [11, 2, 12, 3, 13, 4, 5, 6])
    }

    @Test("A server's own name of a limit is learned, and counts for what the module calls otherwise")
    func aliases() {
        var desk = Desk()
        _ = desk.ask(1, "default")
        _ = desk.answer(1) { ($0.resource, $0.remaining, $0.resetsIn) = ("core", 1, 60_000) }
        #expect(going(desk.ask(2, "core")) == [2])
        #expect(going(desk.ask(3, "default")) == [])
        #expect(Array(desk.lane.resources.keys) == ["core"])
    }

    @Test("A server that names a new limit at each answer fills no memory")
    func manyNames() {
        var desk = Desk()
        for id in 1...1000 as ClosedRange<UInt64> {
            _ = desk.ask(id)
            _ = desk.answer(id) { ($0.resource, $0.remaining, $0.resetsIn) = ("r\(id)", 5, 60_000) }
        }
        #expect(desk.lane.resources.count <= 33)
    }

    @Test("One that is cancelled leaves the queue, and those behind it move up")
    func cancelled() {
        var desk = Desk()
        _ = desk.ask(1, atOnce: 1)
        _ = desk.ask(2, atOnce: 1)
        _ = desk.ask(3, atOnce: 1)
        #expect(desk.lane.leave(2, at: desk.now) == [])
        #expect(desk.answer(1) == [.go(3)])
        // One on its way is not called back by this: its connection is.
        #expect(desk.lane.leave(3, at: desk.now) == [])
        #expect(desk.lane.inFlight == 1)
    }

    @Test("A second answer, and one to nothing, change nothing")
    func strays() {
        var desk = Desk()
        _ = desk.ask(1)
        _ = desk.answer(1)
        #expect(desk.answer(1) { ($0.refusal, $0.retryAfter) = (.limit, 60_000) } == [])
        #expect(desk.lane.pausedUntil == .min)
    }
}
