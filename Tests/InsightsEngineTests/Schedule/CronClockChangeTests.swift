import InsightsEngine
import InsightsPlugin
import Testing

@Suite("The warning of a coming clock change")
struct CronClockChangeTests {
    private func warning(_ text: String, _ zone: String, from: String = "2026-01-15T10:00:00Z") throws -> ClockChange? {
        try CronSchedule(text, zone: #require(Zone.named(zone))).clockChangeWarning(from: utc(from))
    }

    @Test(
        "A time that a change within 400 days skips or repeats is told, with the instant and the local time",
        arguments: [
            ("30 2 * * *", "Europe/Berlin", "2026-03-29T01:00:00Z", ClockChange.Kind.skipped, "2026-03-29 02:30"),
            ("0 2 * * *", "Europe/Berlin", "2026-03-29T01:00:00Z", .skipped, "2026-03-29 02:00"),
            ("0 1-4 * * *", "Europe/Berlin", "2026-03-29T01:00:00Z", .skipped, "2026-03-29 02:00"),
            ("15 30 2 * * *", "Europe/Berlin", "2026-03-29T01:00:00Z", .skipped, "2026-03-29 02:30:15"),
            ("30 2 25 10 *", "Europe/Berlin", "2026-10-25T01:00:00Z", .repeated, "2026-10-25 02:30"),
            ("30 2 * 10 SUNL", "Europe/Berlin", "2026-10-25T01:00:00Z", .repeated, "2026-10-25 02:30"),
            ("30 1 * * *", "America/New_York", "2026-11-01T06:00:00Z", .repeated, "2026-11-01 01:30"),
            ("45 1 * * *", "Australia/Lord_Howe", "2026-04-04T15:00:00Z", .repeated, "2026-04-05 01:45"),
            ("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T15:30:00Z", .skipped, "2026-10-04 02:15"),
            ("0 0 * * *", "America/Havana", "2026-03-08T05:00:00Z", .skipped, "2026-03-08 00:00"),
        ])
    func told(_ text: String, _ zone: String, _ instant: String, _ kind: ClockChange.Kind, _ local: String) throws {
        let change = try #require(try warning(text, zone))
        #expect(change.instant == utc(instant))
        #expect(change.kind == kind)
        #expect(change.localTime == local)
    }

    @Test(
        "No warning for other hours, for `*` in the hour, for days without a change, for a steady clock",
        arguments: [
            ("0 3 * * *", "Europe/Berlin"), ("59 1 * * *", "Europe/Berlin"), ("0 6 * * MON-FRI", "Europe/Berlin"),
            ("30 2 * * MON-SAT", "Europe/Berlin"), ("30 2 1 * *", "Europe/Berlin"), ("* * * * *", "Europe/Berlin"),
            ("30 * * * *", "Europe/Berlin"), ("@hourly", "Europe/Berlin"),
            ("@daily", "Europe/Berlin"), ("30 2 * * *", "UTC"), ("30 2 * * *", "Asia/Tokyo"),
            ("0 2 * * *", "America/Sao_Paulo"),
        ])
    func silent(_ text: String, _ zone: String) throws {
        #expect(try warning(text, zone) == nil)
    }

    @Test("A change that is over is not told, one more than 400 days ahead not yet")
    func window() throws {
        #expect(
            try warning("30 2 25-31 3 *", "Europe/Berlin", from: "2026-03-29T00:59:59Z")?.instant
                == utc("2026-03-29T01:00:00Z"))
        #expect(
            try warning("30 2 25-31 3 *", "Europe/Berlin", from: "2026-03-29T01:00:00Z")?.instant
                == utc("2027-03-28T01:00:00Z"))
        #expect(try warning("30 2 31 3 *", "Europe/Berlin", from: "2026-01-01T00:00:00Z") == nil)
        #expect(try warning("30 2 30 12 *", "Pacific/Apia", from: "2010-01-01T00:00:00Z") == nil)
        #expect(try warning("30 2 30 12 *", "Pacific/Apia", from: "2011-01-01T00:00:00Z")?.kind == .skipped)
    }

    @Test("The message says what will happen")
    func wording() throws {
        let skipped = try #require(try warning("30 2 * * *", "Europe/Berlin"))
        #expect(
            skipped.message == "02:30 does not exist in Europe/Berlin on 2026-03-29: the task runs at 03:00 instead")
        #expect(skipped.help == "choose an hour that no clock change touches, or `timezone: UTC`")
        let repeated = try #require(try warning("30 2 25 10 *", "Europe/Berlin"))
        #expect(
            repeated.message == "02:30 comes twice in Europe/Berlin on 2026-10-25: the task runs the first time only")
    }

    @Test("The message of a minute with `*` says that it keeps to elapsed time")
    func wordingOfElapsedTime() throws {
        let skipped = try #require(try warning("*/30 2 * * *", "Europe/Berlin"))
        #expect(skipped.message == "02:00 does not exist in Europe/Berlin on 2026-03-29: the task does not run then")
        let repeated = try #require(try warning("*/30 2 25 10 *", "Europe/Berlin"))
        #expect(repeated.message == "02:00 comes twice in Europe/Berlin on 2026-10-25: the task runs both times")
    }
}
