import Foundation
import Glibc
import InsightsPlugin
import Testing

@Suite("Files that are not what they should be", .crowded)
struct StoredFileTests {
    static let quick = "  quick: {uses: command.run, every: 1h, with: {argv: [\"true\"]}}"
    static let commands = [["serve", "--port", "0"], ["run"], ["list"], ["history"], ["metrics"], ["pause", "quick"]]

    @Test("a database that is none is told, and left as it is", arguments: commands)
    func noDatabase(arguments: [String]) async throws {
        let place = try Place(Self.quick)
        let text = String(repeating: "this is no database\n", count: 100)
        try place.write("insights.db", text)
        let ended = try await Program([Program.path] + arguments, in: place.path).ended()
        #expect(ended.status == 69)
        #expect(ended.complaints.contains("insights.db"))
        #expect(ended.complaints.contains("help: "))
        #expect(place.text("insights.db") == text)
    }

    @Test("a damaged database is told", arguments: [["serve", "--port", "0"], ["history"]])
    func damaged(arguments: [String]) async throws {
        let place = try Place(Self.quick)
        #expect(try await place.run("run").status == 0)
        let file = try #require(FileHandle(forUpdatingAtPath: place.path + "/insights.db"))
        let size = try file.seekToEnd()
        for page in stride(from: UInt64(0), to: size, by: 4096) {
            try file.seek(toOffset: page + (page == 0 ? 100 : 0))
            try file.write(contentsOf: Data(repeating: 0xAA, count: 600))
        }
        try file.close()
        let ended = try await Program([Program.path] + arguments, in: place.path).ended()
        #expect(ended.status == 69)
        #expect(ended.complaints.contains("insights.db"))
    }

    @Test("a database whose folder is not there is told", arguments: [["serve", "--port", "0"], ["run"]])
    func noFolder(arguments: [String]) async throws {
        let place = try Place(Self.quick)
        let ended = try await Program(
            [Program.path] + arguments + ["--database", "sqlite:none/insights.db"], in: place.path
        ).ended()
        #expect(ended.status == 69)
        #expect(ended.complaints.contains("none/insights.db"))
    }

    @Test("a folder in the database's place is told", arguments: commands)
    func folder(arguments: [String]) async throws {
        let place = try Place(Self.quick)
        try FileManager.default.createDirectory(
            atPath: place.path + "/insights.db", withIntermediateDirectories: false)
        let ended = try await Program([Program.path] + arguments, in: place.path).ended()
        #expect(ended.status == 69)
        #expect(ended.complaints.contains("insights.db"))
    }

    @Test("a full disk behind standard output is told", arguments: ["schema", "list"])
    func fullOutput(command: String) async throws {
        let place = try Place(Self.quick)
        let ended = try await Program(["sh", "-c", "'\(Program.path)' \(command) > /dev/full"], in: place.path).ended()
        #expect(ended.status == 69)
        #expect(ended.complaints.contains("cannot write standard output: No space left on device"))
    }

    @Test("a reader that has had enough is no error")
    func head() async throws {
        let place = try Place(Self.quick)
        let ended = try await Program(["sh", "-c", "'\(Program.path)' schema | head -n 1"], in: place.path).ended()
        #expect(ended.output == "{\n")
        #expect(ended.complaints.isEmpty)
    }
}
