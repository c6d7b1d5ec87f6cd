import InsightsEngine
import InsightsManifest
import InsightsPlugin
import Testing

@Suite("Diagnostics for people and for programs")
struct RenderedTests {
    private func rendered(_ text: String, file: String = "tasks.yaml") throws -> String {
        try loader().load(bytes: Array(text.utf8), file: file).diagnostics.map { $0.rendered(color: false) }
            .joined(separator: "\n")
    }

    @Test("As the contract shows it")
    func contract() throws {
        let text = String(repeating: "#\n", count: 9) + "version: 1\ntasks:\n  t:\n    every: 6h\n    uses: demo.ehco\n"
        #expect(
            try rendered(text) == """
                tasks.yaml:14:11: error: unknown module "demo.ehco" [unknown-module]
                   14 |     uses: demo.ehco
                      |           ^^^^^^^^^
                      = help: did you mean "demo.echo"?
                """)
    }

    @Test("A warning, a missing key, a key without a value, the last of several lines")
    func others() throws {
        #expect(
            try rendered(task("every: 8d", uses: "demo.keeper")) == """
                tasks.yaml:5:12: warning: every 8d is longer than half of the 14d for which the source keeps its data: one missed run loses some [retention]
                    5 |     every: 8d
                      |            ^^
                      = help: run it every 7d or more often
                """)
        #expect(
            try rendered("tasks: {}\n") == """
                tasks.yaml:1:1: error: the manifest has no "version" [missing-key]
                    1 | tasks: {}
                      | ^
                      = help: begin with version: 1
                """)
        #expect(
            try rendered(task("priority:")) == """
                tasks.yaml:5:5: error: "priority" must be a whole number, not empty [type]
                    5 |     priority:
                      |     ^^^^^^^^
                """)
        #expect(
            try rendered("") == """
                tasks.yaml:1:1: error: the manifest has no "tasks" [missing-key]
                      = help: add tasks: {}, which may stay empty
                tasks.yaml:1:1: error: the manifest has no "version" [missing-key]
                      = help: begin with version: 1
                """)
    }

    @Test("Tabs stay tabs, wide characters are underlined twice, combining ones not at all")
    func widths() throws {
        let tab = "version: 1\ntasks:\n  t: {uses: demo.echo,\tevery:\tx}\n"
        #expect(
            try rendered(tab).split(separator: "\n")[1...2] == [
                "    3 |   t: {uses: demo.echo,\tevery:\tx}",
                "      |" + String(repeating: " ", count: 23) + "\t      \t^",
            ])
        let wide = tasks("t: {uses: demo.echo, description: 日本, every: 日x}")
        #expect(
            try rendered(wide).split(separator: "\n")[1...2] == [
                "    3 |   t: {uses: demo.echo, description: 日本, every: 日x}",
                "      |" + String(repeating: " ", count: 50) + "^^^",
            ])
        let combining = tasks("t: {description: \"e\u{301}\", uses: demo.echo, every: e\u{301}x}")
        #expect(
            try rendered(combining).split(separator: "\n")[2] == "      |" + String(repeating: " ", count: 49) + "^^")
    }

    @Test("What a terminal would obey is not sent to it")
    func harmless() throws {
        let text = Array("version: 1\ntasks: {}\n# \u{1B}[2J\n".utf8)
        let control = try loader().load(bytes: text, file: "tasks.yaml").diagnostics.map { $0.rendered(color: false) }
        #expect(control.first?.contains("\u{1B}") == false)
        #expect(control.first?.contains("    3 | # \u{FFFD}[2J") == true)
        let bidi = try rendered(task("every: \"\u{202E}x\""))
        #expect(!bidi.contains("\u{202E}"))
        #expect(bidi.contains("\\u{202E}"))
    }

    @Test("A line that is cut shows that it is, and underlines the place within")
    func cut() throws {
        let text = tasks(
            "t: {uses: demo.echo, description: \(String(repeating: "a", count: 300)), every: x, keep: \(String(repeating: "1", count: 300))}"
        )
        let lines = try rendered(text).split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines[1].hasPrefix("    3 | …aaa"))
        #expect(lines[1].hasSuffix("1…"))
        let caret = lines[2].unicodeScalars.distance(
            from: lines[2].unicodeScalars.startIndex,
            to: lines[2].unicodeScalars.firstIndex(of: "^") ?? lines[2].unicodeScalars.startIndex)
        #expect(Array(lines[1].unicodeScalars)[caret] == "x")
    }

    @Test("Colours, where they are asked for")
    func colors() throws {
        let found = try load("version: 2\ntasks: {}\n").diagnostics[0]
        #expect(
            found.rendered(color: true) == """
                \u{1B}[1m/srv/tasks.yaml:1:10:\u{1B}[0m \u{1B}[1;31merror:\u{1B}[0m \u{1B}[1mversion 2 of the manifest is not known: this program reads up to 1\u{1B}[0m [version]
                \u{1B}[34m    1 |\u{1B}[0m version: 2
                \u{1B}[34m      |\u{1B}[0m          \u{1B}[1;31m^\u{1B}[0m
                \u{1B}[34m      =\u{1B}[0m help: write version: 1, or use a newer insights
                """)
    }

    @Test("JSON, field by field")
    func json() throws {
        let found = try load(tasks("t: {uses: demo.ehco}")).diagnostics
        #expect(
            found.map(\.json.json) == [
                "{\"file\":\"/srv/tasks.yaml\",\"line\":3,\"column\":13,\"end_column\":22,\"severity\":\"error\",\"code\":\"unknown-module\",\"message\":\"unknown module \\\"demo.ehco\\\"\",\"help\":\"did you mean \\\"demo.echo\\\"?\"}"
            ])
        let without = try load(task("priority:")).diagnostics
        #expect(without.first?.json["help"] == .null)
    }

    @Test("Long values are cut in messages, and stay on one line")
    func longValues() throws {
        let found = try load(task("priority: \"a\\nb\(String(repeating: "x", count: 5000))\"")).diagnostics
        #expect(found[0].message.hasPrefix("\"priority\" must be a whole number, not \"a\\nbxxx"))
        #expect(found[0].message.count < 120)
    }
}
