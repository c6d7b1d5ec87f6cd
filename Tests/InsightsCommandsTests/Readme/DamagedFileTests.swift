import Foundation
import InsightsPlugin
import Testing

@Suite("README: what can be saved of a damaged file", .crowded)
struct DamagedFileTests {
    private static let tasks =
        "  ok: {uses: command.run, every: 1h, with: {argv: [\"true\"]}}\n"
        + "  measure: {uses: command.run, every: 1h, with: {argv: [cat, lines], samples: json}}"

    /// Two hundred days of forty repositories.
    private static let lines: String = {
        let start = Instant("2025-01-01T00:00:00Z")!
        var lines = ""
        for repository in 10..<50 {
            let subject = "{\"kind\":\"repository\",\"key\":\"f/r\(repository)\"}"
            lines += subject + "\n"
            for day in 0..<200 {
                let at = start.advanced(by: .seconds(86_400 * day))
                lines += "{\"subject\":\(subject),\"metric\":\"commits\",\"at\":\"\(at)\",\"value\":\(day + 1),"
                lines += "\"unit\":\"commits\",\"shape\":\"daily\",\"additive\":true}\n"
            }
        }
        return lines
    }()

    /// What `sqlite3` answers, the words of a line separated by `|`.
    private static func query(_ sql: String, of file: String = "insights.db", in place: Place) async throws -> [String]
    {
        let ended = try await Program(["sqlite3", file, sql], in: place.path).ended()
        try #require(ended.status == 0, "\(ended.complaints)")
        return ended.lines
    }

    /// Overwrites one of the pages of a table or index that hold rows.
    ///
    /// - Returns: How many rows it had.
    private static func damage(_ name: String, in place: Place) async throws -> Int {
        let leaves = "FROM dbstat WHERE name = '\(name)' AND pagetype = 'leaf'"
        let middle = "LIMIT 1 OFFSET (SELECT count(*) / 2 \(leaves))"
        let sizes = try await query("SELECT pageno, pgsize, ncell \(leaves) ORDER BY path \(middle)", in: place)
        let numbers = try #require(sizes.first).split(separator: "|").compactMap { Int($0) }
        try #require(numbers.count == 3)
        let file = try #require(FileHandle(forUpdatingAtPath: place.path + "/insights.db"))
        try file.seek(toOffset: UInt64((numbers[0] - 1) * numbers[1]))
        try file.write(contentsOf: Data(repeating: 0xFF, count: numbers[1]))
        try file.close()
        return numbers[2]
    }

    private static func sum(of key: String, in place: Place) async throws -> Double? {
        try await place.run("series", "--subject", key, "--metric", "commits", "--json").json["sum"]?.number
    }

    @Test("its commands save every row but those of the damaged page, and work goes on with what they make")
    func saved() async throws {
        let place = try Place(Self.tasks)
        try place.write("lines", Self.lines)
        for _ in 0..<3 { #expect(try await place.run("run").status == 0) }
        let history = try await place.run("history").output
        let version = try await Self.query("PRAGMA user_version", in: place)
        let lost = try await Self.damage("days", in: place)
        _ = try await Self.damage("runs_by_time", in: place)
        let refused = try await place.run("history")
        #expect(refused.status == 69)
        #expect(refused.complaints.contains("README.md, \"Operations\""), "\(refused.complaints)")

        let commands = try Document("README.md").block(below: "<!-- damaged -->").joined(separator: "\n")
        let folder = (Program.path as NSString).deletingLastPathComponent
        let ended = try await Program(
            ["sh", "-c", commands], in: place.path, environment: ["PATH": "\(folder):/usr/bin:/bin"]
        ).ended()
        #expect(ended.status == 0, "\(ended.complaints)")
        // As the user sees it before the file takes its place.
        #expect(ended.output.hasSuffix(history), "\(ended.output)\(ended.complaints)")

        #expect(lost > 0)
        #expect(try await Self.query("SELECT count(*) FROM days", in: place) == ["\(40 * 200 - lost)"])
        #expect(try await Self.query("PRAGMA integrity_check", in: place) == ["ok"])
        #expect(try await Self.query("PRAGMA user_version", in: place) == version)
        for key in ["f/r10", "f/r49"] { #expect(try await Self.sum(of: key, in: place) == 20_100) }
        // What was lost is read anew, as by the first run.
        #expect(try await place.run("run").status == 0)
        #expect(try await place.history().count == 8)
        #expect(try await Self.query("SELECT count(*) FROM days", in: place) == ["\(40 * 200)"])
        #expect(place.exists("damaged.db") && place.exists("damaged.db-journal"))
    }
}
