import InsightsPlugin
import Testing

@testable import InsightsEngine

/// How what the planner writes is parted into transactions.
@Suite struct PlannerOutputTests {
    private static let batch = StoreWriter.batchSize

    /// - Parameter events: How many writes each event makes.
    /// - Returns: How many writes each transaction has.
    private static func transactions(_ events: [Int]) -> [Int] {
        var output = PlannerOutput()
        for (number, count) in events.enumerated() {
            for step in 0..<count { output.write(pause(number, step), waiter(number, step)) }
            output.endEvent()
        }
        output.end()
        let slots = output.units.flatMap(\.waiters).map { waiter -> RunSlot? in
            if case .run(let slot, _) = waiter { slot } else { nil }
        }
        // All of them, in order.
        let expected = events.enumerated().flatMap { number, count in
            (0..<count).map { RunSlot(index: Int32(number), generation: UInt32($0)) }
        }
        #expect(slots == expected)
        #expect(output.steps.count == expected.count)
        return output.units.map(\.count)
    }

    private static func pause(_ number: Int, _ step: Int) -> StoreWrite {
        .setPaused(task: TaskID(Int64(number)), step % 2 == 0)
    }

    private static func waiter(_ number: Int, _ step: Int) -> WriteUnit.Waiter {
        .run(RunSlot(index: Int32(number), generation: UInt32(step)), .claim)
    }

    @Test(
        "Events go together as long as that makes no transaction too long",
        arguments: [
            ([], []), ([0, 0], []), ([1], [1]), ([1, 0, 2], [3]),
            ([batch], [batch]), ([batch - 1, 1], [batch]), ([batch, 1], [batch, 1]), ([batch - 1, 2], [batch - 1, 2]),
            ([batch - 1, 2, batch - 2], [batch - 1, batch]), ([10, batch], [10, batch]),
            ([2 * batch + 5], [batch, batch, 5]), ([3, 2 * batch + 5, 1], [3, batch, batch, 6]),
            ([Int](repeating: 1, count: 2 * batch + 1), [batch, batch, 1]),
        ] as [([Int], [Int])])
    func parts(_ events: [Int], _ transactions: [Int]) {
        #expect(Self.transactions(events) == transactions)
    }

    @Test("A claim that nobody waits for is never parted from the write that ends it")
    func keepsHalvesTogether() {
        var output = PlannerOutput()
        for step in 0..<Self.batch - 1 { output.write(Self.pause(1, step), Self.waiter(1, step)) }
        output.write(.claim(Self.claim))
        output.write(Self.pause(2, 0), Self.waiter(2, 0))
        output.write(Self.pause(3, 0), Self.waiter(3, 0))
        output.endEvent()
        output.end()
        #expect(output.units.map(\.count) == [Self.batch + 1, 1])
    }

    @Test("Kinds are told in the order in which they came")
    func keepsOrder() {
        var output = PlannerOutput()
        let slot = RunSlot(index: 4, generation: 1)
        output.observe(.clockStepped(.seconds(1)))
        output.append(.abort(slot))
        output.write(Self.pause(1, 0))
        output.append(.observe(.clockStepped(.seconds(2))))
        output.append(.write(.claim(Self.claim), slot, .claim))
        output.endEvent()
        output.append(.drained)
        let words = output.actions.map { action in
            switch action {
            case .observe(.clockStepped(let step)): "step \(step.components.seconds)"
            case .abort(let slot): "abort \(slot.index)"
            case .write(.claim, let slot?, .claim): "claim \(slot.index)"
            case .write(.setPaused, nil, nil): "pause"
            case .drained: "drained"
            default: "something else"
            }
        }
        #expect(words == ["step 1", "abort 4", "pause", "step 2", "claim 4", "drained"])
    }

    private static let claim = Claim(
        run: RunID(high: 1, low: 1), task: TaskID(1), uses: "m", occurrence: nil, scheduledAt: EngineFixture.start,
        trigger: .manual, attempts: 1, at: EngineFixture.start, starts: false, lateness: nil, movesDependents: false,
        clearsMarks: false)
}
