import Foundation
import InsightsEngine
import InsightsManifest
import InsightsPlugin
import Testing

@Suite("Alerts and plugins: checked now, at work later")
struct AlertPluginTests {
    private func alerts(_ text: String) -> String { tasks("t: {uses: demo.echo}") + "alerts:\n" + text + "\n" }

    @Test(
        "Alerts that are right are told to be for later",
        arguments: [
            "  - webhook: https://example.org/hook",
            "  - {webhook: \"http://127.0.0.1:8080\", on: [failure, recovery, missed, retention]}",
            "  - {webhook: \"https://u:p@[::1]:1/x?y#z\", tasks: [t, \"git-*\", \"t?\"], secret: s}",
            "  - {webhook: \"HTTPS://example.org\", on: [], tasks: }",
            "  - webhook: ${HOOK}\n    secret: ${KEY}",
        ])
    func accepted(_ text: String) throws {
        let result = try load(alerts(text), environment: ["HOOK": "https://example.org/T0/B0", "KEY": "k"])
        #expect(result.diagnostics.map(\.brief) == ["4:1-7 warning not-yet"])
        #expect(result.manifest != nil)
    }

    @Test(
        "Alerts that are not",
        arguments: [
            ("  - {}", ["5:5-7 missing-key"]), ("  - on: [failure]", ["5:5-18 missing-key"]),
            ("  -", ["5:4-4 missing-key"]),
            ("  - webhook: x", ["5:14-15 type"]), ("  - webhook: ftp://x", ["5:14-21 type"]),
            ("  - webhook: https://", ["5:14-22 type"]),
            ("  - webhook: \"https:///x\"", ["5:14-26 type"]), ("  - webhook: \"https://x y\"", ["5:14-27 type"]),
            ("  - webhook: https://x:99999", ["5:14-29 type"]), ("  - webhook: https://[::1", ["5:14-26 type"]),
            ("  - webhook: [a]", ["5:14-17 type"]),
            ("  - {webhook: \"http://x\", on: failure}", ["5:31-38 type"]),
            ("  - {webhook: \"http://x\", on: [failed]}", ["5:32-38 type"]),
            ("  - {webhook: \"http://x\", tasks: [u]}", ["5:35-36 unknown-task"]),
            ("  - {webhook: \"http://x\", tasks: t}", ["5:34-35 type"]),
            ("  - {webhook: \"http://x\", url: y}", ["5:27-30 unknown-key"]),
            ("  - https://example.org", ["5:5-24 type"]),
            ("  - webhook: ${GONE}", ["5:14-21 unset-variable"]),
            ("  - {webhook: \"http://x\", secret: [a]}", ["5:35-38 type"]),
        ])
    func refused(_ text: String, _ expected: [String]) throws {
        let found = try load(alerts(text)).diagnostics.map(\.brief)
        #expect(found == ["4:1-7 warning not-yet"] + expected)
    }

    @Test("An alert that is no map is told as one alert")
    func noMap() throws {
        let found = try load(alerts("  - https://example.org\n  - [a]")).diagnostics
        #expect(
            found.dropFirst().map(\.message) == [
                "an alert must be a map, not \"https://example.org\"", "an alert must be a map, not a list",
            ])
    }

    @Test("An address from the environment is not quoted")
    func addressStaysUntold() throws {
        let found = try load(alerts("  - webhook: ${HOOK}"), environment: ["HOOK": "slack:T0/s3cret"]).diagnostics
        #expect(found.map(\.code) == [.notYet, .type])
        #expect(!found[1].message.contains("s3cret"))
    }

    @Test("Plugins: folders with a plugin.yaml, relative to the manifest's")
    func plugins() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("insights-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }  // a left-over is the system's to clear
        let manager = FileManager.default
        try manager.createDirectory(at: folder.appendingPathComponent("good"), withIntermediateDirectories: true)
        try manager.createDirectory(at: folder.appendingPathComponent("bare"), withIntermediateDirectories: true)
        try manager.createDirectory(
            at: folder.appendingPathComponent("odd/plugin.yaml"), withIntermediateDirectories: true)
        try Data("name: good\n".utf8).write(to: folder.appendingPathComponent("good/plugin.yaml"))
        try Data("x".utf8).write(to: folder.appendingPathComponent("file"))
        func found(_ text: String) throws -> [String] {
            let manifest = "version: 1\ntasks: {}\nplugins:\n" + text
            return try loader(environment: ["HERE": folder.path]).load(
                bytes: Array(manifest.utf8), file: folder.appendingPathComponent("tasks.yaml").path
            ).diagnostics.map(\.brief)
        }
        #expect(try found("  - good\n  - ./good/\n  - ${HERE}/good\n") == ["3:1-8 warning not-yet"])
        #expect(
            try found("  - bare\n  - none\n  - \"file\"\n  - odd\n  - [a]\n  - ${GONE}\n") == [
                "3:1-8 warning not-yet", "4:5-9 plugin", "5:5-9 plugin", "6:5-11 plugin", "7:5-8 plugin", "8:5-8 type",
                "9:5-12 unset-variable",
            ])
    }
}
