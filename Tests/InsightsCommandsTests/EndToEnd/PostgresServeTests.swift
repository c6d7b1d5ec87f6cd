import Foundation
import Glibc
import InsightsPlugin
import InsightsPostgresServer
import InsightsTestWire
import Testing

/// `insights serve` on a database that fails under it, and beside another.
@Suite("insights serve on PostgreSQL", .crowded)
struct PostgresServeTests {
    private static let tick = "  tick: {uses: command.run, every: 1s, with: {argv: [\"true\"]}}"
    private static let token = "sixteen-letters!"

    private static func name() -> String { "serve_" + UUID().uuidString.prefix(8).lowercased() }

    private func shared() async throws -> (server: PostgresServer, name: String, url: String) {
        let name = Self.name()
        return try await offPool {
            let server = try PostgresServer.shared()
            return (server, name, try server.database(name))
        }
    }

    /// Waits until `/ready` answers `status` and its body has `words`.
    ///
    /// - Returns: After how many seconds.
    @discardableResult
    private func ready(_ status: Int, _ words: String = "", _ program: Program, _ port: UInt16) async throws -> Double {
        let start = ContinuousClock.now
        try await program.wait("/ready to be \(status) with \(words)") {
            guard let answer = HTTP.ask("/ready", port: port) else { return false }
            return answer.status == status && (words.isEmpty || answer.body.contains(words))
        }
        let took = ContinuousClock.now - start
        return Double(took.components.seconds) + Double(took.components.attoseconds) / 1e18
    }

    private func runs(_ place: Place, _ url: String) async throws -> Int {
        try await place.history("tick", "--status", "succeeded", "--database", url).count
    }

    @Test("a database that is stopped, or falls silent, is told by /ready, and tasks start again when it is back")
    func away() async throws {
        let (server, proxy) = try await offPool {
            let server = try PostgresServer(settings: ["fsync": "off"])
            _ = try server.database("away")
            return (server, try CuttingProxy(to: server.port))
        }
        defer { proxy.close() }
        let direct = server.socketURI("away")
        let url = server.tcpURI("away").replacing(":\(server.port)/", with: ":\(proxy.port)/")
        let place = try Place(Self.tick)
        let (program, port) = try await place.serve("--database", url)
        try await program.wait("the first run") { try await runs(place, direct) > 0 }

        try await offPool { try server.stop(.immediate) }
        let refused = try await ready(503, "no connection to postgres://", program, port)
        #expect(HTTP.ask("/health", port: port)?.status == 200)
        try await offPool { try server.start() }
        let back = try await ready(200, "", program, port)
        let count = try await runs(place, direct)
        try await program.wait("a run after the stop") { try await runs(place, direct) > count }

        proxy.isSilent = true
        let silent = try await ready(503, "", program, port)
        #expect(HTTP.ask("/health", port: port)?.status == 200)
        proxy.isSilent = false
        let heard = try await ready(200, "", program, port)
        let later = try await runs(place, direct)
        try await program.wait("a run after the silence") { try await runs(place, direct) > later }
        print(
            "/ready: 503 \(refused) s after a stop, 200 \(back) s after the start; 503 \(silent) s into silence, 200 \(heard) s after"
        )
        // Four times what is promised, as the machine may do other things.
        #expect(refused < 20 && back < 40 && silent < 60 && heard < 40)
        let ledger = Ledger(try await place.history("tick", "--database", direct))
        #expect(ledger.problems(every: 1000).filter { !$0.hasPrefix("not final") }.isEmpty)
        program.send(SIGTERM)
        #expect(try await program.ended().status == 0)
        try await offPool { try server.stop(.immediate) }
    }

