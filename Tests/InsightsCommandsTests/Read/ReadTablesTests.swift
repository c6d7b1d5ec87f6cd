import InsightsEngine
import InsightsPlugin
import Testing

@testable import InsightsCommands

@Suite("What lists say beside the numbers")
struct ReadTablesTests {
    private static let account = SubjectRecord(
        id: 1, kind: "account", key: "f/org", name: "org", url: nil, parent: nil, state: .active, aliases: [],
        externalID: nil)

    @Test("a task at risk is told to people with its status, to programs in a column of its own")
    func risk() {
        var view = TaskView(
            name: "traffic", uses: "m.x", description: "Reads", isEnabled: true, isPaused: false, cadence: "every 7d",
            nextRun: nil, lastRun: nil, isAtRisk: true)
        func row() -> [Table.Cell] { ListCommand.table([view], Presentation()).rows[0] }
        #expect(row().map(\.plain) == ["traffic", "m.x", "every 7d", "yes", "", "", "", "Reads", "at risk"])
        #expect(row()[5].text.hasSuffix("at risk"))
        view.isAtRisk = false
        #expect(row().last?.plain == "" && row()[5].text == "")
        #expect(view.json["at_risk"] == false)
    }

    @Test("in a window of 80 columns every run is one line with what went wrong, in one of 110 with its id as well")
    func history() {
        let error = RunError(
            code: "command_failed", message: "\"pg_dump\" exited with 1: connection refused", isRetryable: true)
        let runs = [run(.failed, error: error), run(.succeeded, summary: "3 tables")]
        for (columns, hasID) in [(80, false), (110, true), (130, true)] {
            let lines = RunTable.history(runs, Presentation()).lines(for: terminal(columns))
            #expect(lines.count == 3, "\(columns) columns")
            #expect(lines[1].contains("command_failed: "))
            #expect(lines[1].contains(runs[0].id.description) == hasID)
            #expect(lines.allSatisfy { CellText.width(of: $0) <= columns })
        }
    }

    @Test("a cadence is told as a person writes it")
    func cadence() {
        func text(_ starting: String) -> String {
            Cadence.every(milliseconds: 1_209_600_000, starting: at(starting)).description
        }
        #expect(text("2026-01-04T02:00:00Z") == "every 14d starting 2026-01-04T02:00:00Z")
        #expect(text("2026-01-04T02:00:00.250Z") == "every 14d starting 2026-01-04T02:00:00.250Z")
    }

    @Test("defaults of a module's parameters are told as a person writes them, and exactly on a pipe")
    func defaults() throws {
        struct Module: TaskModule {
            let declaration = ModuleDeclaration(
                id: "x", summary: "",
                parameters: [
                    Parameter("branches", .enumeration(["default", "all"]), default: "default", summary: ""),
                    Parameter("timeout", .string(format: .duration), default: "1800", summary: ""),
                    Parameter("size", .integer(), default: 7, summary: ""),
                    Parameter("text", .string(), default: "", summary: ""),
                ])
            func run(_ context: RunContext) async throws -> String? { nil }
        }
        let registry = try Registry([Plugin(name: "m", version: "1", modules: [Module()])])
        func words(_ terminal: Terminal) -> [String] {
            ModuleSheet.lines(registry.modules[0], terminal).joined(separator: "\n").split { " \t\n".contains($0) }
                .map(String.init)
        }
        let shown = words(terminal())
        #expect(shown.contains("default") && shown.contains("30m") && shown.contains("7") && shown.contains("\"\""))
        #expect(!shown.contains("\"default\""))
        let plain = words(pipe)
        #expect(plain.contains("\"default\"") && plain.contains("\"1800\""))
    }

    @Test("in a window of 80 columns a task is one line with its state and next run")
    func list() {
        let view = TaskView(
            name: "git-repositories", uses: "git.repositories", description: "Stars, issues and traffic",
            isEnabled: true, isPaused: false, cadence: "0 6 * * MON-FRI (Europe/Berlin)",
            nextRun: at("2026-01-05T02:00:00Z"), lastRun: run(.succeeded), isAtRisk: false)
        let lines = ListCommand.table([view], Presentation()).lines(for: terminal(80))
        #expect(lines.count == 2)
        #expect(lines[1].contains("succeeded"))
        #expect(lines[1].contains("2026-01-05T02:00:00Z"))
    }

    @Test("a node that is gone, or has another manifest than most, is told apart")
    func nodes() {
        func node(_ name: String, _ manifest: UInt64?, isAlive: Bool = true) -> NodeRecord {
            NodeRecord(
                name: name, processID: 7, version: "1", startedAt: nil, lastSeen: Instant("2026-03-02T00:00:00Z")!,
                isAlive: isAlive, running: 2, manifest: manifest, takesShare: true)
        }
        let nodes = [node("a", 10), node("b", 11), node("c", 10), node("d", nil, isAlive: false)]
        let rows = NodesCommand.table(nodes, Presentation()).rows.map { $0.map(\.plain) }
        #expect(rows[0] == ["a", "7", "1", "", "2026-03-02T00:00:00.000Z", "alive", "2", "000000000000000a", "yes"])
        #expect(
            rows.map { [$0[0], $0[5], $0[8]] } == [
                ["a", "alive", "yes"], ["b", "alive", "no"], ["c", "alive", "yes"], ["d", "gone", ""],
            ])
    }

    @Test("a sum says of how many it is, and which days are missing in it")
    func sum() {
        let day = Instant("2026-03-02T00:00:00Z")!
        let series = SeriesRecord(
            subject: Self.account, metric: "views", unit: "views", shape: .daily, isAdditive: true,
            points: [.init(at: day, value: .number(3))], gaps: [(from: day, to: day)], sum: 3, of: 2)
        #expect(
            SeriesCommand.notes(series) == [
                "account f/org, views in views: sum 3; a roll-up of 2 subjects",
                "nothing is known from 2026-03-02 to 2026-03-02",
            ])
        let value = LatestValue(
            subject: Self.account, metric: "views", unit: "views", shape: .daily, value: .number(3), at: day, of: 2)
        #expect(MetricsCommand.table([value], Presentation()).rows[0].last?.plain == "2")
    }

    @Test("a latest value as JSON has every member, in their order, whatever its texts hold")
    func json() throws {
        let at = Instant("2026-03-02T01:02:03.004Z")!
        let odd = "a\"\\\n\u{1F}\u{7F}é"
        let values: [(SampleValue, Value)] = [
            (.number(3), 3), (.number(-0.25), -0.25),
            (.ranking([.init(label: odd, value: 2)]), [["label": .string(odd), "value": 2]]),
        ]
        for (value, json) in values {
            for of in [nil, 2] {
                let latest = LatestValue(
                    subject: Self.account, metric: "views", unit: odd, shape: .daily, value: value, at: at, of: of)
                let expected: Value = .object([
                    "subject": Self.account.json, "metric": "views", "unit": .string(odd), "shape": "daily",
                    "value": json, "at": Value(at), "of": of.map { .integer(Int64($0)) } ?? .null,
                ])
                var text = JSONText()
                text.append(latest, subject: JSONText(Self.account.json))
                #expect(String(decoding: text.bytes, as: UTF8.self) == expected.json)
                #expect(expected.object?.dropFirst().map(\.value.json) == latest.facts.object?.map(\.value.json))
            }
        }
    }
}
