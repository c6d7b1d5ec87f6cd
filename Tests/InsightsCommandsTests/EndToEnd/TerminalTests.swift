import InsightsPlugin
import Testing

@Suite("On a terminal", .crowded)
struct TerminalTests {
    static let tasks = """
          quick: {uses: command.run, every: 1h, with: {argv: ["true"]}}
          slow: {uses: command.run, every: 1h, with: {argv: [sleep, "0.5"]}}
        """

    @Test("run shows progress and then an aligned table in colours")
    func run() async throws {
        let place = try Place(Self.tasks)
        let ended = try await place.runOnTerminal("run")
        #expect(ended.status == 0)
        #expect(ended.output.contains("slow"))
        #expect(ended.output.contains("running"))
        #expect(ended.output.contains("\u{1B}[J"))
        #expect(ended.output.contains("\u{1B}[32msucceeded\u{1B}[0m"))
        #expect(ended.output.contains("\u{1B}[1mTASK\u{1B}[0m"))
    }

    @Test(
        "with NO_COLOR, or on a terminal that can do nothing, there is neither colour nor progress",
        arguments: [["NO_COLOR": "1"], ["TERM": "dumb"]])
    func noColor(environment: [String: String]) async throws {
        let place = try Place(Self.tasks)
        let ended = try await place.runOnTerminal("run", environment: environment)
        #expect(ended.status == 0)
        #expect(!ended.output.contains("\u{1B}"))
        #expect(ended.output.contains("TASK   STATUS"))
    }

    @Test("Ctrl-C cancels, and the terminal is left clean")
    func interrupt() async throws {
        let place = try Place("  long: {uses: command.run, every: 1h, with: {argv: [sleep, \"60\"]}}")
        let ended = try await place.runOnTerminal("run", typed: "\u{3}", afterSeeing: "running")
        #expect(ended.status == 130)
        #expect(ended.output.contains("cancelled (operator)"))
        #expect(try await place.history()[0]["status"] == "cancelled")
    }

    @Test("tables have a header and times in the manifest's zone, and fit the window")
    func tables() async throws {
        let place = try Place(
            "  nightly: {uses: command.run, cron: \"0 6 * * *\", with: {argv: [\"true\"]}}",
            top: "timezone: Asia/Kathmandu\n")
        let ended = try await place.runOnTerminal("next", "--count", "1", environment: ["NO_COLOR": "1"])
        #expect(ended.lines[0].hasPrefix("AT "))
        #expect(ended.lines[1].contains("T06:00:00+05:45  nightly"))
        let modules = try await place.runOnTerminal("modules", environment: ["NO_COLOR": "1"])
        #expect(modules.lines.allSatisfy { $0.count <= 100 })
        #expect(modules.lines.contains { $0.hasSuffix("…") } == modules.lines.contains { $0.count == 100 })
    }

    @Test("errors of the manifest are in colours")
    func diagnostics() async throws {
        let place = try Place(ManifestCommandTests.broken)
        let ended = try await place.runOnTerminal("check")
        #expect(ended.status == 78)
        #expect(ended.output.contains("\u{1B}[1;31merror:\u{1B}[0m"))
    }

    @Test("serve logs lines for people on a terminal, JSON elsewhere, and either when told to")
    func logs() async throws {
        let place = try Place()
        let shown = try await place.runOnTerminal(
            "serve", "--no-http", environment: ["NO_COLOR": "1"], typed: "\u{3}", afterSeeing: "ready: ")
        #expect(shown.status == 0)
        #expect(shown.lines.first?.contains(" notice  ready: without HTTP  database=sqlite:insights.db") == true)
        let json = try await place.runOnTerminal(
            "serve", "--no-http", environment: ["LOG_FORMAT": "json"], typed: "\u{3}", afterSeeing: "ready: ")
        #expect(json.lines.first?.hasPrefix("{\"at\":\"") == true)
    }
}
