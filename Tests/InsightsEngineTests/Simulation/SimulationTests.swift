import Glibc
import InsightsEngine
import InsightsPlugin
import Testing

/// Thousands of seeded simulations hold the planner against the promises of the engine.
///
/// `INSIGHTS_SIMULATION_SEEDS` sets how many; `INSIGHTS_SIMULATION_SEED` replays one.
@Suite struct SimulationTests {
    private static let chunk: UInt64 = 250
    private static let replayed = variable("INSIGHTS_SIMULATION_SEED")
    private static let chunks: [UInt64] = {
        let count = replayed == nil ? variable("INSIGHTS_SIMULATION_SEEDS") ?? 10_000 : 1
        return Array(0..<max(1, (count + chunk - 1) / chunk))
    }()

    private static func variable(_ name: String) -> UInt64? { getenv(name).flatMap { UInt64(String(cString: $0)) } }

    @Test("promises hold, whatever goes wrong", arguments: chunks)
    func promises(_ chunk: UInt64) {
        let seeds = Self.replayed.map { $0...$0 } ?? chunk * Self.chunk...chunk * Self.chunk + Self.chunk - 1
        for seed in seeds {
            let simulation = Simulation(seed: seed)
            simulation.isTraced = Self.replayed != nil
            if simulation.isTraced { print(simulation.scenario) }
            let violations = simulation.run()
            guard let first = violations.first else { continue }
            Issue.record("seed \(seed): \(first)\nreplay it with INSIGHTS_SIMULATION_SEED=\(seed)")
            return
        }
    }

    @Test("a seed repeats to the letter")
    func repeats() {
        for seed in 0..<5 as Range<UInt64> {
            let (first, second) = (Simulation(seed: seed), Simulation(seed: seed))
            _ = (first.run(), second.run())
            #expect(first.store.rows.map(\.run) == second.store.rows.map(\.run))
            #expect(first.store.rows.map(\.status) == second.store.rows.map(\.status))
            #expect(first.uptime == second.uptime)
        }
    }

    @Test("the watch catches planted bugs", arguments: PlantedBug.allCases)
    func plantedBugs(_ bug: PlantedBug) {
        let caught = (0..<400 as Range<UInt64>).first { !Simulation(seed: $0, bug: bug).run().isEmpty }
        #expect(caught != nil, "no seed below 400 caught it")
    }
}
