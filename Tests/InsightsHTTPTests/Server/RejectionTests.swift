import InsightsPlugin
import InsightsTestWire
import Logging
import Testing

@testable import InsightsHTTP

@Suite("What a connection answers in a route's place")
struct RejectionTests {
    private static func limits(_ edit: (inout HTTPLimits) -> Void) -> HTTPLimits {
        var limits = HTTPLimits()
        edit(&limits)
        return limits
    }

    /// The lines of `/metrics` that count requests, but for those to `/metrics` and `/health`.
    private static func counts(_ server: TestServer) async throws -> [String] {
        let text = try #require(try await server.get("/metrics").text)
        return text.split(separator: "\n").map(String.init).filter { line in
            line.hasPrefix("http_server_requests_total{") && !line.contains("/metrics") && !line.contains("/health")
        }
    }

    @Test("A late answer carries the request's own id and path, is logged, and is counted once as the route's")
    func lateAnswer() async throws {
        let daemon = ScriptedDaemon()
        let gate = Gate()
        daemon.store.change { $0.gate = gate }
        let log = LogRecorder()
        let limits = Self.limits { $0.request = .milliseconds(200) }
        try await withServer(daemon: daemon, limits: limits, logger: log.logger) { server in
            let response = try await server.get("/api/runs?limit=5", headers: ["X-Request-ID: mine-1"])
            #expect(response.status == 503)
            #expect(response.problem == "timeout")
            #expect(response["x-request-id"] == "mine-1")
            #expect(response.json["instance"] == "/api/runs")
            let errors = log.lines.filter { $0.level == .error }
            #expect(errors.map(\.message) == ["a request failed"])
            #expect(errors.first?.fields["request_id"] == "mine-1")
            #expect(errors.first?.fields["path"] == "/api/runs")
            gate.open()
            // The route comes to its end on the server's one thread, before these are answered.
            for _ in 0..<20 { _ = try await server.get("/health") }
            let counts = try await Self.counts(server)
            #expect(counts == [#"http_server_requests_total{method="GET",route="/api/runs",status="503"} 1.0"#])
        }
    }

    @Test("A late body, a broken chunk and a missing Host carry the request's own id and path")
    func ownIDs() async throws {
        let limits = Self.limits { $0.request = .milliseconds(500) }
        try await withServer(limits: limits) { server in
            try await offPool {
                let own = "X-Request-ID: mine-2\r\n"
                for (request, status) in [
                    ("GET /api/tasks HTTP/1.1\r\nHost: x\r\n\(own)Content-Length: 10\r\n\r\nabc", 408),
                    ("GET /api/tasks HTTP/1.1\r\nHost: x\r\n\(own)Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
                    ("GET /api/tasks HTTP/1.1\r\n\(own)\r\n", 400),
                ] {
                    let wire = try server.connect()
                    // A request before it does not lend it its own.
                    try wire.write("GET /health HTTP/1.1\r\nHost: x\r\nX-Request-ID: other\r\n\r\n")
                    #expect(try wire.response()["x-request-id"] == "other")
                    try wire.write(request)
                    let response = try wire.response()
                    #expect(response.status == status)
                    #expect(response.problem != nil)
                    #expect(response["x-request-id"] == "mine-2")
                    #expect(response.json["instance"] == "/api/tasks")
                }
            }
        }
    }

    @Test("What never became a request has an id of its own and no path")
    func noRequest() async throws {
        try await withServer { server in
            try await offPool {
                let wire = try server.connect()
                try wire.write("GET /health HTTP/1.1\r\nHost: x\r\nX-Request-ID: other\r\n\r\nnonsense\r\n\r\n")
                _ = try wire.response()
                let response = try wire.response()
                #expect(response.problem == "malformed-request")
                #expect(response["x-request-id"]?.count == 32)
                #expect(response.json["instance"] == nil)
            }
            let counts = try await Self.counts(server)
            #expect(counts == [#"http_server_requests_total{method="other",route="other",status="400"} 1.0"#])
        }
    }

    @Test("A late answer to HEAD has no body")
    func lateHead() async throws {
        let daemon = ScriptedDaemon()
        let gate = Gate()
        daemon.store.change { $0.gate = gate }
        let limits = Self.limits { $0.request = .milliseconds(200) }
        try await withServer(daemon: daemon, limits: limits) { server in
            try await offPool {
                let wire = try server.connect()
                try wire.write("HEAD /api/runs HTTP/1.1\r\nHost: x\r\n\r\n")
                #expect(try wire.response(to: "HEAD").status == 503)
                #expect(try wire.rest().isEmpty)
            }
            gate.open()
        }
    }

    @Test("That there is no room for connections is logged once, not for each that is refused")
    func fullLog() async throws {
        let log = LogRecorder()
        let limits = Self.limits { $0.connections = 1 }
        try await withServer(limits: limits, logger: log.logger) { server in
            try await offPool {
                let first = try server.connect()
                try first.write("GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
                #expect(try first.response().status == 200)
                for _ in 0..<5 { #expect(try server.connect().response().status == 503) }
                try first.write("GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
                #expect(try first.response().status == 200)
            }
        }
        #expect(log.lines.filter { $0.level >= .warning }.map(\.message).count == 1)
    }
}
