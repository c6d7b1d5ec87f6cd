import InsightsEngine
import InsightsPlugin

/// What the scripted store holds.
enum Samples {
    static let noon = Instant(seconds: 1_767_528_000)  // 2026-01-04T12:00:00Z
    static let runID = RunID(high: 0x0190_0000_0000_7000, low: 0x8000_0000_0000_0001)
    static let unknownRun = "01900000-0000-7000-8000-0000000000ff"

    static let succeeded = RunRecord(
        id: runID, task: "activity", uses: "git.activity", trigger: .cadence, scheduledAt: noon,
        startedAt: noon.advanced(by: .milliseconds(4)), finishedAt: noon.advanced(by: .milliseconds(1254)),
        status: .succeeded, attempt: 1, attempts: 3, node: "host-1-a", duration: .milliseconds(1250),
        lateness: .milliseconds(4), samples: 42, summary: "42 samples <b>of</b> one repository")
    static let failed = RunRecord(
        id: RunID(high: 0x0190_0000_0000_7000, low: 0x8000_0000_0000_0002), task: "activity", uses: "git.activity",
        trigger: .catchUp, scheduledAt: noon.advanced(by: .seconds(-3600)), status: .failed, attempt: 1,
        error: RunError(code: "git", message: "no such repository", isRetryable: false))
    static let running = RunRecord(
        id: RunID(high: 0x0190_0000_0000_7000, low: 0x8000_0000_0000_0003), task: "backup", uses: "command.run",
        trigger: .manual, scheduledAt: noon.advanced(by: .seconds(-7200)), status: .running, attempt: 1)

    static let tasks = [
        TaskView(
            name: "activity", uses: "git.activity", description: "What happens in our repository", isEnabled: true,
            isPaused: false, cadence: "every 6h", nextRun: noon.advanced(by: .seconds(21_600)), lastRun: succeeded),
        TaskView(
            name: "backup", uses: "command.run", description: "<script>alert(1)</script>", isEnabled: false,
            isPaused: true, cadence: "cron 0 6 * * MON-FRI (Europe/Berlin)", nextRun: nil, lastRun: nil),
    ]

    static let bareSubject = SubjectRecord(
        id: 7, kind: "repository", key: "github/apple/swift", name: "Swift & friends", url: "https://example.org/swift",
        parent: SubjectReference(kind: "account", key: "github/apple"), state: .active, aliases: ["github/apple/old"],
        externalID: "R_1")

    static let subject: SubjectRecord = {
        var subject = bareSubject
        subject.values = [
            LatestValue(
                subject: bareSubject, metric: "commits", unit: "commits", shape: .daily, value: .number(12_345),
                at: noon.startOfDay),
            LatestValue(
                subject: bareSubject, metric: "referrers", unit: "visits", shape: .ranking,
                value: .ranking([RankedValue(label: "news.example", value: 9)]), at: noon.startOfDay, of: 3),
        ]
        subject.events = [
            SubjectEvent(at: noon, event: "renamed", formerKey: "github/apple/old"),
            SubjectEvent(at: noon, event: "archived"),
        ]
        return subject
    }()

    static let series = SeriesRecord(
        subject: bareSubject, metric: "commits", unit: "commits", shape: .daily, isAdditive: true,
        points: (0..<30).map { day in
            SeriesRecord.Point(
                at: noon.startOfDay.advanced(by: .seconds(-86_400 * (30 - day))), value: .number(Double(day * 7 % 13)))
        },
        gaps: [
            (
                from: noon.startOfDay.advanced(by: .seconds(-86_400 * 12)),
                to: noon.startOfDay.advanced(by: .seconds(-86_400 * 10))
            )
        ], sum: 170)

    static let diagnostic = Diagnostic(
        file: "tasks.yaml", line: 3, column: 5, endColumn: 9, severity: .error, code: .cron, message: "no such day",
        help: "use 1-31", sourceLine: "    cron: 0 0 32 * *")
}
