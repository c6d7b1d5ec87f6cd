import InsightsEngine
import InsightsPlugin
import Testing

@testable import InsightsCommands

@Suite("What became of an occurrence")
struct OccurrenceFateTests {
    static let hourly = Cadence.every(milliseconds: 3_600_000, starting: nil)
    static let now = at("2026-01-04T12:30:00Z")

    struct Case: Sendable, CustomTestStringConvertible {
        let name: String
        let word: String
        let cadence: Cadence
        let instant: String
        let row: StoredTask?
        var testDescription: String { name }
    }

    static let cases: [Case] = [
        Case(
            name: "ahead on the grid", word: "to_come", cadence: hourly, instant: "2026-01-04T13:00:00Z",
            row: row(registered: "2026-01-04T02:00:00Z", last: "2026-01-04T12:00:00Z")),
        Case(
            name: "due and not decided", word: "undecided", cadence: hourly, instant: "2026-01-04T12:00:00Z",
            row: row(registered: "2026-01-04T02:00:00Z", last: "2026-01-04T11:00:00Z")),
        Case(
            name: "between two points", word: "not_an_occurrence", cadence: hourly, instant: "2026-01-04T11:30:00Z",
            row: row(registered: "2026-01-04T02:00:00Z", last: "2026-01-04T12:00:00Z")),
        Case(
            name: "decided long ago and forgotten", word: "no_record", cadence: hourly,
            instant: "2026-01-04T03:00:00Z", row: row(registered: "2026-01-04T02:00:00Z", last: "2026-01-04T12:00:00Z")),
        Case(
            name: "before the registration", word: "before_registration", cadence: hourly,
            instant: "2026-01-04T01:00:00Z", row: row(registered: "2026-01-04T02:00:00Z", last: "2026-01-04T12:00:00Z")),
        Case(
            name: "never registered", word: "before_registration", cadence: hourly, instant: "2026-01-04T02:00:00Z",
            row: nil),
        Case(
            name: "before starting", word: "before_registration",
            cadence: .every(milliseconds: 3_600_000, starting: at("2026-02-01T00:00:00Z")),
            instant: "2026-01-04T02:00:00Z", row: row(registered: "2026-01-04T02:00:00Z")),
        Case(
            name: "on the grid of starting, ahead, never registered", word: "to_come",
            cadence: .every(milliseconds: 3_600_000, starting: at("2026-01-01T00:15:00Z")),
            instant: "2026-01-04T13:15:00Z", row: nil),
        Case(
            name: "on a grid that the last occurrence moved", word: "to_come", cadence: hourly,
            instant: "2026-01-04T13:20:00Z", row: row(registered: "2026-01-04T02:00:00Z", last: "2026-01-04T12:20:00Z")),
        Case(
            name: "cron, ahead", word: "to_come", cadence: cron("0 6 * * *"), instant: "2026-01-05T06:00:00Z",
            row: row(registered: "2026-01-04T02:00:00Z")),
        Case(
            name: "cron, not such a time", word: "not_an_occurrence", cadence: cron("0 6 * * *"),
            instant: "2026-01-05T07:00:00Z", row: row(registered: "2026-01-04T02:00:00Z")),
        Case(
            name: "cron, before the registration", word: "before_registration", cadence: cron("0 6 * * *"),
            instant: "2026-01-03T06:00:00Z", row: row(registered: "2026-01-04T02:00:00Z")),
        Case(
            name: "after others, nothing there", word: "only_after_others", cadence: .after(["a"]),
            instant: "2026-01-04T02:00:00Z", row: row(registered: "2026-01-04T02:00:00Z")),
    ]

    static func cron(_ text: String) -> Cadence { .cron(try! CronSchedule(text, zone: .utc)) }

    @Test("follows from the cadence and what is stored", arguments: cases)
    func fate(_ test: Case) {
        let fate = OccurrenceFate.of(
            at(test.instant), of: task(test.cadence), stored: test.row, record: nil, now: Self.now)
        #expect(fate.word == test.word)
        #expect(fate.record == nil)
    }

    @Test("of a disabled task nothing falls due")
    func disabled() {
        for last in [nil, "2026-01-04T02:00:00Z"] as [String?] {
            let fate = OccurrenceFate.of(
                at("2026-01-04T11:00:00Z"), of: task(Self.hourly, enabled: false),
                stored: row(registered: "2026-01-04T02:00:00Z", last: last), record: nil, now: Self.now)
            #expect(fate.word == "no_record")
        }
    }

    @Test("a record tells more than any cadence", arguments: RunStatus.allCases)
    func recorded(status: RunStatus) {
        let fate = OccurrenceFate.of(
            at("2026-01-04T02:00:01Z"), of: task(.after(["a"])), stored: nil, record: run(status), now: Self.now)
        #expect(fate.word == (status == .skipped ? "skipped" : "run"))
        #expect(fate.record?.status == status)
    }

    @Test("the nearest ones are those around it")
    func nearest() throws {
        let fate = OccurrenceFate.of(
            at("2026-01-04T11:30:00Z"), of: task(Self.hourly),
            stored: row(registered: "2026-01-04T02:00:00Z", last: "2026-01-04T12:00:00Z"), record: nil, now: Self.now)
        guard case .notAnOccurrence(let before, let after) = fate else {
            Issue.record("\(fate)")
            return
        }
        #expect(before == at("2026-01-04T11:00:00Z"))
        #expect(after == at("2026-01-04T12:00:00Z"))
    }
}
