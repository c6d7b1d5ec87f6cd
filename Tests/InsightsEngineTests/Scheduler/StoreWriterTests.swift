import InsightsPlugin
import InsightsStorage
import Synchronization
import Testing

@testable import InsightsEngine

/// What goes into one transaction.
@Suite struct StoreWriterTests {
    /// Writes units of these sizes, all of which wait when the first is taken.
    ///
    /// - Returns: For each transaction the units whose writes it had, each with how many.
    private func transactions(of sizes: [Int]) async -> [[[Int]]] {
        let writer = StoreWriter()
        for (number, size) in sizes.enumerated() {
            var unit = WriteUnit()
            for step in 0..<size {
                let slot = RunSlot(index: Int32(number), generation: UInt32(step))
                unit.append(.setPaused(task: TaskID(1), false), waiter: .run(slot, .claim))
            }
            writer.submit(unit)
        }
        let seen = Mutex<[[RunSlot]]>([])
        let last = sizes.lastIndex { $0 > 0 } ?? 0
        await writer.run(
            store: MemoryStore(), clock: ManualEngineClock(EngineFixture.start),
            settled: { events in
                let slots = events.compactMap { event -> RunSlot? in
                    if case .settled(let slot, _, _) = event { slot } else { nil }
                }
                seen.withLock { $0.append(slots) }
                if slots.contains(where: { $0.index == last && Int($0.generation) == sizes[last] - 1 }) {
                    writer.close()
                }
            }, availability: { _ in }, measured: { _ in })
        return seen.withLock { $0 }.map { slots in
            // In order, and each write once.
            var units: [[Int]] = []
            for slot in slots {
                if units.last?[0] == Int(slot.index), units.last?[1] == Int(slot.generation) {
                    units[units.count - 1][1] += 1
                } else {
                    #expect(slot.generation == 0)
                    units.append([Int(slot.index), 1])
                }
            }
            return units
        }
    }

    @Test("units share a transaction as long as it holds no more than a batch, and none is torn")
    func whole() async {
        #expect(await transactions(of: [1, 1, 1]) == [[[0, 1], [1, 1], [2, 1]]])
        let batch = StoreWriter.batchSize
        #expect(await transactions(of: [batch - 1, 1, 1]) == [[[0, batch - 1], [1, 1]], [[2, 1]]])
        #expect(await transactions(of: [1, batch, 1]) == [[[0, 1]], [[1, batch]], [[2, 1]]])
        let half = batch / 2
        #expect(
            await transactions(of: [half, half + 1, half - 1, 0, 2]) == [
                [[0, half]], [[1, half + 1], [2, half - 1]], [[4, 2]],
            ])
    }

    @Test("a unit that is larger than a batch is written by itself, whole")
    func large() async {
        #expect(await transactions(of: [3, 5000, 3]) == [[[0, 3]], [[1, 5000]], [[2, 3]]])
    }

    @Test("no unit is torn, whatever their sizes")
    func random() async {
        var random = SplitMix64(seed: 5)
        for _ in 0..<5 {
            let sizes = (0..<40).map { _ in Int.random(in: 1...900, using: &random) }
            let transactions = await transactions(of: sizes)
            #expect(transactions.joined().map { $0 } == sizes.enumerated().map { [$0, $1] })
            #expect(transactions.allSatisfy { $0.reduce(0) { $0 + $1[1] } <= StoreWriter.batchSize })
        }
    }
}
