import InsightsPlugin
import InsightsTestWire
import Synchronization
import Testing

@testable import InsightsHTTP

@Suite("Who may pass")
struct AdminGateTests {
    static let targets = [
        ("POST", "/admin/tasks/run"), ("POST", "/admin/tasks/activity/run"), ("POST", "/admin/reload"),
        ("GET", "/admin/reload"), ("DELETE", "/admin"), ("GET", "/admin/"), ("GET", "/admin/nothing"),
        ("POST", "/%61dmin/reload"), ("POST", "/admin/runs/malformed/cancel"), ("POST", "/admin/tasks/run?bad=%zz"),
        ("POST", "/admin/%zz"), ("GET", "http://localhost/admin/x"), ("GET", "/admin?x"), ("GET", "/admin#x"),
    ]

    @Test("Without a token everything under /admin is 401, before anything else is looked at", arguments: targets)
    func withoutToken(method: String, target: String) async throws {
        let daemon = ScriptedDaemon()
        try await withServer(daemon: daemon) { server in
            let response = try await server.send(method, target)
            #expect(response.status == 401)
            #expect(response.problem == "unauthorized")
            #expect(response["www-authenticate"]?.hasPrefix("Bearer") == true)
        }
        #expect(daemon.deeds == [])
    }

    @Test(
        "A wrong credential is 401",
        arguments: [
            "Bearer wrong", "Bearer", "Bearer ", "Basic \(TestServer.token)", TestServer.token,
            "Bearer \(TestServer.token)x", "Bearer \(TestServer.token.dropLast())",
            "Bearer \(TestServer.token) \(TestServer.token)", "Bearer \(TestServer.token.uppercased())",
        ])
    func wrongToken(credential: String) async throws {
        let daemon = ScriptedDaemon()
        try await withServer(daemon: daemon) { server in
            let response = try await server.send(
                "POST", "/admin/reload", headers: ["Authorization: \(credential)"])
            #expect(response.status == 401)
        }
        #expect(daemon.deeds == [])
    }

    @Test("Two credentials are none, even if one is right")
    func twoTokens() async throws {
        try await withServer { server in
            let header = "Authorization: Bearer \(TestServer.token)"
            let response = try await server.send("POST", "/admin/reload", headers: [header, header])
            #expect(response.status == 401)
        }
    }

    @Test("Neither the scheme's case matters nor how many spaces follow", arguments: ["Bearer", "bearer", "BEARER  "])
    func schemeCase(scheme: String) async throws {
        try await withServer { server in
            let response = try await server.send(
                "POST", "/admin/reload", headers: ["Authorization: \(scheme) \(TestServer.token)"])
            #expect(response.status == 200)
        }
    }

    @Test("When no token is set every admin route is 403 and says how to set one", arguments: targets)
    func disabled(method: String, target: String) async throws {
        let daemon = ScriptedDaemon()
        try await withServer(daemon: daemon, token: nil) { server in
            for headers in [[], ["Authorization: Bearer \(TestServer.token)"]] {
                let response = try await server.send(method, target, headers: headers)
                #expect(response.status == 403)
                #expect(response.problem == "admin-disabled")
                #expect(response.json["detail"]?.string?.contains("INSIGHTS_ADMIN_TOKEN") == true)
            }
        }
        #expect(daemon.deeds == [])
    }

    @Test("A refused request's body is not read")
    func bodyUnread() async throws {
        try await withServer { server in
            try await offPool {
                let wire = try server.connect()
                // Nothing of the announced body is ever sent: the answer does not wait for it.
                try wire.write("POST /admin/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
                let response = try wire.response()
                #expect(response.status == 401)
                #expect(response["connection"] == "close")
                #expect(try wire.rest().isEmpty)
            }
        }
    }

    @Test("A refused request is not told to go on with its body")
    func noContinue() async throws {
        try await withServer { server in
            try await offPool {
                let wire = try server.connect()
                try wire.write(
                    "POST /admin/reload HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n")
                #expect(try wire.response().status == 401)
            }
        }
    }

    @Test("Each further wrong token waits longer; a right one never waits, a missing one is no guess")
    func slowed() async throws {
        let pauses = Recorder()
        try await withServer(pause: { pauses.note($0) }) { server in
            for _ in 0..<8 {
                _ = try await server.send("POST", "/admin/reload", headers: ["Authorization: Bearer guess"])
            }
            _ = try await server.send("POST", "/admin/reload")
            let right = try await server.admin("POST", "/admin/reload")
            #expect(right.status == 200)
        }
        let expected = [100, 200, 400, 800, 1600, 3200, 5000, 5000].map { Duration.milliseconds($0) }
        #expect(pauses.noted == expected)
    }

    @Test("A wrong token that waits keeps nobody else waiting")
    func othersGoOn() async throws {
        let gate = Gate()
        try await withServer(pause: { _ in try await gate.wait() }) { server in
            async let slow = server.send("POST", "/admin/reload", headers: ["Authorization: Bearer guess"])
            await gate.somebodyWaits()
            let health = try await server.get("/health")
            #expect(health.status == 200)
            gate.open()
            let status = try await slow.status
            #expect(status == 401)
        }
    }

    @Test("IPv6 counts by /64, IPv4 in an IPv6 coat as IPv4")
    func keys() {
        #expect(AdminGate.key(of: "2001:db8:1:2:3::4") == AdminGate.key(of: "2001:db8:1:2:ffff::"))
        #expect(AdminGate.key(of: "2001:db8:1:2::1") != AdminGate.key(of: "2001:db8:1:3::1"))
        #expect(AdminGate.key(of: "::ffff:10.0.0.7") == AdminGate.key(of: "10.0.0.7"))
        #expect(AdminGate.key(of: "10.0.0.7") != AdminGate.key(of: "10.0.0.8"))
        #expect(AdminGate.key(of: nil) == "")
    }
}

/// Takes note of waits instead of waiting.
final class Recorder: Sendable {
    private let list = Mutex<[Duration]>([])
    var noted: [Duration] { list.withLock { $0 } }
    func note(_ duration: Duration) { list.withLock { $0.append(duration) } }
}
