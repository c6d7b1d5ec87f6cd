import InsightsEngine
import InsightsManifest
import InsightsPlugin
import Testing

@Suite("Anchors, aliases and <<")
struct AliasTests {
    @Test("An alias stands for what its anchor names, anywhere")
    func aliases() throws {
        let text = """
            version: &one 1
            concurrency: *one
            timezone: &zone Europe/Berlin
            tasks:
              a: &task
                uses: &module demo.echo
                with: &with
                  names: &names [x, &y y]
              b: *task
              c: {uses: *module, with: *with, timezone: *zone}
              d: {uses: *module, with: {names: *names, text: *y}}
            """
        let result = try load(text)
        #expect(result.diagnostics.map(\.brief) == [])
        let tasks = try #require(result.manifest).tasks
        #expect(result.manifest?.concurrency == 1)
        #expect(tasks[0].settings === tasks[1].settings)
        #expect(tasks[0].settings === tasks[2].settings)
        #expect(tasks[3].settings.parameters["names"] == ["x", "y"])
        #expect(tasks[3].settings.parameters["text"] == "y")
    }

    @Test("An alias can be a key")
    func aliasAsKey() throws {
        let result = try load(with("text: &k name\nenvironment: {*k : x}"))
        #expect(result.diagnostics.map(\.brief) == [])
        #expect(result.first?.settings.parameters["environment"] == ["name": "x"])
    }

    @Test("The latest anchor of a name counts")
    func redefined() throws {
        let result = try load(with("text: &a one\nnames: [*a, &a two, *a]"))
        #expect(result.first?.settings.parameters["names"] == ["one", "two", "two"])
    }

    @Test("`<<` brings in keys; own ones win, and earlier maps over later ones")
    func merges() throws {
        let text = """
            version: 1
            tasks:
              a: &a {uses: demo.echo, priority: 1, jitter: 1s, keep: 1d}
              b: &b {<<: *a, priority: 2, jitter: 2s}
              c: {priority: 3, <<: *b}
              d: {<<: [{priority: 4, uses: demo.keeper, every: 1d}, *b]}
              e:
                <<: *a
                with: {environment: {<<: {A: "1", B: "2"}, B: "3"}}
            """
        let result = try load(text)
        #expect(result.diagnostics.map(\.brief) == [])
        let tasks = try #require(result.manifest).tasks
        #expect(tasks.map(\.settings.policy.priority) == [1, 2, 3, 4, 1])
        #expect(tasks.map(\.settings.policy.jitter) == [1, 2, 2, 2, 1].map { Duration.seconds($0) })
        #expect(tasks[2].settings.policy.keep == .seconds(86_400))
        #expect(tasks[3].settings.uses == "demo.keeper")
        #expect(tasks[4].settings.parameters["environment"] == ["A": "1", "B": "3"])
    }

    @Test("`<<` in quotes is a key like any other")
    func quotedMerge() throws {
        #expect(try load(with("environment: {\"<<\": x}")).first?.settings.parameters["environment"] == ["<<": "x"])
    }

    @Test(
        "Problems are told where the text stands, once",
        arguments: [
            Case(tasks("a: {uses: demo.echo, every: &e 5x}\nb: {uses: demo.echo, every: *e}"), "3:34-36 duration"),
            Case(tasks("a: {uses: demo.echo, with: &w {txt: x}}\nb: {uses: demo.echo, with: *w}"), "3:34-37 parameter"),
            Case(tasks("a: &a {uses: demo.echo, prio: 1}\nb: {<<: *a}\nc: {<<: *a}"), "3:27-31 unknown-key"),
            Case(tasks("a: {uses: demo.echo, with: &w {text: x}}\nb: {uses: demo.echo, every: *w}"), "4:31-33 type"),
            Case(
                tasks(
                    "a: {uses: demo.echo, with: {text: &t \"${GONE}\"}}\nb: {uses: demo.echo, enabled: no, with: {text: *t}}"
                ), "3:40-49 unset-variable"),
            Case(tasks("a: &a {uses: demo.echo, every: 1h}\nb: {cron: 0 6 * * *, <<: *a}"), "4:7-11 cadence"),
            Case(tasks("a: {uses: demo.echo}\nb: {<<: 5, uses: demo.echo}"), "4:11-12 type"),
            Case(tasks("a: {uses: demo.echo}\nb: {<<: [{}, x], uses: demo.echo}"), "4:16-17 type"),
            Case(tasks("a: &a {uses: demo.echo}\nb: {<<: *a, <<: *a}"), "4:15-17 duplicate-key"),
            Case(tasks("a: {uses: demo.echo, with: *gone}"), "3:30-35 syntax"),
            Case(
                tasks(
                    "a: {uses: *gone, every: *gone2, keep: *g3, retry: *g4, enabled: *g5}\nb: {uses: demo.echo, after: *g6}"
                ), "3:13-18 syntax", "3:27-33 syntax", "3:41-44 syntax", "3:53-56 syntax", "3:67-70 syntax",
                "4:31-34 syntax"),
            Case(
                with("names: *n\noptions: *o\ncount: *c\ntext: *t\nanything: [*a]"), "6:14-16 syntax", "7:16-18 syntax",
                "8:14-16 syntax", "9:13-15 syntax", "10:18-20 syntax"),
            Case(with("argv: *n", uses: "demo.command"), "6:13-15 syntax"),
            Case(tasks("a: {<<: *gone, uses: demo.echo}"), "3:11-16 syntax"),
        ])
    func places(_ row: Case) throws {
        let found = try problems(row.text)
        #expect(found == row.expected)
    }
}

