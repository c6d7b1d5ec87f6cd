import Foundation
import InsightsEngine
import InsightsPlugin
import Logging
import Testing

@testable import InsightsCommands

@Suite("Log lines")
struct LogLayoutTests {
    private let metadata: Logger.Metadata = ["zeta": "1", "run": "r", "attempt": .stringConvertible(2), "task": "t"]

    @Test("as JSON a line has task, run and attempt by name and all else under fields")
    func json() throws {
        let line = LogLayout.json(
            .warning, "a \"b\"\n\u{1B}", LogLayout.ordered(metadata), at: at("2026-01-04T02:00:00Z"))
        #expect(!line.contains("\n"))
        #expect(
            try Value(json: line.utf8) == [
                "at": "2026-01-04T02:00:00.000Z", "level": "warning", "message": "a \"b\"\n\u{1B}", "task": "t",
                "run": "r",
                "attempt": 2, "fields": ["zeta": "1"],
            ])
    }

    @Test("numbers and truth stay what they are")
    func numbers() throws {
        let metadata: Logger.Metadata = [
            "whole": .stringConvertible(Int64(3)), "part": .stringConvertible(1.5), "truth": .stringConvertible(true),
            "text": "4", "list": [.stringConvertible(UInt8(5))], "never": .stringConvertible(Double.nan),
        ]
        let line = LogLayout.json(.info, "", LogLayout.ordered(metadata), at: at("2026-01-04T02:00:00Z"))
        #expect(
            try Value(json: line.utf8)["fields"] == [
                "whole": 3, "part": 1.5, "truth": true, "text": "4", "list": [5], "never": "nan",
            ])
    }

    @Test("an instant is told in the zone that people read times in, and to programs in UTC")
    func instants() throws {
        let metadata: Logger.Metadata = ["retry_at": .stringConvertible(at("2026-07-04T02:00:00.500Z"))]
        let presentation = Presentation(zone: try #require(Zone.named("Europe/Berlin")))
        let forPeople = LogLayout.ordered(metadata, for: presentation).map(\.value)
        #expect(forPeople == ["2026-07-04T04:00:00.500+02:00"])
        #expect(LogLayout.ordered(metadata).map(\.value) == ["2026-07-04T02:00:00.500Z"])
    }

    @Test("for people a line has task, run and attempt first, and nothing that acts on the terminal")
    func text() {
        let line = LogLayout.text(
            .info, "hi\u{1B}[2J", LogLayout.ordered(metadata), at: "2026-01-04T02:00:00Z", isColored: false)
        #expect(line == "2026-01-04T02:00:00Z info    hi\u{FFFD}[2J  task=t run=r attempt=2 zeta=1")
    }

    @Test("a secret is replaced wherever it stands, in both forms", arguments: LogFormat.allCases)
    func secrets(format: LogFormat) throws {
        let place = try Place()
        let path = place.path + "/log"
        try place.write("log", "")
        let descriptor = open(path, O_WRONLY | O_APPEND)
        defer { close(descriptor) }
        let sink = LogSink(console: Console(terminal: pipe, descriptor: descriptor), format: format)
        sink.learn(secrets: ["hunter2hunter2"], zone: .utc)
        sink.learn(secrets: ["another-one"], zone: .utc)
        let logger = Logger(label: "test") { _ in SinkLogHandler(sink: sink, level: .info) }
        logger.info("with hunter2hunter2", metadata: ["url": "http://x:hunter2hunter2@y", "list": ["hunter2hunter2"]])
        logger.debug("not asked for")
        let text = place.text("log")
        #expect(!text.contains("hunter2"))
        #expect(text.contains("with ***"))
        #expect(text.contains("http://x:***@y"))
        #expect(!text.contains("not asked for"))
        #expect(text.split(separator: "\n").count == 1)
    }

    @Test("a line goes above the moving ones, which are drawn again")
    func console() throws {
        let place = try Place()
        try place.write("log", "")
        let descriptor = open(place.path + "/log", O_WRONLY | O_APPEND)
        defer { close(descriptor) }
        let console = Console(terminal: terminal(lively: true), descriptor: descriptor)
        console.show(["one", "two"])
        console.line("news")
        console.show(["one", "two"])
        console.show([])
        #expect(place.text("log") == "one\ntwo\n\u{1B}[2F\u{1B}[Jnews\none\ntwo\n\u{1B}[2F\u{1B}[J")
    }
}
