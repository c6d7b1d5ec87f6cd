import Foundation
import Glibc
import InsightsPlugin
import Testing

@Suite("insights serve, its database and its end", .crowded)
struct ServeStoreTests {
    @Test("/ready tells within seconds that the database is gone, although nothing is written, and that it is back")
    func moved() async throws {
        let place = try Place(ServeTests.quick)
        let (program, port) = try await place.serve()
        try await program.wait("the first run") { try await !place.history("--status", "succeeded").isEmpty }
        for (from, to, status) in [("insights.db", "elsewhere.db", 503), ("elsewhere.db", "insights.db", 200)] {
            try FileManager.default.moveItem(atPath: place.path + "/" + from, toPath: place.path + "/" + to)
            try await program.wait("/ready to turn \(status)") {
                HTTP.ask("/ready", port: port)?.status == status
            }
        }
        program.send(SIGTERM)
        #expect(try await program.ended().status == 0)
        #expect(program.complaints.contains("the store takes writes again"))
    }

    @Test("a database that another process holds keeps neither a SIGTERM waiting nor a reload before it")
    func locked() async throws {
        let place = try Place(ServeTests.quick)
        let (program, _) = try await place.serve()
        try await program.wait("the first run") { try await !place.history("--status", "succeeded").isEmpty }
        try place.write("hold.py", Self.holdScript)
        let holder = try Program(["python3", "hold.py"], in: place.path)
        try await holder.wait("the lock") { holder.output.contains("held") }
        try place.manifest(ServeTests.quick + "\n  added: {uses: command.run, every: 1h, with: {argv: [\"true\"]}}")
        program.send(SIGHUP)
        program.send(SIGTERM)
        // The store itself would wait for ten seconds.
        #expect(try await program.ended(within: 9).status == 0)
        holder.send(SIGKILL)
        _ = try await holder.ended()
    }

    @Test("a signal after SIGHUP is heard although the reload takes long")
    func slowReload() async throws {
        let place = try Place(ServeTests.quick)
        let (program, port) = try await place.serve()
        for _ in 0..<40 { program.send(SIGHUP) }
        #expect(HTTP.ask("/health", port: port)?.status == 200)
        program.send(SIGTERM)
        #expect(try await program.ended(within: 60).status == 0)
    }

    @Test("who waits for runs is answered when a shutdown cuts them short")
    func waitingClient() async throws {
        let token = "sixteen-letters!"
        let place = try Place(ServeTests.held)
        let (program, port) = try await place.serve(
            "--no-scheduler", "--grace", "100ms", environment: ["INSIGHTS_ADMIN_TOKEN": token])
        let client = try Program(
            [
                "python3", "-c", Self.askScript, "http://127.0.0.1:\(port)/admin/tasks/run?wait=true", token,
            ], in: place.path)
        try await program.waitForRun(in: place)
        program.send(SIGTERM)
        #expect(try await program.ended().status == 0)
        let answer = try await client.ended()
        #expect(answer.lines.first == "500")
        #expect(answer.output.contains("\"interrupted\""))
    }

    private static let holdScript = """
        import sqlite3, time
        database = sqlite3.connect("insights.db", isolation_level=None)
        database.execute("BEGIN EXCLUSIVE")
        print("held", flush=True)
        time.sleep(60)
        """

    private static let askScript = """
        import sys, urllib.error, urllib.request
        request = urllib.request.Request(
            sys.argv[1], method="POST", data=b"", headers={"Authorization": "Bearer " + sys.argv[2]})
        try:
            answer = urllib.request.urlopen(request)
        except urllib.error.HTTPError as error:
            answer = error
        print(answer.status)
        print(answer.read().decode())
        """
}
