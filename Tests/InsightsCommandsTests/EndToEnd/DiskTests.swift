import Glibc
import InsightsPlugin
import Testing

@Suite("Disks that take no writes", .crowded, .enabled(if: SmallDisk.isAllowed, "needs the right to mount"))
struct DiskTests {
    static let often = """
          often:
            uses: command.run
            every: 100ms
            with: {argv: [sh, -c, "head -c 20000 /dev/zero | tr '\\\\0' x"]}
        """

    @Test("on a full disk work stops and /ready says so; with room again it goes on by itself")
    func full() async throws {
        let disk = try #require(SmallDisk("size=1m"))
        let place = try Place(Self.often)
        let (program, port) = try await place.serve("--database", "sqlite:\(disk.path)/insights.db")
        try await program.wait("the disk to be full", within: 120) { HTTP.ask("/ready", port: port)?.status == 503 }
        #expect(HTTP.ask("/ready", port: port)?.body.contains("no room left") == true)
        #expect(HTTP.ask("/health", port: port)?.status == 200)
        #expect(program.complaints.contains("make room"))
        try #require(disk.change("size=20m"))
        try await program.wait("work to go on") { HTTP.ask("/ready", port: port)?.status == 200 }
        try await program.waitForComplaint("the store takes writes again")
        program.send(SIGTERM)
        #expect(try await program.ended().status == 0)
        let history = try await Program(
            [Program.path, "history", "--json", "--limit", "10000", "--database", "sqlite:\(disk.path)/insights.db"],
            in: place.path
        ).ended()
        let problems = Ledger(try #require(try history.json.array)).problems(every: 100)
        #expect(problems.filter { !$0.hasPrefix("not final") }.isEmpty, "\(problems.prefix(5))")
    }

    @Test("on a full disk nothing begins, and the reason is told", arguments: [["serve", "--port", "0"], ["run"]])
    func fullFromTheStart(arguments: [String]) async throws {
        let disk = try #require(SmallDisk("size=8k"))
        let place = try Place(Self.often)
        let ended = try await Program(
            [Program.path] + arguments + ["--database", "sqlite:\(disk.path)/insights.db"], in: place.path
        ).ended()
        #expect(ended.status == 69)
        #expect(ended.complaints.contains("\(disk.path)/insights.db"))
        #expect(ended.complaints.contains("room"))
    }

    @Test("on a read-only disk nothing runs, the reason is told, and everything can be read")
    func readOnly() async throws {
        let disk = try #require(SmallDisk("size=20m"))
        let place = try Place("  once: {uses: command.run, every: 1h, with: {argv: [\"true\"]}}")
        let database = "sqlite:\(disk.path)/insights.db"
        #expect(try await place.run("run", "--database", database).status == 0)
        try #require(disk.change("", isReadOnly: true))
        for command in [["serve", "--port", "0"], ["run"], ["pause", "once"]] {
            let ended = try await Program([Program.path] + command + ["--database", database], in: place.path).ended()
            #expect(ended.status == 69, "\(command) \(ended.complaints)")
            #expect(ended.complaints.contains(disk.path))
        }
        for command in ["list", "history", "metrics", "next"] {
            #expect(try await place.run(command, "--database", database).status == 0)
        }
        let history = try await place.run("history", "--json", "--database", database)
        #expect(try history.json.array?.count == 1)
    }
}
