import InsightsPlugin
import Testing

@Suite("Instant") struct InstantTests {
    @Test(
        "reads RFC 3339 with any offset",
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("1970-01-01T00:00:00.001Z", 1), ("1969-12-31T23:59:59.999Z", -1),
            ("2026-01-04T02:00:00Z", 1_767_492_000_000), ("2026-01-04t02:00:00z", 1_767_492_000_000),
            ("2026-01-04T03:00:00+01:00", 1_767_492_000_000), ("2026-01-03T20:30:00-05:30", 1_767_492_000_000),
            ("2026-01-04 02:00:00Z", 1_767_492_000_000), ("2024-02-29T00:00:00Z", 1_709_164_800_000),
            ("2026-01-04", 1_767_484_800_000), ("2016-12-31T23:59:60Z", 1_483_228_800_000),
            ("2026-01-04T02:00:00.1239Z", 1_767_492_000_123), ("2026-01-04T02:00:00.5Z", 1_767_492_000_500),
            ("0001-01-01T00:00:00Z", -62_135_596_800_000), ("9999-12-31T23:59:59.999Z", 253_402_300_799_999),
        ] as [(String, Int64)])
    func reads(text: String, milliseconds: Int64) {
        #expect(Instant(text)?.milliseconds == milliseconds)
    }

    @Test(
        "refuses everything else",
        arguments: [
            "", "2026", "2026-1-4", "2026-02-30", "2025-02-29T00:00:00Z", "2026-13-01", "2026-00-10", "2026-01-00",
            "2026-01-04T02:00:00", "2026-01-04T24:00:00Z", "2026-01-04T02:60:00Z", "2026-01-04T02:00:61Z",
            "2026-01-04T02:00Z", "2026-01-04T02:00:00.Z", "2026-01-04T02:00:00+0100", "2026-01-04T02:00:00+24:00",
            "2026-01-04T02:00:00Zx", " 2026-01-04T02:00:00Z", "٢٠٢٦-01-04", "-2026-01-04", "2026-01-04T02:00:00,5Z",
        ])
    func refuses(text: String) {
        #expect(Instant(text) == nil)
    }

    @Test("writes UTC with milliseconds, and reads back what it wrote")
    func roundTrip() {
        var random = SystemRandomNumberGenerator()
        let seed = random.next()
        var generator = Linear(state: seed)
        for _ in 0..<5000 {
            let instant = Instant(
                milliseconds: Int64.random(in: -62_135_596_800_000...253_402_300_799_999, using: &generator))
            #expect(Instant(instant.description) == instant, "seed \(seed)")
            #expect(instant.description.utf8.count == 24, "seed \(seed)")
        }
        #expect(Instant(milliseconds: 1_767_492_000_123).description == "2026-01-04T02:00:00.123Z")
        #expect(Instant(milliseconds: -1).description == "1969-12-31T23:59:59.999Z")
    }

    @Test("advances with saturation and finds its UTC day on both sides of the epoch")
    func arithmetic() {
        #expect(Instant(milliseconds: .max).advanced(by: .seconds(1)).milliseconds == .max)
        #expect(Instant(milliseconds: .min).advanced(by: .seconds(-1)).milliseconds == .min)
        #expect(Instant(seconds: 10).since(Instant(seconds: 4)) == .seconds(6))
        #expect(Instant(milliseconds: -1).startOfDay == Instant(seconds: -86_400))
        #expect(Instant(milliseconds: 86_400_001).startOfDay == Instant(seconds: 86_400))
        #expect(Duration.seconds(Int64.max).wholeMilliseconds == .max)
        #expect(Duration.milliseconds(1500).inSeconds == 1.5)
        #expect(Duration.seconds(Int64.max).inSeconds == 9.223372036854775807e18)
    }

    @Test(
        "seconds have no more digits than the duration",
        arguments: [
            (.milliseconds(1765), "1.765"), (.milliseconds(-1765), "-1.765"), (.microseconds(12), "1.2e-05"),
            (.milliseconds(86_400_001), "86400.001"), (.nanoseconds(250_123_456), "0.250123456"), (.zero, "0.0"),
        ] as [(Duration, String)])
    func seconds(duration: Duration, text: String) {
        #expect(duration.inSeconds.description == text)
    }
}

/// A generator that a printed seed brings back.
struct Linear: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state ^ (state >> 29)
    }
}
