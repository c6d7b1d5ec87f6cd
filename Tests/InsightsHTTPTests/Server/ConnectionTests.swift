import InsightsEngine
import InsightsPlugin
import InsightsTestWire
import Testing

@testable import InsightsHTTP

@Suite("What a connection may do")
struct ConnectionTests {
    /// Short enough to be awaited, each the only short one of its test.
    private static func limits(_ edit: (inout HTTPLimits) -> Void) -> HTTPLimits {
        var limits = HTTPLimits()
        edit(&limits)
        return limits
    }

    private static let health = "GET /health HTTP/1.1\r\nHost: x\r\n\r\n"

    @Test("A connection is kept for many requests")
    func keepAlive() async throws {
        try await withServer { server in
            try await offPool {
                let wire = try server.connect()
                for _ in 0..<50 {
                    try wire.write(Self.health)
                    let response = try wire.response()
                    #expect(response.status == 200)
                    #expect(response["connection"] == nil)
                }
            }
        }
    }

    @Test("Pipelined requests are answered in order, a broken one last")
    func pipelining() async throws {
        try await withServer { server in
            try await offPool {
                let wire = try server.connect()
                let targets = ["/health", "/nothing", "/api/tasks/activity", "/health?x"]
                let requests = targets.map { "GET \($0) HTTP/1.1\r\nHost: x\r\n\r\n" }.joined()
                try wire.write(requests + "nonsense\r\n\r\n" + Self.health)
                let statuses = try (0..<5).map { _ in try wire.response() }
                #expect(statuses.map(\.status) == [200, 404, 200, 400, 400])
                #expect(statuses.last?.problem == "malformed-request")
                #expect(statuses.last?["connection"] == "close")
                #expect(try wire.rest().isEmpty)
            }
        }
    }

    @Test(
        "What is no HTTP/1.1 request is 400 and closes the connection",
        arguments: [
            "nonsense\r\n\r\n", "GET\r\n\r\n", "GET /health\r\n\r\n", "GET /health HTTP/1.1\r\n\r\n",
            "GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "GET /health HTTP/9.9\r\nHost: x\r\n\r\n",
            "GET /health HTTP/1.1\r\nHost : x\r\n\r\n", "GET /health HTTP/1.1\r\nHost: x\r\nbad header\r\n\r\n",
            "GET /health HTTP/1.1\r\nHost: x\r\nA: b\u{0}c\r\n\r\n", "GET /hea lth HTTP/1.1\r\nHost: x\r\n\r\n",
            "POST /health HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
            "POST /health HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
            "POST /health HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}\u{1}\u{FC}\u{3}\u{3}", "GET http:// HTTP/1.1\r\nHost x\r\n\r\n",
        ])
    func malformed(request: String) async throws {
        try await withServer { server in
            try await offPool {
                let wire = try server.connect()
                try wire.write(request)
                let response = try wire.response()
                #expect(response.status == 400)
                #expect(response.problem == "malformed-request")
                #expect(response["connection"] == "close")
                #expect(try wire.rest().isEmpty)
            }
        }
    }

