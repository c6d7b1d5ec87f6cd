import InsightsEngine
import InsightsPlugin
import Testing

@Suite("Durations as text")
struct DurationTextTests {
    @Test(
        "Each form of the manifest is read exactly, in milliseconds",
        arguments: [
            ("500ms", 500), ("90s", 90_000), ("15m", 900_000), ("12h", 43_200_000), ("14d", 1_209_600_000),
            ("2w", 1_209_600_000),
            ("1.5h", 5_400_000), ("0.1h", 360_000), ("0.5s", 500), ("0.001s", 1), ("1.5d", 129_600_000),
            ("0.5w", 302_400_000),
            ("1.0ms", 1), ("0.3333m", 19_998), ("1.50000000000000000000h", 5_400_000), ("1h30m", 5_400_000),
            ("1d12h", 129_600_000),
            ("2w3d4h5m6s7ms", 1_483_506_007), ("30m1h", 5_400_000), ("1.5h30m", 7_200_000), ("1m0.5s", 60_500),
            ("1ms1m", 60_001),
            ("PT1H30M", 5_400_000), ("P14D", 1_209_600_000), ("P2W", 1_209_600_000), ("P1DT12H", 129_600_000),
            ("PT0.5S", 500),
            ("PT0,5S", 500), ("P1.5D", 129_600_000), ("PT90M", 5_400_000), ("PT36H", 129_600_000),
            ("P1W1D", 691_200_000), ("P0D", 0),
            ("PT1H1M1.001S", 3_661_001), ("0", 0), ("90", 90_000), ("86400", 86_400_000), ("007", 7000), ("0s", 0),
            ("0ms", 0),
            (" 6h ", 21_600_000), ("\t90\n", 90_000), ("9223372036854775807ms", .max),
            ("9223372036854775", 9_223_372_036_854_775_000),
            ("15250284452w", 9_223_372_036_569_600_000),
        ] as [(String, Int64)])
    func read(_ text: String, _ milliseconds: Int64) throws {
        #expect(try DurationText.parse(text) == .milliseconds(milliseconds))
    }

