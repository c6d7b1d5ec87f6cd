import InsightsForgeServer
import InsightsPlugin
import InsightsTestWire
import Testing

@Suite("Faults")
struct FaultTests {
    private static let repository = "/api/v3/repos/acme/widget"

    private static func answer(_ effect: ForgeFault.Effect, _ target: String = repository) async throws -> WireResponse
    {
        let (forge, _) = Samples.forge()
        forge.inject(effect, on: "GET *")
        return try await withClient(forge) { try $0.request("GET", target, [Samples.token]) }
    }

    @Test("A fault strikes what its pattern matches, after those it spares, as often as it is told to")
    func pattern() async throws {
        let (forge, _) = Samples.forge()
        forge.inject(.status(503, headers: ["Retry-After": "7"]), on: "GET */traffic/*", sparing: 1, times: 2)
        try await withClient(forge) { client in
            var statuses: [Int] = []
            for _ in 0..<4 {
                _ = try client.request("GET", Self.repository, [Samples.token])
                let answer = try client.request("GET", "\(Self.repository)/traffic/views", [Samples.token])
                statuses.append(answer.status)
                if answer.status == 503 { #expect(answer["retry-after"] == "7") }
            }
            #expect(statuses == [200, 503, 503, 200])
        }
        #expect(forge.log.filter(\.hadFault).map(\.cost) == [0, 0])
        #expect(forge.charged == 6)
    }

    @Test("A chance is the same in every run with the same seed")
    func chance() async throws {
        var runs: [[Int]] = []
        for seed: UInt64 in [1, 1, 2] {
            let (forge, _) = Samples.forge()
            forge.inject(.status(500), on: "GET *", chance: 0.3, seed: seed)
            runs.append(
                try await withClient(forge) { client in
                    try (0..<60).map { _ in try client.request("GET", Self.repository, [Samples.token]).status }
                })
        }
        #expect(runs[0] == runs[1])
        #expect(runs[0] != runs[2])
        #expect((6...30).contains(runs[0].filter { $0 == 500 }.count))
    }

    @Test("Connections are reset, or closed too early, wherever a test wants it", arguments: [0, 40, 700])
    func cut(bytes: Int) async throws {
        for isReset in [true, false] {
            let (forge, _) = Samples.forge()
            forge.inject(isReset ? .reset(afterBytes: bytes) : .close(afterBytes: bytes), on: "*")
            let end = try await withClient(forge) { client in
                try client.send("GET", Self.repository, [Samples.token])
                return (bytes: try client.rest(), wasReset: client.wasReset)
            }
            #expect(end.wasReset == isReset)
            // What a reset leaves behind may be thrown away by the reader's own system.
            #expect(isReset ? end.bytes.count <= bytes : end.bytes.count == bytes)
        }
    }

    @Test("A length that promises more than comes")
    func overlongLength() async throws {
        let (forge, _) = Samples.forge()
        forge.inject(.overlongLength(by: 10), on: "*")
        let end = try await withClient(forge) { client in
            try client.send("GET", Self.repository, [Samples.token])
            return (bytes: try client.rest(), wasReset: client.wasReset)
        }
        let text = String(decoding: end.bytes, as: UTF8.self)
        let body = text.split(separator: "\r\n\r\n", maxSplits: 1)[1]
        #expect(text.contains("Content-Length: \(body.utf8.count + 10)\r\n"))
        #expect(!end.wasReset)
    }

    @Test("Chunks instead of a length, to the end or cut short; bytes that are no HTTP", arguments: [false, true])
    func chunks(isCutShort: Bool) async throws {
        let (forge, _) = Samples.forge()
        forge.inject(.chunked(bytes: 300, isCutShort: isCutShort), on: "GET */repos/*")
        forge.inject(.raw("220 mail.test ESMTP\r\n"), on: "GET */orgs/*")
        try await ForgeServer.run(forge) { server in
            let port = server.port
            try await offPool {
                let client = try Wire(port: port)
                try client.send("GET", Self.repository, [Samples.token, "Connection: close"])
                let text = String(decoding: try client.rest(), as: UTF8.self)
                #expect(text.contains("Transfer-Encoding: chunked\r\n"))
                #expect(!text.contains("Content-Length"))
                #expect(text.contains("\r\n\r\n12c\r\n{\"id\":"))
                #expect(text.hasSuffix("\r\n0\r\n\r\n") != isCutShort)
                let other = try Wire(port: port)
                try other.send("GET", "/api/v3/orgs/acme", [Samples.token])
                #expect(String(decoding: try other.rest(), as: UTF8.self) == "220 mail.test ESMTP\r\n")
            }
        }
    }

    @Test("Bodies that end in the middle, are no JSON, or say that they are something else")
    func bodies() async throws {
        let cut = try await Self.answer(.truncatedBody)
        #expect(cut.status == 200 && cut.json == .null && cut.body.first == UInt8(ascii: "{"))
        let html = try await Self.answer(.notJSON)
        #expect(html.json == .null && html["content-type"] == "application/json; charset=utf-8")
        let typed = try await Self.answer(.contentType("text/html"))
        #expect(typed.json["stargazers_count"] == 42 && typed["content-type"] == "text/html")
        let huge = try await Self.answer(.hugeBody())
        #expect(huge.body.count == 10_485_760)
        let deep = try await Self.answer(.deepNesting(levels: 5000))
        #expect(deep.body.count == 10_000)
    }

    @Test("Members that are missing, null, text, or a word that nobody knows")
    func members() async throws {
        let missing = try await Self.answer(.missing("stargazers_count")).json
        #expect(missing["stargazers_count"] == nil && missing["forks_count"] == 3)
        #expect(try await Self.answer(.null("stargazers_count")).json["stargazers_count"] == .null)
        #expect(try await Self.answer(.text("stargazers_count")).json["stargazers_count"] == "42")
        #expect(try await Self.answer(.value("visibility", "secret")).json["visibility"] == "secret")
        let list = try await Self.answer(.null("id"), "/api/v3/orgs/acme/repos").json
        #expect(list.array?.first?["id"] == .null && list.array?.first?["owner"]?["id"] == .null)
    }

    @Test("Redirects without end, and to another host")
    func redirects() async throws {
        let (forge, _) = Samples.forge()
        forge.inject(.redirectLoop, on: "GET */repos/*")
        forge.inject(.redirect(to: "http://127.0.0.2:9", status: 301), on: "GET */orgs/*")
        try await withClient(forge) { client in
            var target = Self.repository
            var seen: Set<String> = []
            for _ in 0..<30 {
                let answer = try client.request("GET", target, [Samples.token])
                #expect(answer.status == 302)
                target = String(try #require(answer["location"]).dropFirst("http://forge.test".count))
                #expect(seen.insert(target).inserted)
            }
            let away = try client.request("GET", "/api/v3/orgs/acme", [Samples.token])
            #expect(away["location"] == "http://127.0.0.2:9/api/v3/orgs/acme")
        }
    }

    @Test("Pages without end, each with something on it")
    func endlessPages() async throws {
        let (forge, _) = Samples.forge()
        forge.inject(.endlessPages, on: "GET */orgs/*/repos*")
        forge.inject(.endlessPages, on: "GET */organizations/*/repos*")
        try await withClient(forge) { client in
            var target = "/api/v3/orgs/acme/repos?per_page=100"
            for _ in 0..<30 {
                let answer = try client.request("GET", target, [Samples.token])
                #expect(answer.json.array?.count == 1)
                target = String(try #require(answer.link("next")).dropFirst("http://forge.test".count))
            }
        }
    }

    @Test("Slow bytes, slow answers, and none at all until the client gives up")
    func slow() async throws {
        let (forge, _) = Samples.forge()
        forge.inject(.drip(bytes: 200, pause: .milliseconds(2)), on: "GET */repos/*")
        forge.inject(.slow(.milliseconds(50)), on: "GET */orgs/acme")
        forge.inject(.hang, on: "GET */users/*")
        try await ForgeServer.run(forge) { server in
            let port = server.port
            try await offPool {
                let client = try Wire(port: port)
                let dripped = try client.request("GET", Self.repository, [Samples.token])
                #expect(dripped.json["stargazers_count"] == 42)
                let start = ContinuousClock.now
                _ = try client.request("GET", "/api/v3/orgs/acme", [Samples.token])
                #expect(ContinuousClock.now - start >= .milliseconds(50))
                let hanging = try Wire(port: port)
                try hanging.send("GET", "/api/v3/users/acme", [Samples.token])
                while forge.log.count < 3 { _ = try client.request("GET", "/api/v3/rate_limit", [Samples.token]) }
            }
        }
        #expect(forge.log.filter { $0.path.hasSuffix("/users/acme") }.map(\.status) == [nil])
    }

    @Test("A GraphQL error beside the data, of nodes and of aliases")
    func graphQL() async throws {
        let (forge, _) = Samples.forge()
        forge.inject(.graphQLError(at: 1), on: "POST */graphql")
        try await withClient(forge) { client in
            let queries = [
                (
                    "{ a: repository(owner:\"acme\", name:\"widget\"){id} b: repository(owner:\"acme\", name:\"widget\"){id} }",
                    ["b"] as Value
                ),
                ("{ nodes(ids: [\"R_kgDOAA9CQg\", \"R_kgDOAA9CQg\"]) { id } }", ["nodes", 1]),
            ]
            for (query, path) in queries {
                let body: Value = ["query": .string(query)]
                let answer = try client.request("POST", "/api/graphql", [Samples.token], body: body.json)
                #expect(answer.status == 200)
                #expect(answer.json["errors"]?.array?.last?["path"] == path)
                let data = answer.json["data"]
                #expect((data?["b"] ?? data?["nodes"]?.array?[1]) == .null)
                #expect(data?["a"] != .null && data?["nodes"]?.array?[0] != .null)
            }
        }
    }
}
