import InsightsEngine
import InsightsPlugin
import Testing

@Suite("Random expressions against a walk over every minute")
struct CronPropertyTests {
    /// Zones and a month in which their clocks change; the change is in the middle.
    private static let changes: [(zone: String, change: String)] = [
        ("Europe/Berlin", "2026-03-29T01:00:00Z"), ("Europe/Berlin", "2026-10-25T01:00:00Z"),
        ("America/New_York", "2026-03-08T07:00:00Z"), ("America/New_York", "2026-11-01T06:00:00Z"),
        ("Australia/Lord_Howe", "2026-10-03T15:30:00Z"), ("Australia/Lord_Howe", "2026-04-04T15:00:00Z"),
        ("Pacific/Apia", "2011-12-30T10:00:00Z"), ("Pacific/Kwajalein", "1969-09-30T13:00:00Z"),
        ("Pacific/Kwajalein", "1993-08-21T12:00:00Z"), ("America/Havana", "2026-03-08T05:00:00Z"),
        ("Africa/Cairo", "2026-10-29T21:00:00Z"), ("Antarctica/Troll", "2026-10-25T01:00:00Z"),
        ("Asia/Kathmandu", "1985-12-31T18:30:00Z"), ("UTC", "2028-02-29T00:00:00Z"),
        ("Asia/Tokyo", "2026-12-31T15:00:00Z"),
        ("Europe/Berlin", "2099-10-25T01:00:00Z"),
    ]

    @Test(
        "next, latest and count agree with the walk; the seed says which case failed",
        arguments: 0..<240 as Range<UInt64>)
    func agreesWithWalk(_ seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let (name, change) = Self.changes.randomElement(using: &random)!
        let zone = try #require(Zone.named(name))
        let start = Instant(
            milliseconds: utc(change).milliseconds + .random(in: -129_600_000...43_200_000, using: &random))
        let end = Instant(milliseconds: start.milliseconds + .random(in: 0...172_800_000, using: &random))
        for _ in 0..<4 {
            let cron = RandomCron(using: &random)
            // `try?`: an expression that never fires is the business of another test.
            guard let schedule = try? CronSchedule(cron.text, zone: zone) else { continue }
            let context = "seed \(seed): \"\(cron.text)\" in \(name) after \(start) through \(end)"
            let expected = CronOracle(cron: cron, zone: zone).due(after: start, through: end)
            var found: [Instant] = []
            var last = start
            while let next = schedule.next(after: last), next <= end {
                found.append(next)
                last = next
            }
            #expect(found == expected, "\(context)")
            #expect(schedule.count(after: start, through: end) == expected.count, "\(context)")
            if let latest = expected.last { #expect(schedule.latest(at: end) == latest, "\(context)") }
        }
    }
}
