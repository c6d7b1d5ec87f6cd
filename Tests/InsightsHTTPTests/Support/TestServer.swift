import InsightsEngine
import InsightsHTTP
import InsightsPlugin
import InsightsTestWire
import Logging
import ServiceLifecycle

/// A server of its own for a test, on a port that the system chose.
struct TestServer: Sendable {
    static let token = "0123456789abcdef-secret"

    let port: Int
    let daemon: ScriptedDaemon
    /// Begins a graceful shutdown.
    let shutDown: @Sendable () async -> Void

    /// Opens a connection.
    func connect() throws -> Wire { try Wire(port: port) }

    /// One request on a connection of its own.
    func send(
        _ method: String, _ target: String, headers: [String] = [], body: String = ""
    ) async throws -> WireResponse {
        try await offPool {
            let wire = try connect()
            var lines = ["\(method) \(target) HTTP/1.1", "Host: localhost", "Connection: close"] + headers
            if !body.isEmpty { lines.append("Content-Length: \(body.utf8.count)") }
            try wire.write(lines.joined(separator: "\r\n") + "\r\n\r\n" + body)
            return try wire.response(to: method)
        }
    }

    func get(_ target: String, headers: [String] = []) async throws -> WireResponse {
        try await send("GET", target, headers: headers)
    }

    /// A request with the right token.
    func admin(_ method: String, _ target: String) async throws -> WireResponse {
        try await send(method, target, headers: ["Authorization: Bearer \(TestServer.token)"])
    }
}

/// Runs `body` against a server, and stops it.
func withServer(
    daemon: ScriptedDaemon = ScriptedDaemon(), token: String? = TestServer.token, limits: HTTPLimits = HTTPLimits(),
    grace: Duration = .seconds(20), pause: @escaping @Sendable (Duration) async throws -> Void = { _ in },
    logger: Logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
    _ body: @Sendable @escaping (TestServer) async throws -> Void
) async throws {
    let (ports, source) = AsyncStream<Int>.makeStream()
    let service = HTTPServerService(
        configuration: HTTPConfiguration(
            port: 0, adminToken: token.map(Secret.init), version: "1.2.3", threads: 1, grace: grace, limits: limits),
        daemon: daemon, logger: logger, clock: FixedClock(),
        pause: pause, onListening: { source.yield($0) })
    let group = ServiceGroup(
        configuration: .init(
            services: [service], gracefulShutdownSignals: [],
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }))
    try await withThrowingTaskGroup(of: Void.self) { tasks in
        tasks.addTask {
            defer { source.finish() }
            try await group.run()
        }
        var iterator = ports.makeAsyncIterator()
        if let port = await iterator.next() {
            do {
                try await body(
                    TestServer(port: port, daemon: daemon, shutDown: { await group.triggerGracefulShutdown() }))
            } catch {
                await group.triggerGracefulShutdown()
                throw error
            }
        }
        await group.triggerGracefulShutdown()
        try await tasks.waitForAll()
    }
}

/// Noon of 2026-01-04, for ever.
struct FixedClock: EngineClock {
    var now: Instant { Samples.noon }
    var moment: Moment { Moment(wall: Samples.noon, uptime: 0) }
    func sleep(for duration: Duration) async throws { try await ContinuousClock().sleep(for: duration) }
    func sleep(untilUptime uptime: Int64) async throws {}
}
