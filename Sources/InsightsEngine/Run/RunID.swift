package import InsightsPlugin

/// A run's id: a UUIDv7 (RFC 9562), so that ids sort by the time they were made.
package struct RunID: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The first eight bytes, big endian.
    package let high: UInt64
    /// The last eight bytes, big endian.
    package let low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Reads the 36 characters of a UUID, any case; `nil` for anything else.
    package init?(_ text: some StringProtocol) {
        var value: (UInt64, UInt64) = (0, 0)
        var position = 0
        var digits = 0
        for byte in text.utf8 {
            if position == 8 || position == 13 || position == 18 || position == 23 {
                guard byte == UInt8(ascii: "-") else { return nil }
            } else {
                guard let nibble = RunID.nibble(byte) else { return nil }
                if digits < 16 { value.0 = value.0 << 4 | nibble } else { value.1 = value.1 << 4 | nibble }
                digits += 1
            }
            position += 1
            if position > 36 { return nil }
        }
        guard position == 36 else { return nil }
        (high, low) = value
    }

    /// Lower case, with hyphens.
    package var description: String {
        String(unsafeUninitializedCapacity: 36) { bytes in
            var position = 0
            for index in 0..<32 {
                if index == 8 || index == 12 || index == 16 || index == 20 {
                    bytes[position] = UInt8(ascii: "-")
                    position += 1
                }
                let nibble = UInt8(truncatingIfNeeded: (index < 16 ? high : low) >> UInt64(60 - index % 16 * 4)) & 0xF
                bytes[position] = nibble < 10 ? 0x30 + nibble : 0x57 + nibble
                position += 1
            }
            return 36
        }
    }

    package static func < (lhs: RunID, rhs: RunID) -> Bool { (lhs.high, lhs.low) < (rhs.high, rhs.low) }

    private static func nibble(_ byte: UInt8) -> UInt64? {
        switch byte {
        case 0x30...0x39: UInt64(byte - 0x30)
        case 0x61...0x66: UInt64(byte - 0x57)
        case 0x41...0x46: UInt64(byte - 0x37)
        default: nil
        }
    }
}

/// Makes run ids: strictly rising within one source, unguessable enough not to meet another node's.
///
/// The 12 bits after the version are a counter within the millisecond (RFC 9562, method 1); a full
/// counter borrows from the next millisecond.
package struct RunIDSource: Sendable {
    private var random: SplitMix64
    private var lastMilliseconds: UInt64 = 0
    private var counter: UInt64 = 0

    /// - Parameter seed: From the system's random source in production; fixed in simulations.
    package init(seed: UInt64) { random = SplitMix64(seed: seed) }

    /// The next id, for a run made at `now`.
    package mutating func next(at now: Instant) -> RunID {
        let milliseconds = UInt64(clamping: now.milliseconds) & 0xFFFF_FFFF_FFFF
        if milliseconds > lastMilliseconds {
            lastMilliseconds = milliseconds
            counter = 0
        } else {
            counter += 1
            if counter > 0xFFF {
                lastMilliseconds += 1
                counter = 0
            }
        }
        let high = lastMilliseconds << 16 | 0x7000 | counter
        return RunID(high: high, low: 0x8000_0000_0000_0000 | random.next() >> 2)
    }
}

/// A small, fast, seedable generator, for ids, jitter and delays; not for secrets.
///
/// - SeeAlso: Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators" (2014).
package struct SplitMix64: RandomNumberGenerator, Sendable {
    private var state: UInt64

    package init(seed: UInt64) { state = seed }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
