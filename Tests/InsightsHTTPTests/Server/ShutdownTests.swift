import InsightsEngine
import InsightsPlugin
import InsightsTestWire
import Logging
import Testing

@testable import InsightsHTTP

@Suite("How the server starts and ends")
struct ShutdownTests {
    @Test("A port in use is an error that names host, port and the way out")
    func portInUse() async throws {
        try await withServer { server in
            let second = HTTPServerService(
                configuration: HTTPConfiguration(port: server.port, threads: 1), daemon: ScriptedDaemon(),
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            let error = await #expect(throws: HTTPServerError.self) { try await second.run() }
            #expect(
                error?.description
                    == "cannot listen on 127.0.0.1:\(server.port): the port is in use; choose another with --port or PORT, "
                    + "or stop the program that has it")
        }
    }

    @Test(
        "An address that is not this machine's is an error that says so",
        arguments: ["192.0.2.1", "no.such.host.invalid"])
    func foreignAddress(host: String) async throws {
        let service = HTTPServerService(
            configuration: HTTPConfiguration(host: host, port: 0, threads: 1), daemon: ScriptedDaemon(),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let error = await #expect(throws: HTTPServerError.self) { try await service.run() }
        #expect(error?.description.hasPrefix("cannot listen on \(host):0: ") == true)
        #expect(error?.description.contains("--host or HOST") == true)
    }

    @Test("A shutdown closes idle connections and takes no more")
    func idleConnections() async throws {
        try await withServer { server in
            let wire = try server.connect()
            try await offPool {
                try wire.write("GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
                #expect(try wire.response().status == 200)
            }
            await server.shutDown()
            let rest = try await offPool { try wire.rest() }
            #expect(rest.isEmpty)
            #expect(throws: WireError.self) { try server.connect() }
        }
    }

    @Test("A shutdown lets a request under way have its answer, and closes then")
    func underWay() async throws {
        let daemon = ScriptedDaemon()
        let gate = Gate()
        daemon.store.change { $0.gate = gate }
        try await withServer(daemon: daemon) { server in
            let wire = try server.connect()
            try wire.write("GET /api/runs HTTP/1.1\r\nHost: x\r\n\r\n")
            await gate.somebodyWaits()
            await server.shutDown()
            // No further connection is taken: the shutdown is in force.
            // Failing to connect is what is waited for.
            while (try? server.connect()) != nil { await Task.yield() }
            gate.open()
            try await offPool {
                let response = try wire.response()
                #expect(response.status == 200)
                #expect(response["connection"] == "close")
                #expect(try wire.rest().isEmpty)
            }
        }
    }

    @Test("When the grace is over, what still waits is cut")
    func graceOver() async throws {
        let daemon = ScriptedDaemon()
        let gate = Gate()
        daemon.change { $0.gate = gate }
        try await withServer(daemon: daemon, grace: .milliseconds(100)) { server in
            let wire = try server.connect()
            try wire.write(
                "POST /admin/tasks/run?wait=true HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(TestServer.token)\r\n\r\n"
            )
            await gate.somebodyWaits()
            await server.shutDown()
            _ = try await offPool { try wire.rest() }
        }
        // The server has ended, though the gate never opened.
        #expect(daemon.deeds.contains("outcomes cancelled"))
    }

    @Test("Half a request does not hold a shutdown up")
    func halfRequest() async throws {
        try await withServer { server in
            let wire = try server.connect()
            try wire.write("GET /health HT")
            _ = try await server.get("/health")
            await server.shutDown()
            _ = try await offPool { try wire.rest() }
        }
    }

    @Test("Answers come while every thread of the cooperative pool computes")
    func busyPool() async throws {
        try await withServer { server in
            let stop = Flag()
            // More of them than the pool has threads; each holds one until it is told to stop.
            async let burners: Void = withDiscardingTaskGroup { group in
                for _ in 0..<64 { group.addTask { while !stop.isSet {} } }
            }
            let statuses = try await offPoolWhileBusy(server, stop)
            #expect(statuses == Array(repeating: 200, count: 20))
            await burners
        }
    }

    /// The requests run on a thread of their own, which ends the computing: the pool could not even start a task.
    private func offPoolWhileBusy(_ server: TestServer, _ stop: Flag) async throws -> [Int] {
        try await offPool {
            defer { stop.set() }
            return try (0..<20).map { _ in
                let wire = try server.connect()
                try wire.write("GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
                return try wire.response().status
            }
        }
    }
}
