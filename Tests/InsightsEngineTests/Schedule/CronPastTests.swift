import InsightsEngine
import InsightsPlugin
import Testing

@Suite("What fell due meanwhile")
struct CronPastTests {
    private static let texts = [
        "* * * * * *", "* * * * *", "*/15 * * * *", "30 2 * * *", "0 6 * * MON-FRI", "0,30 1-3 * * *", "0 0 1 * *",
        "0 0 L * *", "0 0 13 * FRI", "0 0 29 2 *",
    ]

    @Test("The last missed instant is the one whose next is still to come", arguments: texts)
    func latest(_ text: String) throws {
        for zone in ["UTC", "Europe/Berlin", "Australia/Lord_Howe"] {
            let schedule = try CronSchedule(text, zone: #require(Zone.named(zone)))
            for now in [
                "2026-03-29T01:00:00Z", "2026-03-29T01:10:00Z", "2026-10-25T00:59:59.999Z", "2026-10-25T01:30:00Z",
            ] {
                let latest = try #require(schedule.latest(at: utc(now)))
                #expect(latest <= utc(now))
                #expect(try #require(schedule.next(after: latest)) > utc(now))
                #expect(schedule.next(after: Instant(milliseconds: latest.milliseconds - 1)) == latest)
            }
        }
    }

    @Test("An instant that is due is its own latest")
    func inclusive() throws {
        let schedule = try CronSchedule("0 6 * * *", zone: .utc)
        #expect(schedule.latest(at: utc("2026-01-02T06:00:00Z")) == utc("2026-01-02T06:00:00Z"))
        #expect(schedule.latest(at: utc("2026-01-02T05:59:59.999Z")) == utc("2026-01-01T06:00:00Z"))
        #expect(schedule.count(after: utc("2026-01-01T06:00:00Z"), through: utc("2026-01-02T06:00:00Z")) == 1)
        #expect(schedule.count(after: utc("2026-01-01T06:00:00Z"), through: utc("2026-01-02T05:59:59.999Z")) == 0)
        #expect(schedule.count(after: utc("2026-01-02T06:00:00Z"), through: utc("2026-01-01T06:00:00Z")) == 0)
    }

    @Test("A leap day is found decades back, also across 2100")
    func longAgo() throws {
        let schedule = try CronSchedule("0 0 * 2 MON#5", zone: .utc)
        #expect(schedule.latest(at: utc("2112-02-28T00:00:00Z")) == utc("2072-02-29T00:00:00Z"))
        #expect(schedule.latest(at: utc("2112-02-29T00:00:00Z")) == utc("2112-02-29T00:00:00Z"))
    }

    @Test("A year of seconds is counted, not walked: every second that happened, once")
    func yearOfSeconds() throws {
        let schedule = try CronSchedule("* * * * * *", zone: #require(Zone.named("America/New_York")))
        let (start, end) = (utc("2025-06-01T00:00:00Z"), utc("2026-06-01T00:00:00Z"))
        #expect(schedule.count(after: start, through: end) == 365 * 86_400)
    }

    @Test("Counting equals stepping over a year with both clock changes", arguments: texts.dropFirst(2))
    func countsAsSteps(_ text: String) throws {
        for zone in ["UTC", "Europe/Berlin", "Australia/Lord_Howe"] {
            let schedule = try CronSchedule(text, zone: #require(Zone.named(zone)))
            let (start, end) = (utc("2027-10-01T12:34:56.789Z"), utc("2028-11-02T01:02:03Z"))
            var steps = 0
            var last = start
            while let next = schedule.next(after: last), next <= end {
                steps += 1
                last = next
            }
            #expect(schedule.count(after: start, through: end) == steps, "\(zone)")
        }
    }

    @Test("The ends of time neither trap nor loop")
    func extremes() throws {
        let schedule = try CronSchedule("30 2 * * *", zone: #require(Zone.named("Europe/Berlin")))
        #expect(schedule.latest(at: Instant(milliseconds: .min)) == nil)
        #expect(schedule.latest(at: Instant(milliseconds: .max)) != nil)
    }
}
