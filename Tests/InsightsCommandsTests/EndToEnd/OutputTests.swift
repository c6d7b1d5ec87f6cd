import Foundation
import Glibc
import InsightsPlugin
import Testing

@Suite("what programs print", .crowded)
struct OutputTests {
    private static func task(_ script: String) -> String {
        "  held: {uses: command.run, every: 1h, with: {argv: [sh, -c, \"\(script)\"]}}"
    }

    @Test("`logs --follow` shows a line while its program goes on, and it is there after a crash")
    func follow() async throws {
        let place = try Place(Self.task("echo begun; \(Place.hold)"))
        let (program, _) = try await place.serve()
        try await program.waitForRun(in: place)
        let run = try #require(try await place.history().first?["id"]?.string)
        let follower = try place.start("logs", "--follow", run)
        try await follower.wait("the first line") { follower.output.contains("begun") }
        #expect(try await place.history().first?["status"]?.string == "running")
        program.send(SIGKILL)
        _ = try await program.ended()
        follower.send(SIGINT)
        _ = try await follower.ended()
        #expect(try await place.run("logs", run).output.contains("begun"))
        try place.write("go", "")
    }

    @Test("of an output without end the last 1 MiB is kept, each line with the instant at which it came")
    func flood() async throws {
        let place = try Place(Self.task("seq 1 300000; touch flooded; \(Place.hold); echo last"))
        let (program, _) = try await place.serve()
        try await program.wait("the flood") { place.exists("flooded") }
        let flooded = try #require(Instant(Date.now.formatted(.iso8601))).advanced(by: .seconds(1))
        // The lines that follow have to have another second.
        try await program.wait("the next second") { Date.now.timeIntervalSince1970 > flooded.timeInterval + 1 }
        try place.write("go", "")
        try await program.wait("the end") { try await !place.history("--status", "succeeded").isEmpty }
        program.send(SIGTERM)
        _ = try await program.ended()
        let run = try #require(try await place.history().first?["id"]?.string)
        let lines = try await place.run("logs", "--json", run).lines.map { try Value(json: $0.utf8) }
        let texts = lines.compactMap { $0["message"]?.string }
        #expect(texts.last == "last")
        let numbers = texts.dropLast().reversed().prefix { Int($0) != nil }.compactMap { Int($0) }
        #expect(numbers.first == 300_000)
        #expect(zip(numbers, numbers.dropFirst()).allSatisfy { $0 == $1 + 1 })
        // A line counts as at least 8 bytes.
        #expect((numbers.count + 1) * 8 + 8 > 1 << 20)
        // What a pipe holds may have been read later.
        let line = try #require(lines.first { $0["message"]?.string == "270000" })
        let at = try #require(line["at"]?.string.flatMap { Instant($0) })
        #expect(at <= flooded)
    }
}

extension Instant {
    fileprivate var timeInterval: Double { Double(milliseconds) / 1000 }
}
