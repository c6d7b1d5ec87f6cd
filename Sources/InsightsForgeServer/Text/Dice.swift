/// Numbers that look random and are the same in every run: a hash of a seed and of what they are for.
///
/// - SeeAlso: SplitMix64, Steele, Lea, Flood, "Fast splittable pseudorandom number generators".
struct Dice {
    private let seed: UInt64

    init(seed: UInt64) { self.seed = seed }

    /// 0…2⁶⁴−1, for `words`.
    func roll(_ words: UInt64...) -> UInt64 {
        words.reduce(Dice.mix(seed)) { Dice.mix($0 ^ $1) }
    }

    /// 0 ≤ x < 1, for `words`.
    func fraction(_ word: UInt64, _ other: UInt64) -> Double { Double(roll(word, other) >> 11) / 9_007_199_254_740_992 }

    private static func mix(_ value: UInt64) -> UInt64 {
        var word = value &+ 0x9E37_79B9_7F4A_7C15
        word = (word ^ word >> 30) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ word >> 27) &* 0x94D0_49BB_1331_11EB
        return word ^ word >> 31
    }
}
