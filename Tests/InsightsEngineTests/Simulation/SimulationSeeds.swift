import Foundation

/// Which seeds a suite of simulations goes through, in chunks, as its environment says.
struct SimulationSeeds: Sendable {
    /// The one that is to be replayed, and traced.
    let replayed: UInt64?
    let chunks: [UInt64]
    private let first: UInt64
    private let size: UInt64

    /// - Parameters:
    ///   - variables: `NAME_SEEDS` sets how many, `NAME_FROM` the first; `NAME_SEED` replays one.
    ///   - count: How many without a word of the environment.
    ///   - size: Of a chunk.
    init(_ variables: String, count: UInt64, inChunksOf size: UInt64) {
        func variable(_ name: String) -> UInt64? {
            ProcessInfo.processInfo.environment["\(variables)_\(name)"].flatMap { UInt64($0) }
        }
        replayed = variable("SEED")
        first = variable("FROM") ?? 0
        self.size = size
        let count = replayed == nil ? variable("SEEDS") ?? count : 1
        chunks = Array(0..<max(1, (count + size - 1) / size))
    }

    func seeds(of chunk: UInt64) -> ClosedRange<UInt64> {
        let start = first + chunk * size
        return replayed.map { $0...$0 } ?? start...start + size - 1
    }

    /// The first seed whose simulation breaks a promise, and which; each is noted before, in case it ends the process.
    ///
    /// - Parameter what: For the note, before the seed.
    static func failure(
        of seeds: ClosedRange<UInt64>, as what: String, on lane: Int, _ simulate: (UInt64) -> String?
    ) -> String? {
        for seed in seeds {
            LastWords.note("\(what) \(seed)", lane: lane)
            if let violation = simulate(seed) { return "seed \(seed): \(violation)" }
        }
        return nil
    }
}
