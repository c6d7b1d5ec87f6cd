import InsightsEngine
import InsightsManifest
import InsightsPlugin
import Testing

@Suite("Cadence")
struct CadenceTests {
    @Test(
        "every, in all its forms",
        arguments: [
            ("100ms", 100), ("90s", 90_000), ("15m", 900_000), ("12h", 43_200_000), ("14d", 1_209_600_000),
            ("2w", 1_209_600_000), ("1.5h", 5_400_000), ("1h30m", 5_400_000), ("PT1H30M", 5_400_000),
            ("P14D", 1_209_600_000), ("60", 60_000), ("\"60\"", 60_000),
        ])
    func every(_ text: String, _ milliseconds: Int64) throws {
        #expect(try load(task("every: \(text)")).first?.cadence == .every(milliseconds: milliseconds, starting: nil))
    }

    @Test("Without a cadence: the default interval, from `starting` if it is given")
    func none() throws {
        #expect(try load(task("")).first?.cadence == .every(milliseconds: 1_209_600_000, starting: nil))
        let anchor = Instant("2026-01-04T02:00:00Z")
        let text = task("starting: 2026-01-04T03:00:00+01:00")
        #expect(try load(text).first?.cadence == .every(milliseconds: 1_209_600_000, starting: anchor))
        let both = task("every: 2w\nstarting: \"2026-01-04T02:00:00Z\"")
        #expect(try load(both).first?.cadence == .every(milliseconds: 1_209_600_000, starting: anchor))
        #expect(try load(task("every: 2w\nstarting: 2126-01-04T02:00:00Z")).manifest != nil)
    }

    @Test("cron follows the task's zone, else the manifest's, else UTC")
    func cronZones() throws {
        func zone(_ text: String) throws -> String? {
            guard case .cron(let schedule)? = try load(text).first?.cadence else { return nil }
            return schedule.text + " " + schedule.zone.identifier
        }
        #expect(try zone(task("cron: 0 6 * * MON-FRI")) == "0 6 * * MON-FRI UTC")
        #expect(try zone("timezone: Asia/Tokyo\n" + task("cron: \"@daily\"")) == "@daily Asia/Tokyo")
        let own = "timezone: Asia/Tokyo\n" + task("timezone: Europe/Berlin\ncron: 0 6 * * *")
        #expect(try zone(own) == "0 6 * * * Europe/Berlin")
    }

    @Test("after takes one name or several, each once")
    func after() throws {
        let text = tasks(
            """
            a: {uses: demo.echo}
            b: {uses: demo.echo, after: a}
            c: {uses: demo.echo, after: [b, a, b]}
            """)
        let found = try #require(try load(text).manifest).tasks.map(\.cadence)
        #expect(found[1] == .after(["a"]))
        #expect(found[2] == .after(["b", "a"]))
    }

    @Test(
        "Refused, with the place",
        arguments: [
            Case(task("every: 99ms"), "5:12-16 range"),
            Case(task("every: 0"), "5:12-13 range"),
            Case(task("every: 1 month"), "5:12-19 duration"),
            Case(task("every: 1y"), "5:12-14 duration"),
            Case(task("every: \"5x\""), "5:12-16 duration"),
            Case(task("every: {hours: 1}"), "5:12-22 type"),
            Case(task("every:\n  hours: 1"), "6:7-15 type"),
            Case(task("every:\n  - 1h"), "6:7-11 type"),
            Case(task("cron: \"61 * * * *\""), "5:11-23 cron"),
            Case(task("cron: \"* * * *\""), "5:11-20 cron"),
            Case(task("cron: 0 0 30 2 *"), "5:11-21 cron"),
            Case(task("cron: \"*/0 * * * *\""), "5:11-24 cron"),
            Case(task("cron: \"@fortnightly\""), "5:11-25 cron"),
            Case(task("cron: '5-1 * * * *'"), "5:11-24 cron"),
            Case(task("cron: [0, 6]"), "5:11-17 type"),
            Case(task("cron:"), "5:5-9 cron"),
            Case(task("cron: 0 6 * * *\ntimezone: Mars/Base"), "6:15-24 timezone"),
            Case(task("timezone: utc+2"), "5:15-20 timezone"),
            Case(task("starting: tomorrow"), "5:15-23 instant"),
            Case(task("starting: 2026-01-04"), "5:15-25 instant"),
            Case(task("starting: 2026-02-30T00:00:00Z"), "5:15-35 instant"),
            Case(task("starting: 2026-01-04T02:00:00"), "5:15-34 instant"),
            Case(task("starting: [x]"), "5:15-18 type"),
            Case(task("every: 1h\ncron: 0 6 * * *"), "6:5-9 cadence"),
            Case(task("cron: 0 6 * * *\nevery: 1h"), "6:5-10 cadence"),
            Case(
                task("every: 1h\nafter: t2\ncron: 0 6 * * *"), "6:5-10 cadence", "6:12-14 unknown-task", "7:5-9 cadence"
            ),
            Case(task("every: 1x\ncron: 99 * * * *"), "5:12-14 duration", "6:5-9 cadence", "6:11-21 cron"),
            Case(task("after: nobody"), "5:12-18 unknown-task"),
            Case(task("after: [\"nobody\", t9]"), "5:13-21 unknown-task", "5:23-25 unknown-task"),
            Case(task("after: []"), "5:12-14 type"),
            Case(task("after: {t: 1}"), "5:12-18 type"),
            Case(task("after: [[t]]"), "5:13-16 type"),
            Case(task("after:"), "5:5-10 type"),
        ])
    func refused(_ row: Case) throws {
        let found = try problems(row.text)
        #expect(found == row.expected)
    }