    @Test("what the server refuses while the daemon goes on is told by /ready in words of its own")
    func refusals() async throws {
        let (server, name, owner) = try await shared()
        try await offPool {
            try server.query("CREATE ROLE \"\(name)\" LOGIN PASSWORD 'first-word' CREATEDB", in: name)
            try server.query("ALTER DATABASE \"\(name)\" OWNER TO \"\(name)\"", in: "postgres")
        }
        let place = try Place(Self.tick)
        let (program, port) = try await place.serve(
            "--database", server.tcpURI(name, user: name, password: "first-word"))
        let drop = "; SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '\(name)'"
        for (breaks, mends, words) in [
            (
                "ALTER ROLE \"\(name)\" PASSWORD 'another-word'", "ALTER ROLE \"\(name)\" PASSWORD 'first-word'",
                "refuses the user or the password"
            ),
            (
                "ALTER ROLE \"\(name)\" CONNECTION LIMIT 0", "ALTER ROLE \"\(name)\" CONNECTION LIMIT -1",
                "has no connection left"
            ),
            (
                "ALTER ROLE \"\(name)\" SET default_transaction_read_only = on",
                "ALTER ROLE \"\(name)\" SET default_transaction_read_only = off", "takes no writes"
            ),
        ] {
            _ = try await offPool { try server.query(breaks + drop, in: "postgres") }
            try await ready(503, words, program, port)
            #expect(!program.complaints.contains("first-word"))
            _ = try await offPool { try server.query(mends + drop, in: "postgres") }
            try await ready(200, "", program, port)
        }
        let count = try await runs(place, owner)
        try await program.wait("a further run") { try await runs(place, owner) > count }
        program.send(SIGTERM)
        #expect(try await program.ended().status == 0)
    }

    @Test(
        "two nodes share the tasks, a trigger, a pause and a cancel reach whoever holds a task, with NOTIFY and without",
        arguments: ["on", "off"])
    func two(notifies: String) async throws {
        let (_, _, url) = try await shared()
        let tasks = (0..<4).map {
            "  t\($0): {uses: command.run, every: 1h, starting: \"2099-01-01T00:00:00Z\", with: {argv: [sh, -c, \"\(Place.hold)\"]}}"
        }
        let place = try Place(tasks.joined(separator: "\n"))
        let environment = ["INSIGHTS_NOTIFY": notifies, "INSIGHTS_ADMIN_TOKEN": Self.token]
        var nodes: [(program: Program, port: UInt16)] = []
        for _ in 0..<2 { nodes.append(try await place.serve("--database", url, environment: environment)) }
        try await nodes[1].program.wait("two nodes") {
            try await place.run("nodes", "--json", "--database", url).json.array?.count { $0["alive"] == true } == 2
        }
        let names = (0..<4).map { "t\($0)" }
        // Each at the first node, whoever holds it.
        for name in names {
            let triggered = try await place.run("trigger", name, "--database", url)
            #expect(triggered.status == 0, "\(triggered.complaints)")
        }
        func running() async throws -> [Value] { try await place.history("--status", "running", "--database", url) }
        try await nodes[0].program.wait("four runs") { try await running().count == 4 }
        // Cancelled at the second node, wherever they are.
        for run in try await running() {
            let id = try #require(run["id"]?.string)
            let answer = HTTP.ask("/admin/runs/\(id)/cancel", method: "POST", port: nodes[1].port, token: Self.token)
            #expect(answer.map { (200..<300).contains($0.status) } == true, "\(answer?.body ?? "")")
        }
        try await nodes[0].program.wait("no run") { try await running().isEmpty }
        #expect(try await place.history("--status", "cancelled", "--database", url).count == 4)
        #expect(try await place.run("pause", "t0", "--database", url).status == 0)
        for node in nodes {
            try await node.program.wait("the pause to be known") {
                HTTP.ask("/api/tasks/t0", port: node.port)?.body.contains("\"paused\":true") == true
            }
        }
        for node in nodes {
            node.program.send(SIGTERM)
            #expect(try await node.program.ended().status == 0)
        }
    }

    @Test("nodes with different manifests say so, and each runs what it has itself")
    func manifests() async throws {
        let (_, _, url) = try await shared()
        let places = [
            try Place(Self.tick),
            try Place(
                Self.tick.replacing("every: 1s", with: "every: 2s")
                    + "\n  own: {uses: command.run, every: 1s, with: {argv: [\"true\"]}}"),
        ]
        var nodes: [(program: Program, port: UInt16)] = []
        for place in places { nodes.append(try await place.serve("--database", url)) }
        for node in nodes { try await ready(200, "another manifest is in force on", node.program, node.port) }
        try await ready(200, "registered with another definition: tick", nodes[0].program, nodes[0].port)
        try await nodes[1].program.wait("a run of its own") {
            try await !places[1].history("own", "--status", "succeeded", "--database", url).isEmpty
        }
        let listed = try await places[0].run("nodes", "--json", "--database", url)
        #expect(try listed.json.array?.count { $0["agrees"] == false } == 1)
        for node in nodes {
            node.program.send(SIGTERM)
            #expect(try await node.program.ended().status == 0)
        }
    }
}
