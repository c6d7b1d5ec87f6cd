import Foundation
import InsightsEngine
import InsightsPlugin
import InsightsStorage
import Testing

/// Thousands of seeded simulations hold the planner against the promises of the engine.
///
/// `INSIGHTS_SIMULATION_SEEDS` sets how many, `INSIGHTS_SIMULATION_FROM` the first; `INSIGHTS_SIMULATION_SEED` replays one.
@Suite struct SimulationTests {
    private static let seeds = SimulationSeeds("INSIGHTS_SIMULATION", count: 10_000, inChunksOf: 250)

    @Test("promises hold, whatever goes wrong", arguments: seeds.chunks)
    func promises(_ chunk: UInt64) async {
        let isTraced = Self.seeds.replayed != nil
        let failure = await SimulationLanes.shared.run { lane in
            SimulationSeeds.failure(of: Self.seeds.seeds(of: chunk), as: "simulation of seed", on: lane) { seed in
                let simulation = Simulation(seed: seed)
                simulation.isTraced = isTraced
                if isTraced { print(simulation.scenario) }
                return simulation.run().first
            }
        }
        if let failure { Issue.record("\(failure)\nreplay it with INSIGHTS_SIMULATION_SEED") }
    }

    @Test("a seed that ends the process is told by its last words")
    func trap() async throws {
        // The child ends at once: while it runs, the wait for it blocks one of the few threads that tests share.
        let ended = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            // Symbols for a backtrace would take seconds.
            for number in [SIGILL, SIGTRAP] { signal(number, SIG_DFL) }
            let failure = await SimulationLanes.shared.run { lane in
                SimulationSeeds.failure(of: 40...50, as: "simulation of seed", on: lane) { seed in
                    precondition(seed < 42, "a planner that finds itself in an impossible state")
                    return nil
                }
            }
            print(failure ?? "no trap")
        }
        let words = try String(decoding: #require(ended).standardErrorContent, as: UTF8.self)
        #expect(words.contains("simulation of seed 42 "), "\(words)")
    }

    @Test("a seed repeats to the letter")
    func repeats() async {
        for seed in 0..<5 as Range<UInt64> {
            let runs = await SimulationLanes.shared.run { lane in
                LastWords.note("simulation of seed \(seed), twice", lane: lane)
                return (0..<2).map { _ in
                    let simulation = Simulation(seed: seed)
                    _ = simulation.run()
                    return simulation.store.rows.map { "\($0.run) \($0.status)" } + ["\(simulation.uptime)"]
                }
            }
            #expect(runs[0] == runs[1])
        }
    }

    @Test("the watch catches planted bugs", arguments: PlantedBug.allCases)
    func plantedBugs(_ bug: PlantedBug) async {
        let caught = await SimulationLanes.shared.run { lane in
            (0..<400 as Range<UInt64>).first { seed in
                LastWords.note("simulation of seed \(seed) with \(bug)", lane: lane)
                let violations = Simulation(seed: seed, bug: bug).run()
                guard let complaint = bug.complaint else { return !violations.isEmpty }
                return violations.contains { $0.contains(complaint) }
            }
        }
        #expect(caught != nil, "no seed below 400 caught it")
    }

    @Test("the store of the simulation does what the real one does", arguments: 0..<10)
    func realStore(_ chunk: UInt64) async throws {
        for seed in chunk * 10..<chunk * 10 + 10 {
            let replay = await SimulationLanes.shared.run { lane in
                LastWords.note("simulation of seed \(seed), to be sent to the real store", lane: lane)
                let simulation = Simulation(seed: seed, journal: true)
                _ = simulation.run()
                return StoreReplay(journal: simulation.journal, model: simulation.store)
            }
            let path = NSTemporaryDirectory() + "insights-simulation-\(UUID().uuidString).db"
            let store = try SQLiteStore.open(path: path)
            let difference = try await replay.difference(from: store)
            await store.close()
            for suffix in ["", "-journal", ".lock"] { unlink(path + suffix) }
            #expect(difference == nil, "seed \(seed)")
        }
    }
}
