import InsightsEngine
import InsightsManifest
import InsightsPlugin
import Testing

@Suite("Warnings")
struct WarningTests {
    @Test(
        "every longer than half the retention",
        arguments: [
            Case(task("every: 7d", uses: "demo.keeper")),
            Case(task("every: 7.01d", uses: "demo.keeper"), "5:12-17 warning retention"),
            Case(task("", uses: "demo.keeper"), "3:3-4 warning retention"),
            Case(task("every: 8d\nretention: 30d", uses: "demo.keeper")),
            Case(task("every: 2h\nretention: 3h"), "5:12-14 warning retention"),
            Case("defaults: {retention: 1h}\n" + task("every: 31m"), "6:12-15 warning retention"),
            Case(task("every: 8d\nenabled: false", uses: "demo.keeper")),
            Case(task("cron: 0 0 1 1 *", uses: "demo.keeper")),
        ])
    func retention(_ row: Case) throws {
        let result = try load(row.text)
        #expect(result.diagnostics.map(\.brief) == row.expected)
        #expect(result.manifest != nil)
    }

    @Test(
        "A cron hour that a coming clock change skips or repeats",
        arguments: [
            Case(task("cron: 30 2 * * *\ntimezone: Europe/Berlin"), "5:11-21 warning clock-change"),
            Case(task("timezone: America/New_York\ncron: \"30 1 * * *\""), "6:11-23 warning clock-change"),
            Case(task("cron: 30 2 * * *")),
            Case(task("cron: 30 6 * * *\ntimezone: Europe/Berlin")),
            Case(task("cron: 30 * * * *\ntimezone: Europe/Berlin")),
            Case(task("cron: \"*/30 2 * * *\"\ntimezone: Europe/Berlin"), "5:11-25 warning clock-change"),
            Case(task("cron: 30 2 * * *\ntimezone: Europe/Berlin\nenabled: false")),
        ])
    func clockChange(_ row: Case) throws {
        let result = try load(row.text)
        #expect(result.diagnostics.map(\.brief) == row.expected)
        #expect(result.manifest != nil)
    }

    @Test("A wrong zone is explained whatever number of good ones there is")
    func zones() throws {
        let names = ["UTC"] + (1...14).flatMap { ["Etc/GMT-\($0)", "Etc/GMT+\(min($0, 12))"] } + Self.cities
        let good = Set(names).sorted().enumerated().map {
            "t\($0): {uses: demo.echo, cron: \"@daily\", timezone: \($1)}"
        }
        try #require(good.count > 50)
        let found = try load(tasks((good + ["x: {uses: demo.echo, timezone: Europe/Berln}"]).joined(separator: "\n")))
            .diagnostics
        #expect(found.map(\.code) == [.timezone])
        #expect(found.first?.help?.contains("Europe/Berlin") == true)
    }

    private static let cities = [
        "Athens", "Berlin", "Brussels", "Budapest", "Dublin", "Helsinki", "Istanbul", "Kyiv", "Lisbon", "London",
        "Madrid", "Minsk", "Moscow", "Oslo", "Paris", "Prague", "Riga", "Rome", "Samara", "Sofia", "Stockholm",
        "Tallinn", "Vienna", "Vilnius", "Warsaw", "Zurich",
    ].map { "Europe/\($0)" }

    @Test("Unknown keys that many tasks merge are told once, and looked at once")
    func mergedUnknownKeys() throws {
        let keys = (1...40).map { "k\($0): {a: \"${GONE}\"}" }.joined(separator: ", ")
        let users = (1...40).map { "t\($0): {<<: *base}" }
        let found = try load(
            tasks((["base: &base {uses: demo.echo, \(keys)}"] + users).joined(separator: "\n"))
        ).diagnostics
        #expect(found.count { $0.code == .unknownKey } == 40)
        #expect(found.count { $0.code == .unsetVariable } == 40)
    }
}
