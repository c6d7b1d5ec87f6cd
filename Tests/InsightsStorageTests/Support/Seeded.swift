import Foundation
import InsightsEngine

/// Randomness that a failure can be repeated with: `INSIGHTS_TEST_SEED=… swift test`.
struct Seeded: RandomNumberGenerator {
    let seed: UInt64
    private var generator: SplitMix64

    init(_ what: String) {
        let given = ProcessInfo.processInfo.environment["INSIGHTS_TEST_SEED"].flatMap { UInt64($0) }
        seed = given ?? .random(in: 0 ... .max)
        generator = SplitMix64(seed: seed)
        print("seed of \(what): \(seed)")
    }

    mutating func next() -> UInt64 { generator.next() }
}