@Suite("Limits")
struct LimitTests {
    /// Ten aliases a level: ten to the power of `levels` nodes.
    private func bomb(levels: Int) -> String {
        var text = "version: 1\ntasks: {}\nplugins:\n  - &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        for level in 1..<levels {
            let alias = "*a\(level - 1)"
            text += "  - &a\(level) [\(Array(repeating: alias, count: 10).joined(separator: ", "))]\n"
        }
        return text
    }

    @Test("An alias bomb is found by counting, at the alias that goes too far")
    func aliasBomb() throws {
        let found = try load(bomb(levels: 40)).diagnostics
        // a5 is 1 111 111 nodes; the third alias of it goes past four million.
        #expect(found.filter { $0.code == .limit }.map(\.brief) == ["10:20-23 limit"])
        #expect(found.first { $0.code == .limit }?.help == "the limit is 4000000 nodes")
    }

    @Test("A bomb of maps and merges is found likewise")
    func mergeBomb() throws {
        var text =
            "version: 1\ntasks: {}\ndefaults:\n  retry: &a0 {a: 1, b: 2, c: 3}\n  x0: &b0 [*a0, *a0, *a0, *a0, *a0, *a0, *a0, *a0]\n"
        for level in 1..<20 {
            text +=
                "  x\(level): &b\(level) [\(Array(repeating: "*b\(level - 1)", count: 8).joined(separator: ", "))]\n"
        }
        #expect(try load(text).diagnostics.contains { $0.code == .limit })
    }

    @Test("An alias inside what it names is refused")
    func endless() throws {
        let found = try load("version: 1\ntasks: {}\nplugins: &a [x, *a]\n").diagnostics
        #expect(found.filter { $0.code == .limit }.map(\.brief) == ["3:17-19 limit"])
    }

    @Test(
        "64 levels are taken, 65 are not, also by aliases",
        arguments: [
            // The manifest, tasks, the task and `with` are four levels of their own.
            (with("anything: " + String(repeating: "[", count: 60) + String(repeating: "]", count: 60)), [String]()),
            (
                with("anything: " + String(repeating: "[", count: 61) + String(repeating: "]", count: 61)),
                ["6:77-78 limit"]
            ),
            (
                with(
                    "text: &a x\nanything: &b " + String(repeating: "[", count: 30) + String(repeating: "]", count: 30)
                        + "\nopen: {x: " + String(repeating: "[", count: 29) + "*b" + String(repeating: "]", count: 29)
                        + "}"), []
            ),
            (
                with(
                    "text: &a x\nanything: &b " + String(repeating: "[", count: 30) + String(repeating: "]", count: 30)
                        + "\nopen: {x: " + String(repeating: "[", count: 30) + "*b" + String(repeating: "]", count: 30)
                        + "}"), ["8:47-49 limit"]
            ),
        ])
    func depth(_ text: String, _ expected: [String]) throws {
        #expect(try problems(text) == expected)
    }

    @Test("Ten thousand open brackets are no way to the stack's end")
    func manyBrackets() throws {
        for bracket in ["[", "{a: ", "- ", "? "] {
            let found = try load("version: 1\ntasks: {}\nplugins:\n  " + String(repeating: bracket, count: 10_000))
                .diagnostics
            #expect(found.contains { $0.code == .limit })
        }
    }

    @Test("A file past 64 MiB is refused before it is read")
    func fileSize() throws {
        let bytes = [UInt8](repeating: 0x23, count: (64 << 20) + 1)
        let result = try load(bytes: bytes)
        #expect(result.diagnostics.map(\.brief) == ["1:1-1 limit"])
        #expect(result.manifest == nil)
    }

    @Test("A very long line is cut around the place")
    func longLine() throws {
        let text = tasks(
            "t: {uses: demo.echo, description: \(String(repeating: "ä", count: 100_000)), every: x, keep: \(String(repeating: "y", count: 500))}"
        )
        let found = try load(text).diagnostics
        #expect(found.map(\.code) == [.duration, .duration])
        #expect(found[0].column == 100_046)
        #expect(found[0].sourceColumn == 100_046 - 60)
        #expect(found[0].sourceLine.unicodeScalars.count == 161)
        #expect(Array(found[0].sourceLine)[60] == "x")
        #expect(found[0].sourceLine.hasSuffix("…"))
    }
}
