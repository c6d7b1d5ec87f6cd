import InsightsEngine
import InsightsPlugin
import Testing

/// Reads an instant that a test knows to be well-formed.
func utc(_ text: String) -> Instant { Instant(text)! }

@Suite("When a cron expression is due")
struct CronScheduleTests {
    private func due(_ text: String, _ zone: String, after: String, count: Int) throws -> [Instant] {
        let schedule = try CronSchedule(text, zone: #require(Zone.named(zone)))
        var instants: [Instant] = []
        var last = utc(after)
        for _ in 0..<count {
            guard let next = schedule.next(after: last) else { break }
            instants.append(next)
            last = next
        }
        return instants
    }

    @Test(
        "Each form of the dialect means what an independent walk over the calendar finds",
        arguments: CronDialectTable.all)
    func dialect(_ row: CronCase) throws {
        #expect(try due(row.text, row.zone, after: row.after, count: 3) == row.due.map(utc))
    }

    @Test(
        "A skipped time fires once after the gap, a repeated one the first time only, `*` keeps to elapsed time",
        arguments: CronClockTable.all)
    func clockChanges(_ row: CronCase) throws {
        #expect(try due(row.text, row.zone, after: row.after, count: 3) == row.due.map(utc))
    }

    @Test("A task that runs every half hour by `*` runs 46 times on the short day and 50 on the long one")
    func elapsedDays() throws {
        let schedule = try CronSchedule("*/30 * * * *", zone: #require(Zone.named("Europe/Berlin")))
        #expect(schedule.count(after: utc("2026-03-28T22:59:59Z"), through: utc("2026-03-29T21:59:59Z")) == 46)
        #expect(schedule.count(after: utc("2026-10-24T21:59:59Z"), through: utc("2026-10-25T22:59:59Z")) == 50)
    }

    @Test("The next instant is strictly later, to the millisecond")
    func strictness() throws {
        let schedule = try CronSchedule("0 6 * * *", zone: .utc)
        #expect(schedule.next(after: utc("2026-01-01T05:59:59.999Z")) == utc("2026-01-01T06:00:00Z"))
        #expect(schedule.next(after: utc("2026-01-01T06:00:00Z")) == utc("2026-01-02T06:00:00Z"))
        #expect(schedule.next(after: utc("2026-01-01T06:00:00.001Z")) == utc("2026-01-02T06:00:00Z"))
        #expect(schedule.next(after: utc("1969-12-31T05:59:59.999Z")) == utc("1969-12-31T06:00:00Z"))
    }

    @Test("Any day of the calendar that exists comes round within 40 years, also across 2100")
    func longestWaits() throws {
        var leapDays = 0
        for weekday in 0...6 {
            let schedule = try CronSchedule("0 0 * 2 \(weekday)#5", zone: .utc)
            var last = utc("2000-03-01T00:00:00Z")
            while let next = schedule.next(after: last), next < utc("2400-03-01T00:00:00Z") {
                #expect(next.since(last) <= .seconds(40 * 366 * 86_400))
                last = next
                leapDays += 1
            }
        }
        #expect(leapDays == 97, "the Gregorian cycle of 400 years has 97 leap days")
    }

    @Test("Instants at the ends of time neither trap nor loop")
    func extremes() throws {
        for zone in [Zone.utc, try #require(Zone.named("Europe/Berlin"))] {
            for text in ["* * * * *", "30 2 * * *", "0 0 29 2 *"] {
                let schedule = try CronSchedule(text, zone: zone)
                #expect(schedule.next(after: Instant(milliseconds: .max)) == nil)
                #expect(schedule.next(after: Instant(milliseconds: .min)) != nil)
            }
        }
    }

    @Test("Schedules are equal when text and zone are")
    func equality() throws {
        let berlin = try #require(Zone.named("Europe/Berlin"))
        let schedule = try CronSchedule("0 6 * * *", zone: berlin)
        #expect(try schedule == CronSchedule("0 6 * * *", zone: berlin))
        #expect(try schedule.hashValue == CronSchedule("0 6 * * *", zone: berlin).hashValue)
        #expect(try schedule != CronSchedule("0 6 * * *", zone: .utc))
        #expect(try schedule != CronSchedule("0 7 * * *", zone: berlin))
        #expect(schedule.text == "0 6 * * *")
        #expect(schedule.description == "0 6 * * * (Europe/Berlin)")
        #expect(schedule.zone === berlin)
    }
}