    @Test("Months and years are refused with the reason")
    func calendarUnits() throws {
        for text in ["1y", "1 month", "P1M", "P1Y"] {
            let message = try load(task("every: \(text)")).diagnostics.first?.message ?? ""
            #expect(message.contains("no fixed length"), "\(text): \(message)")
        }
    }
}

@Suite("Tasks that wait for each other")
struct AfterTests {
    @Test(
        "Cycles are told at the `after` of their first task, with the path",
        arguments: [
            ("a: {uses: demo.echo, after: a}", ["3:24-29 cycle"], ["a → a"]),
            ("a: {uses: demo.echo, after: b}\nb: {uses: demo.echo, after: a}", ["3:24-29 cycle"], ["a → b → a"]),
            (
                "x: {uses: demo.echo}\nc: {uses: demo.echo, after: [x, a]}\nb: {uses: demo.echo, after: c}\na: {uses: demo.echo, after: b}",
                ["4:24-29 cycle"], ["c → a → b → c"]
            ),
            (
                "a: {uses: demo.echo, after: [b, c]}\nb: {uses: demo.echo, after: a}\nc: {uses: demo.echo, after: c}",
                ["3:24-29 cycle", "5:24-29 cycle"], ["a → b → a", "c → c"]
            ),
            (
                "d: {uses: demo.echo, after: a}\na: {uses: demo.echo, after: b}\nb: {uses: demo.echo, after: a}",
                ["4:24-29 cycle"], ["a → b → a"]
            ),
        ])
    func cycles(_ text: String, _ places: [String], _ paths: [String]) throws {
        let found = try load(tasks(text)).diagnostics
        #expect(found.map(\.brief) == places)
        for (diagnostic, path) in zip(found, paths) { #expect(diagnostic.message.hasSuffix(": " + path)) }
    }

    @Test("A long cycle is told with its middle left out")
    func longCycle() throws {
        let count = 3000
        let text = (0..<count).map { "t\($0): {uses: demo.echo, after: t\(($0 + 1) % count)}" }.joined(separator: "\n")
        let found = try load(tasks(text)).diagnostics
        #expect(found.map(\.brief) == ["3:25-30 cycle"])
        #expect(found[0].message.hasSuffix("t0 → t1 → t2 → t3 → t4 → t5 → … (2991 more) → t2997 → t2998 → t2999 → t0"))
    }

    @Test("Waiting for each other without a circle is fine")
    func diamonds() throws {
        let text = """
            top: {uses: demo.echo}
            left: {uses: demo.echo, after: top}
            right: {uses: demo.echo, after: [top]}
            bottom: {uses: demo.echo, after: [left, right]}
            """
        #expect(try problems(tasks(text)) == [])
    }

    @Test("A task that waits for one that never starts is warned of, down the chain")
    func neverStarts() throws {
        let text = """
            off: {uses: demo.echo, enabled: false}
            on: {uses: demo.echo}
            b: {uses: demo.echo, after: [on, off]}
            c: {uses: demo.echo, after: b}
            d: {uses: demo.echo, after: on}
            e: {uses: demo.echo, after: off, enabled: false}
            f:
              uses: demo.echo
              after:
                - e
            """
        let result = try load(tasks(text))
        #expect(
            result.diagnostics.map(\.brief) == [
                "5:36-39 warning never-starts", "6:31-32 warning never-starts", "12:9-10 warning never-starts",
            ])
        #expect(result.diagnostics[0].message == "\"b\" never starts: it waits for \"off\", which is disabled")
        #expect(result.diagnostics[1].message == "\"c\" never starts: it waits for \"b\", which never starts")
        #expect(result.manifest != nil)
    }

    @Test("Very many references to a name that is gone are told in reasonable work")
    func manyUnknown() throws {
        let text = (0..<4000).map { "t\($0): {uses: demo.echo, after: gone-with-the-wind-\($0)}" }.joined(
            separator: "\n")
        let found = try load(tasks(text)).diagnostics
        #expect(found.count == 4000)
        #expect(found.allSatisfy { $0.code == .unknownTask })
    }
}