    @Test(
        "Anything else is refused with its reason and the way out",
        arguments: [
            ("", .empty, "empty", "500ms"), ("  ", .empty, "empty", "500ms"), ("-5m", .negative, "negative", "minus"),
            ("-0s", .negative, "negative", "minus"), ("-P1D", .negative, "negative", "minus"),
            ("P-1D", .negative, "negative", "minus"),
            ("PT-5M", .negative, "negative", "minus"), ("-90", .negative, "negative", "minus"),
            ("1mo", .calendarUnit, "months, which have no fixed length", "30d"),
            ("1month", .calendarUnit, "months", "cron"),
            ("6 months", .calendarUnit, "months", "cron"),
            ("1y", .calendarUnit, "years, which have no fixed length", "52w"),
            ("2years", .calendarUnit, "years", "cron"), ("P1M", .calendarUnit, "months", "cron"),
            ("P1Y", .calendarUnit, "years", "cron"),
            ("P1Y6M", .calendarUnit, "years", "cron"), ("p1m", .calendarUnit, "months", "cron"),
            ("1y6mo", .calendarUnit, "years", "cron"),
            ("0.5ms", .tooFine, "finer than a millisecond", "0s"), ("1.0001s", .tooFine, "finer", "shorter one is 1s"),
            ("0.3333333h", .tooFine, "finer", "19m59.999s"), ("500us", .tooFine, "finer", "0s"),
            ("1500µs", .tooFine, "finer", "1ms"),
            ("5ns", .tooFine, "finer", "0s"), ("PT0.0001S", .tooFine, "finer", "0s"),
            ("0.00000000001w", .tooFine, "finer", "0s"),
            ("9223372036854775808ms", .tooLong, "too long", "106751991167d"),
            ("9223372036854776", .tooLong, "too long", "longest"),
            ("15250284453w", .tooLong, "too long", "longest"),
            ("99999999999999999999999999h", .tooLong, "too long", "longest"),
            ("9223372036854775807ms1s", .tooLong, "too long", "longest"),
            ("P99999999999999999999D", .tooLong, "too long", "longest"),
            ("5min", .unknownUnit, "unknown unit \"min\"", "\"m\""), ("90sec", .unknownUnit, "\"sec\"", "\"s\""),
            ("2hours", .unknownUnit, "\"hours\"", "\"h\""), ("2 weeks", .unknownUnit, "\"weeks\"", "\"w\""),
            ("1H", .unknownUnit, "\"H\"", "\"h\""),
            ("15M", .unknownUnit, "\"M\"", "minutes are \"m\""), ("5x", .unknownUnit, "\"x\"", "ms, s, m, h, d and w"),
            ("5m-3s", .unknownUnit, "\"m-\"", "units are"), ("5h:30m", .unknownUnit, "\"h:\"", "units are"),
            ("1,5h", .unknownUnit, "\",\"", "units"),
            ("1h 30m", .malformed, "not a duration", "1h30m"), ("1h30", .malformed, "not a duration", "500ms"),
            ("1.5", .malformed, "no unit", "1.5s"), ("1h1h", .malformed, "\"h\" twice", "once"),
            ("h", .malformed, "not a duration", "500ms"),
            (".5h", .malformed, "not a duration", "500ms"), ("1.h", .malformed, "not a duration", "500ms"),
            ("1..5h", .malformed, "not", "500ms"),
            ("+5m", .malformed, "not a duration", "500ms"), ("1e3s", .unknownUnit, "\"e\"", "units are"),
            ("0x10s", .unknownUnit, "\"x\"", "units"),
            ("five", .malformed, "not a duration", "500ms"), ("P", .malformed, "not", "500ms"),
            ("PT", .malformed, "not", "500ms"),
            ("P1DT", .malformed, "not", "500ms"), ("P1H", .malformed, "not", "500ms"),
            ("PT1D", .malformed, "not", "500ms"),
            ("PT30M1H", .malformed, "not", "500ms"), ("PT1.5H30M", .malformed, "not", "500ms"),
            ("P1D1D", .malformed, "not", "500ms"),
            ("P1DT1HT1M", .malformed, "not", "500ms"), ("PT5", .malformed, "not", "500ms"),
            ("pt1h30m", .malformed, "not", "PT1H30M"),
            ("2026-01-04", .unknownUnit, "\"-\"", "units"), ("٣s", .malformed, "not a duration", "500ms"),
            ("1h\u{0}", .unknownUnit, "unit", "units"),
            ("null", .malformed, "not", "500ms"), ("∞", .malformed, "not", "500ms"),
        ] as [(String, DurationTextError.Reason, String, String)])
    func refused(_ text: String, _ reason: DurationTextError.Reason, _ message: String, _ help: String) throws {
        let error = try #require(throws: DurationTextError.self) { try DurationText.parse(text) }
        #expect(error.reason == reason)
        #expect(error.message.contains(message), "\(error.message)")
        #expect(error.help.contains(help), "\(error.help)")
    }

    @Test(
        "A duration is written in the manifest's form, largest unit first",
        arguments: [
            (0, "0s"), (1, "1ms"), (500, "500ms"), (999, "999ms"), (1000, "1s"), (1500, "1.5s"), (1001, "1.001s"),
            (90_000, "1m30s"),
            (900_000, "15m"), (5_400_000, "1h30m"), (21_600_000, "6h"), (86_400_000, "1d"), (1_209_600_000, "14d"),
            (129_600_000, "1d12h"), (60_050, "1m0.05s"), (86_400_001, "1d0.001s"), (-5_400_000, "-1h30m"),
            (-500, "-500ms"),
        ] as [(Int64, String)])
    func written(_ milliseconds: Int64, _ text: String) {
        #expect(DurationText.format(.milliseconds(milliseconds)) == text)
    }

    @Test("Less than a millisecond is cut, and the ends of the range are written")
    func edges() {
        #expect(DurationText.format(.microseconds(1999)) == "1ms")
        #expect(DurationText.format(.nanoseconds(1)) == "0s")
        #expect(DurationText.format(.seconds(Int64.max)) == DurationText.format(.milliseconds(Int64.max)))
        #expect(DurationText.format(.seconds(Int64.min)).hasPrefix("-106751991167d"))
    }

    @Test("What is written is read back as it was", arguments: 0..<200 as Range<UInt64>)
    func roundTrip(_ seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let largest = Int64.max >> Int64.random(in: 0...62, using: &random)
        let duration = Duration.milliseconds(Int64.random(in: 0...largest, using: &random))
        #expect(try DurationText.parse(DurationText.format(duration)) == duration, "seed \(seed)")
    }
}
