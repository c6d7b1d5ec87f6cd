import InsightsForgeServer
import InsightsPlugin
import InsightsTestWire
import Testing

@Suite("Connections")
struct ConnectionTests {
    private static let repository = "/api/v3/repos/acme/widget"

    @Test("A connection is kept until the client closes it; requests sent ahead are answered in order")
    func keepAlive() async throws {
        let (forge, _) = Samples.forge()
        forge.configure { $0.latency = .milliseconds(2) }
        try await withClient(forge) { client in
            for name in ["widget", "nothing", "widget"] {
                try client.send("GET", "/api/v3/repos/acme/\(name)", [Samples.token])
            }
            let statuses = try (0..<3).map { _ in try client.response().status }
            #expect(statuses == [200, 404, 200])
            let head = try client.request("HEAD", Self.repository, [Samples.token])
            #expect(head.body.isEmpty && Int(head["content-length"] ?? "0") ?? 0 > 500)
            let last = try client.request("GET", Self.repository, [Samples.token, "Connection: close"])
            #expect(last["connection"] == "close")
            #expect(try client.rest().isEmpty)
        }
        #expect(Set(forge.log.map(\.connection)).count == 1)
    }

    @Test("A request on a connection that the client cut is under way no more")
    func cutByClient() async throws {
        let (forge, _) = Samples.forge()
        forge.inject(.hang, on: "GET */orgs/*")
        try await ForgeServer.run(forge) { server in
            let port = server.port
            try await offPool {
                let witness = try Wire(port: port)
                do {
                    let client = try Wire(port: port)
                    try client.send("GET", "/api/v3/orgs/acme", [Samples.token])
                    while !forge.log.contains(where: { $0.path.hasSuffix("orgs/acme") }) {
                        _ = try witness.request("GET", Self.repository, [Samples.token])
                    }
                }
                repeat {
                    _ = try witness.request("GET", Self.repository, [Samples.token])
                } while forge.log.last?.atOnce != 1
            }
        }
    }

    @Test("Eight connections are served side by side, each with its own delay")
    func throughput() async throws {
        let (forge, _) = Samples.forge()
        for number in 0..<199 { forge.addRepository("acme/r\(number)", createdAt: Instant("2025-06-01")) }
        forge.configure {
            $0.latency = .milliseconds(5)
        }
        let ids = forge.repositories.map(\.id)
        let paths = [
            "", "/traffic/views", "/traffic/clones", "/traffic/popular/referrers", "/traffic/popular/paths",
            "/releases",
        ]
        try await ForgeServer.run(forge) { server in
            let port = server.port
            try await withThrowingTaskGroup(of: Void.self) { group in
                for lane in 0..<8 {
                    group.addTask {
                        try await offPool {
                            let client = try Wire(port: port)
                            for index in stride(from: lane, to: ids.count, by: 8) {
                                for path in paths {
                                    let answer = try client.request(
                                        "GET", "/api/v3/repositories/\(ids[index])\(path)", [Samples.token])
                                    guard answer.status == 200 else { throw WireError(description: "\(answer.status)") }
                                }
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
        #expect(forge.log.count == 1200)
        #expect(forge.mostAtOnce == 8)
        #expect(forge.charged == 1200)
    }
}
