import Foundation
import InsightsBuiltins
import InsightsEngine
import InsightsManifest
import InsightsPlugin
import Testing

@Suite("With the built-in modules")
struct ShippedManifestTests {
    /// The top level of the repository.
    private static let repository = String(#filePath.components(separatedBy: "/Tests/InsightsManifestTests/")[0])

    private func loader() throws -> ManifestLoader {
        ManifestLoader(
            registry: try Registry(Builtins.plugins), environment: [:], defaultInterval: .seconds(1_209_600),
            processorCount: 2, now: testNow)
    }

    private func problems(_ text: String) throws -> [String] {
        try loader().load(bytes: Array(text.utf8), file: "/srv/tasks.yaml").diagnostics.map(\.brief)
    }

    @Test("All that is wrong in one task is told at once, also what only its module knows")
    func allAtOnce() throws {
        let activity = """
            version: 1
            tasks:
              t:
                uses: git.activity
                with:
                  repositories:
                    - {path: /x, url: "https://a/b"}
                    - {}
                    - {path: ""}
                    - {url: "ftp://x/y"}
                    - {path: a, key: "A B"}
                    - pat
                  branches: some
            """
        #expect(
            try problems(activity) == [
                "7:27-40 parameter", "8:11-13 parameter", "9:18-20 parameter", "10:17-28 parameter",
                "11:26-31 parameter", "12:11-14 parameter", "13:17-21 parameter",
            ])
        let command = """
            version: 1
            tasks:
              t: {uses: command.run, with: {argv: ["true"], success: [], environment: {"A=B": c, D: [e]}}}
            """
        #expect(try problems(command).count == 3)
    }

    @Test("The shipped tasks.yaml is right without a warning, and measures this repository")
    func shipped() throws {
        let result = try loader().load(path: Self.repository + "/tasks.yaml")
        #expect(result.diagnostics.map { $0.rendered(color: false) } == [])
        let enabled = try #require(result.manifest).tasks.filter(\.settings.isEnabled)
        #expect(enabled.map(\.settings.uses) == ["git.activity"])
        #expect(enabled.first?.cadence == .every(milliseconds: 6 * 3_600_000, starting: nil))
        let repositories = enabled.first?.settings.parameters["repositories"]?.array
        #expect(repositories?.count == 1)
        #expect(repositories?.first?["path"] == .string(Self.repository))
    }

    @Test("What the shipped tasks.yaml says of forges is right with a token, too, once it is turned on")
    func shippedForges() throws {
        var text = try String(contentsOfFile: Self.repository + "/tasks.yaml", encoding: .utf8)
        text = text.replacing("    enabled: false\n    every: 6d", with: "    every: 6d")
        for task in ["git-repositories", "git-accounts"] {
            text = text.replacing("    enabled: false\n    after: \(task)", with: "    after: \(task)")
        }
        let loader = ManifestLoader(
            registry: try Registry(Builtins.plugins), environment: ["GITHUB_TOKEN": "github_pat_planted"],
            defaultInterval: .seconds(1_209_600), processorCount: 2, now: testNow)
        let result = loader.load(bytes: Array(text.utf8), file: Self.repository + "/tasks.yaml")
        #expect(result.diagnostics.map { $0.rendered(color: false) } == [])
        let enabled = try #require(result.manifest).tasks.filter(\.settings.isEnabled)
        #expect(
            enabled.map(\.settings.uses).sorted() == [
                "git.accounts", "git.activity", "git.platforms", "git.repositories",
            ])
        let forges = enabled.filter { $0.settings.uses != "git.activity" }
        #expect(forges.allSatisfy { $0.settings.secrets == ["github_pat_planted"] })
    }

    @Test(
        "What the modules declare and find is told at its place",
        arguments: [
            Case(task("with:\n  argv: [true]", uses: "command.run")),
            Case(task("with: {argv: []}", uses: "command.run"), "5:18-20 parameter"),
            Case(task("with: {samples: xml}", uses: "command.run"), "5:5-9 parameter", "5:21-24 parameter"),
            Case(task("with:\n  argv: [a]\n  success: [0, 256]", uses: "command.run"), "7:20-23 parameter"),
            Case(task("with:\n  argv: [a]\n  environment: [A]", uses: "command.run"), "7:20-23 parameter"),
            Case(task("with:\n  repositories: []", uses: "git.activity"), "6:21-23 parameter"),
            Case(
                task("with:\n  repositories:\n    - path: .\n    - path: ./.", uses: "git.activity"),
                "8:17-20 parameter"),
            Case(task("with:\n  repositories:\n    - name: x", uses: "git.activity"), "7:11-18 parameter"),
            Case(tasks("a: {uses: git.activty}"), "3:13-24 unknown-module"),
            Case(
                task(
                    "every: 7d\nwith:\n  forges:\n    - platform: forgejo\n      accounts: [a]",
                    uses: "git.repositories"), "8:11-28 parameter"),
            Case(
                task(
                    "with:\n  forges:\n    - platform: github\n      base_url: http://git.example.org\n      accounts: [a]",
                    uses: "git.accounts"), "8:21-43 parameter"),
            Case(
                task(
                    "with:\n  forges:\n    - platform: github\n      accounts: [a, a/b]", uses: "git.platforms"),
                "8:25-28 parameter"),
            Case(
                task("every: 8d\nwith: {forges: [{platform: github, accounts: [a]}]}", uses: "git.repositories"),
                "5:12-14 warning retention"),
        ])
    func builtIn(_ row: Case) throws {
        let found = try problems(row.text)
        #expect(found == row.expected)
    }
}
