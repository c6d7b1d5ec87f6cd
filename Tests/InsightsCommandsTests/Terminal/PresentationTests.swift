import InsightsEngine
import InsightsPlugin
import Testing

@testable import InsightsCommands

@Suite("Instants and durations for people and programs")
struct PresentationTests {
    @Test(
        "people read instants in the manifest's zone, with the offset that lets them be pasted back",
        arguments: [
            ("UTC", "2026-01-04T02:00:00Z", "2026-01-04T02:00:00Z"),
            ("UTC", "2026-01-04T02:00:00.5Z", "2026-01-04T02:00:00.500Z"),
            ("Europe/Berlin", "2026-01-04T02:00:00Z", "2026-01-04T03:00:00+01:00"),
            ("Europe/Berlin", "2026-07-04T22:30:00.25Z", "2026-07-05T00:30:00.250+02:00"),
            ("America/St_Johns", "2026-01-04T02:00:00Z", "2026-01-03T22:30:00-03:30"),
            ("Asia/Kathmandu", "2026-01-04T02:00:00Z", "2026-01-04T07:45:00+05:45"),
        ])
    func instant(zone: String, text: String, shown: String) throws {
        let presentation = Presentation(zone: try #require(Zone.named(zone)))
        #expect(presentation.text(at(text)) == shown)
        #expect(Instant(shown) == at(text))
        #expect(presentation.cell(at(text)).plain == at(text).description)
    }

    @Test(
        "durations are as fine as a person cares for, and exact for programs",
        arguments: [
            (Duration.milliseconds(4), "4ms", "0.004"), (.milliseconds(9306), "9.306s", "9.306"),
            (.milliseconds(61_234), "1m1s", "61.234"), (.seconds(5400), "1h30m", "5400"), (.zero, "0s", "0"),
        ])
    func duration(duration: Duration, shown: String, plain: String) {
        let cell = Presentation().cell(duration)
        #expect(cell.text == shown)
        #expect(cell.plain == plain)
    }

    @Test("states are painted for people and bare words for programs")
    func status() {
        let cell = Presentation().cell(.skipped, reason: "overlap")
        #expect(cell.text == "skipped (overlap)")
        #expect(cell.plain == "skipped")
        #expect(Presentation().cell(.failed, reason: nil).paint == .red)
        #expect(Presentation().cell(.succeeded, reason: nil).paint == .green)
    }
}