    @Test("A malformed chunk is refused while the body is awaited")
    func malformedChunk() async throws {
        try await withServer { server in
            try await offPool {
                let wire = try server.connect()
                try wire.write("GET /health HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
                #expect(try wire.response().status == 400)
                #expect(try wire.rest().isEmpty)
            }
        }
    }

    @Test(
        "Headers beyond the limits are 431",
        arguments: [
            "X: " + String(repeating: "a", count: 17 << 10),
            (0..<120).map { "X-\($0): a" }.joined(separator: "\r\n"),
            (0..<40).map { "X-\($0): " + String(repeating: "a", count: 1000) }.joined(separator: "\r\n"),
        ])
    func largeHeaders(headers: String) async throws {
        try await withServer { server in
            try await offPool {
                let wire = try server.connect()
                try wire.write("GET /health HTTP/1.1\r\nHost: x\r\n\(headers)\r\n\r\n")
                let response = try wire.response()
                #expect(response.status == 431)
                #expect(response.problem == "headers-too-large")
            }
        }
    }

    @Test("A request line beyond the limit is refused, however long it goes on")
    func endlessTarget() async throws {
        try await withServer { server in
            try await offPool {
                let wire = try server.connect()
                try wire.write("GET /")
                let sent = wire.flood([UInt8](repeating: UInt8(ascii: "a"), count: 65_536), atMost: 64 << 20)
                #expect(sent < 64 << 20)
            }
            let health = try await server.get("/health")
            #expect(health.status == 200)
        }
    }

    @Test("A body announced as too large is 413 at once, and nothing of it is read")
    func announcedBody() async throws {
        try await withServer { server in
            try await offPool {
                for target in ["/health", "/api/runs"] {
                    let wire = try server.connect()
                    try wire.write("GET \(target) HTTP/1.1\r\nHost: x\r\nContent-Length: 1048577\r\n\r\n")
                    let response = try wire.response()
                    #expect(response.status == 413)
                    #expect(response.problem == "body-too-large")
                    #expect(response["connection"] == "close")
                }
            }
        }
    }

    @Test("A chunked body is 413 once it is too large, and is not read on without end")
    func chunkedBody() async throws {
        try await withServer { server in
            try await offPool {
                let wire = try server.connect()
                try wire.write(
                    "POST /admin/reload HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(TestServer.token)\r\n"
                        + "Transfer-Encoding: chunked\r\n\r\n")
                let chunk = Array("10000\r\n".utf8) + [UInt8](repeating: 0x61, count: 65_536) + Array("\r\n".utf8)
                for _ in 0..<17 { try wire.write(chunk) }
                let response = try wire.response()
                #expect(response.status == 413)
                #expect(response.problem == "body-too-large")
                #expect(wire.flood(chunk, atMost: 256 << 20) < 256 << 20)
            }
            #expect(server.daemon.deeds == [])
            _ = try await server.get("/health")
        }
    }

    @Test("A body within the limit is read and dropped, and the connection goes on", arguments: [1, 65_536, 1 << 20])
    func bodyWithin(size: Int) async throws {
        try await withServer { server in
            try await offPool {
                let wire = try server.connect()
                for _ in 0..<2 {
                    try wire.write(
                        "POST /admin/reload HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(TestServer.token)\r\n"
                            + "Content-Length: \(size)\r\n\r\n")
                    try wire.write([UInt8](repeating: 0x61, count: size))
                    #expect(try wire.response().status == 200)
                }
            }
        }
    }

    @Test("Expect: 100-continue is answered before the body, and a too large one refused instead")
    func expectContinue() async throws {
        try await withServer { server in
            try await offPool {
                let head =
                    "POST /admin/reload HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(TestServer.token)\r\n"
                    + "Expect: 100-continue\r\nContent-Length: "
                let small = try server.connect()
                try small.write(head + "3\r\n\r\n")
                #expect(try small.response().status == 100)
                try small.write("abc")
                #expect(try small.response().status == 200)
                let large = try server.connect()
                try large.write(head + "9999999\r\n\r\n")
                #expect(try large.response().status == 413)
            }
        }
    }

    @Test(
        "Headers that do not come in time are 408", arguments: ["G", "GET /health HTTP/1.1\r\nHost: x\r\nX-A: b\r\n"])
    func slowHeaders(sent: String) async throws {
        let limits = Self.limits { $0.headers = .milliseconds(200) }
        try await withServer(limits: limits) { server in
            try await offPool {
                let wire = try server.connect()
                try wire.write(sent)
                let response = try wire.response()
                #expect(response.status == 408)
                #expect(response.problem == "timeout")
                #expect(try wire.rest().isEmpty)
            }
        }
    }

    @Test("A drip of header bytes does not move the deadline")
    func slowloris() async throws {
        let limits = Self.limits { $0.headers = .milliseconds(300) }
        try await withServer(limits: limits) { server in
            try await offPool {
                let wire = try server.connect()
                let other = try server.connect()
                try wire.write("GET /health HTTP/1.1\r\nHost: x\r\nX-Drip: ")
                // One byte for each answer that another connection gets, until this one is given up.
                while !wire.hasAnswer {
                    try wire.write("a")
                    try other.write(Self.health)
                    #expect(try other.response().status == 200)
                }
                #expect(try wire.response().status == 408)
            }
        }
    }

    @Test("A connection that never says anything is closed without a word")
    func silent() async throws {
        let limits = Self.limits { $0.headers = .milliseconds(100) }
        try await withServer(limits: limits) { server in
            let rest = try await offPool { try server.connect().rest() }
            #expect(rest.isEmpty)
        }
    }

    @Test("An idle connection is closed without a word after its last answer")
    func idle() async throws {
        let limits = Self.limits { $0.idle = .milliseconds(200) }
        try await withServer(limits: limits) { server in
            try await offPool {
                let wire = try server.connect()
                try wire.write(Self.health)
                #expect(try wire.response().status == 200)
                #expect(try wire.rest().isEmpty)
            }
        }
    }

    @Test("The second request's headers have a deadline of their own")
    func slowSecond() async throws {
        let limits = Self.limits { $0.headers = .seconds(2) }
        try await withServer(limits: limits) { server in
            try await offPool {
                let wire = try server.connect()
                try wire.write(Self.health)
                #expect(try wire.response().status == 200)
                try wire.write("GET /he")
                #expect(try wire.response().status == 408)
            }
        }
    }

    @Test("A body that does not come in time is 408")
    func slowBody() async throws {
        let limits = Self.limits { $0.request = .milliseconds(200) }
        try await withServer(limits: limits) { server in
            try await offPool {
                let wire = try server.connect()
                try wire.write("GET /health HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
                let response = try wire.response()
                #expect(response.status == 408)
                #expect(response.problem == "timeout")
            }
        }
    }

    @Test("An answer that does not come in time is 503, also when what it waits for never ends")
    func slowAnswer() async throws {
        let daemon = ScriptedDaemon()
        let gate = Gate()
        daemon.store.change { $0.gate = gate }
        let limits = Self.limits { $0.request = .milliseconds(200) }
        try await withServer(daemon: daemon, limits: limits) { server in
            let response = try await server.get("/api/runs")
            #expect(response.status == 503)
            #expect(response.problem == "timeout")
            gate.open()
        }
    }

    @Test("A reader that takes nothing is cut off, one that goes on taking is not")
    func slowReader() async throws {
        let daemon = ScriptedDaemon()
        let line = LogLine(at: Samples.noon, level: "info", message: String(repeating: "x", count: 1 << 20))
        daemon.store.change { $0.log = Array(repeating: line, count: 10) }
        let limits = Self.limits {
            $0.reading = .seconds(3)
            $0.linger = .milliseconds(100)
        }
        try await withServer(daemon: daemon, limits: limits) { server in
            let target = "GET /api/runs/\(Samples.runID)/log HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
            try await offPool {
                let stuck = try Wire(port: server.port, receiveBuffer: 4096)
                try stuck.write(target)
                // A second client, served meanwhile, takes all of it.
                let steady = try server.connect()
                try steady.write(target)
                let response = try steady.response()
                #expect(response.body.count > 10 << 20)
                try stuck.awaitReset()
                #expect(try stuck.rest().count < 10 << 20)
            }
        }
    }

    @Test("HTTP/1.0 is answered and closed")
    func oldVersion() async throws {
        try await withServer { server in
            try await offPool {
                let wire = try server.connect()
                try wire.write("GET /health HTTP/1.0\r\n\r\n")
                let response = try wire.response()
                #expect(response.status == 200)
                #expect(response["connection"] == "close")
                #expect(try wire.rest().isEmpty)
            }
        }
    }

    @Test("A client that closes its side after the request still gets its answer")
    func halfClosed() async throws {
        try await withServer { server in
            try await offPool {
                let wire = try server.connect()
                try wire.write(Self.health)
                wire.finish()
                #expect(try wire.response().status == 200)
                #expect(try wire.rest().isEmpty)
            }
        }
    }

    @Test("An upgrade is not taken: the request is answered and the connection closed")
    func upgrade() async throws {
        try await withServer { server in
            try await offPool {
                let wire = try server.connect()
                try wire.write("GET /health HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
                let response = try wire.response()
                #expect(response.status == 200)
                #expect(response["connection"] == "close")
                #expect(try wire.rest().isEmpty)
            }
        }
    }

    @Test("One connection too many is told so and closed; when another ends there is room again")
    func connectionLimit() async throws {
        let limits = Self.limits { $0.connections = 2 }
        try await withServer(limits: limits) { server in
            try await offPool {
                let first = try server.connect()
                var second: Wire? = try server.connect()
                for wire in [first, second] {
                    try wire?.write(Self.health)
                    #expect(try wire?.response().status == 200)
                }
                let third = try server.connect()
                let response = try third.response()
                #expect(response.status == 503)
                #expect(response.problem == "busy")
                second = nil
                var status = 503
                while status == 503 {
                    let wire = try server.connect()
                    try wire.write(Self.health)
                    // A refused connection may be reset before its answer is read.
                    status = (try? wire.response().status) ?? 503
                }
                #expect(status == 200)
            }
        }
    }
}
