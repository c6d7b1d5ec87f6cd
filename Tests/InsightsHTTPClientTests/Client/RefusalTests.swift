import InsightsPlugin
import Testing

@testable import InsightsHTTPClient

@Suite("What is never sent")
struct RefusalTests {
    @Test("A credential goes to its own origin alone, and no failure tells it")
    func origin() async throws {
        try await withBench({ _, _ in .answer(200) }) { bench, server in
            let other = try HTTP.Origin("https://127.0.0.1:\(server.port)")
            var request = HTTP.Request(.get, try server.origin.url(["a"], query: [("key", "hidden")]))
            for origin in [
                other, try HTTP.Origin("http://127.0.0.1:1"), try HTTP.Origin("http://localhost:\(server.port)"),
            ] {
                request.credential = HTTP.Credential.bearer("sesame", at: origin)
                let failure = try await failure { _ = try await bench.client().send(request) }
                #expect(failure.code == HTTP.FailureCode.refused)
                #expect(!failure.isRetryable)
                #expect(!failure.message.contains("sesame") && !failure.message.contains("hidden"))
            }
            #expect(server.requests.isEmpty)
        }
    }

    @Test("Plain http is spoken to this machine alone")
    func plain() async throws {
        let bench = Bench()
        let failure = try await failure {
            _ = try await bench.client().send(HTTP.Request(.get, try HTTP.URL("http://example.org/a")))
        }
        #expect(failure.code == HTTP.FailureCode.refused)
        await bench.close()
    }

    @Test("Redirects within the origin are followed, with the credential and what a method keeps")
    func redirects() async throws {
        try await withBench({ request, _ in
            switch request.target {
            case "/a": .answer(301, ["Location": "/b?x=1"])
            case "/b?x=1": .answer(302, ["Location": "c/../d"])
            case "/form": .answer(307, ["Location": "/kept"])
            case "/seen": .answer(303, ["Location": "/d"])
            default: .answer(200, [:], "\(request.method) \(request.target) \(request.body)")
            }
        }) { bench, server in
            var request = HTTP.Request(.get, try server.url("a"))
            request.credential = HTTP.Credential(header: "PRIVATE-TOKEN", value: "sesame\n", at: try server.origin)
            let response = try await bench.client().send(request)
            #expect(String(decoding: response.body, as: UTF8.self) == "GET /d ")
            #expect(response.url.path == "/d")
            #expect(server.requests.map { $0.headers["private-token"] } == ["sesame", "sesame", "sesame"])

            let form = HTTP.Request(.post, try server.url("form"), body: Array("data".utf8))
            #expect(try await bench.client().send(form).body == Array("POST /kept data".utf8))
            let seen = HTTP.Request(.post, try server.url("seen"), body: Array("data".utf8))
            #expect(try await bench.client().send(seen).body == Array("GET /d ".utf8))
            let moved = HTTP.Request(.post, try server.url("a"), body: Array("data".utf8))
            #expect(try await bench.client().send(moved).status == 301)
        }
    }

    @Test("A redirect elsewhere is refused before anything leaves")
    func elsewhere() async throws {
        let other = try await TestServer { _, _ in .answer(200) }
        let targets = [
            "http://127.0.0.1:\(other.port)/a?token=hidden", "//127.0.0.1:\(other.port)/", "https://127.0.0.1/",
            "http://localhost/", "ftp://127.0.0.1/", "http://user:pw@127.0.0.1/", "http://127.0.0.1:99999/",
        ]
        try await withBench({ request, _ in .answer(302, ["Location": targets[Int(request.target.dropFirst()) ?? 0]]) })
        { bench, server in
            for number in targets.indices {
                var request = HTTP.Request(.get, try server.url("\(number)"))
                request.credential = HTTP.Credential.bearer("sesame", at: try server.origin)
                let failure = try await failure { _ = try await bench.client().send(request) }
                #expect(failure.code == HTTP.FailureCode.redirect)
                #expect(!failure.isRetryable)
                #expect(!failure.message.contains("hidden") && !failure.message.contains("pw"))
            }
        }
        #expect(other.requests.isEmpty)
        await other.shutdown()
    }

    @Test("A circle and an endless way are refused")
    func circles() async throws {
        try await withBench({ request, _ in
            let next =
                switch request.target {
                case "/a": "/b"
                case "/b": "/a"
                case "/self": "/self"
                default: "/\((Int(request.target.dropFirst()) ?? 0) + 1)"
                }
            return .answer(302, ["Location": next])
        }) { bench, server in
            for (path, requests) in [("a", 2), ("self", 1), ("1", 6)] {
                let before = server.requests.count
                let failure = try await failure {
                    _ = try await bench.client().send(HTTP.Request(.get, try server.url(path)))
                }
                #expect(failure.code == HTTP.FailureCode.redirect)
                #expect(server.requests.count - before == requests)
            }
        }
    }
}
