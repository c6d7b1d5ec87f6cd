import Glibc
import Testing

@Suite("programs that tasks run, when insights ends", .crowded)
struct ServeProgramsTests {
    /// Tells its process id, and takes no notice of SIGTERM.
    private static let stubborn =
        "argv: [sh, -c, \"trap '' TERM; echo $$ > pid; while :; do sleep 1; done\"]"
    private static let held = "  stubborn: {uses: command.run, every: 1h, with: {\(stubborn)}}"
    private static let timed = "  stubborn: {uses: command.run, every: 1h, timeout: 1s, with: {\(stubborn)}}"

    @Test("one that ignores SIGTERM at its timeout is dead when `insights run` has ended, and that is no fault")
    func timeout() async throws {
        let place = try Place(Self.timed)
        let ended = try await place.run("run")
        #expect(ended.status == 1)
        #expect(ended.lines.first?.contains("timed_out") == true)
        #expect(ended.lines.first?.contains("longer than its timeout of 1s") == true)
        #expect(!ended.complaints.contains("did not stop when told to"))
        let pid = try Self.pid(in: place)
        #expect(!Self.isRunning(pid))
    }

    @Test(
        "a second signal ends them with the process", arguments: ["serve", "run"],
        [(SIGINT, 130), (SIGTERM, 143)] as [(Int32, Int32)])
    func secondSignal(command: String, signal: (number: Int32, status: Int32)) async throws {
        let place = try Place(Self.held)
        let program =
            command == "serve" ? try place.start("serve", "--no-http", "--grace", "10m") : try place.start("run")
        try await program.wait("the program") { place.text("pid").hasSuffix("\n") }
        let pid = try Self.pid(in: place)
        program.send(signal.number)
        if command == "serve" { try await program.waitForComplaint("another signal ends it at once") }
        // Two of one kind may be seen as one before the first has been taken.
        var tries = 0
        try await program.wait("the end") {
            tries += 1
            if tries % 20 == 0 { program.send(signal.number) }
            return !Self.isRunning(pid)
        }
        #expect(try await program.ended().status == signal.status)
    }

    private static func pid(in place: Place) throws -> pid_t {
        try #require(pid_t(place.text("pid").prefix { $0.isNumber }))
    }

    /// Whether it still runs: one that has ended may wait for an init that does not reap it.
    private static func isRunning(_ pid: pid_t) -> Bool {
        guard let stat = fopen("/proc/\(pid)/stat", "r") else { return false }
        defer { fclose(stat) }
        var line = [CChar](repeating: 0, count: 512)
        guard fgets(&line, Int32(line.count), stat) != nil else { return false }
        let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return !["Z", "X"].contains(text.split(separator: ")").last?.split(separator: " ").first.map(String.init))
    }
}
