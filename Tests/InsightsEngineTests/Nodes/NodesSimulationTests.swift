import Foundation
import InsightsEngine
import InsightsPlugin
import Testing

/// Seeded simulations of several nodes hold the planner, the lease and what passes between nodes against the promises of
/// the engine.
///
/// `INSIGHTS_NODES_SEEDS` sets how many, `INSIGHTS_NODES_FROM` the first; `INSIGHTS_NODES_SEED` replays one.
@Suite("Simulation of several nodes") struct NodesSimulationTests {
    private static let seeds = SimulationSeeds("INSIGHTS_NODES", count: 500, inChunksOf: 50)

    @Test("promises hold among nodes, whatever goes wrong", arguments: seeds.chunks)
    func promises(_ chunk: UInt64) async {
        let isTraced = Self.seeds.replayed != nil
        let failure = await SimulationLanes.shared.run { lane in
            SimulationSeeds.failure(of: Self.seeds.seeds(of: chunk), as: "simulation of nodes, seed", on: lane) {
                seed in
                let simulation = NodesSimulation(seed: seed)
                simulation.isTraced = isTraced
                if isTraced { print(simulation.scenario) }
                return simulation.run().first
            }
        }
        if let failure { Issue.record("\(failure)\nreplay it with INSIGHTS_NODES_SEED") }
    }

    @Test("a seed repeats to the letter")
    func repeats() async {
        for seed in 0..<5 as Range<UInt64> {
            let runs = await SimulationLanes.shared.run { lane in
                LastWords.note("simulation of nodes, seed \(seed), twice", lane: lane)
                return (0..<2).map { _ in
                    let simulation = NodesSimulation(seed: seed)
                    let violations = simulation.run()
                    return simulation.store.base.rows.map { "\($0.run) \($0.status)" } + violations
                }
            }
            #expect(runs[0] == runs[1])
        }
    }

    @Test("the watch catches planted bugs", arguments: NodesBug.allCases)
    func plantedBugs(_ bug: NodesBug) async {
        let caught = await SimulationLanes.shared.run { lane in
            (0..<100 as Range<UInt64>).first { seed in
                LastWords.note("simulation of nodes, seed \(seed) with \(bug)", lane: lane)
                return !NodesSimulation(seed: seed, bug: bug).run().isEmpty
            }
        }
        #expect(caught != nil, "no seed below 100 caught it")
    }
}
