import InsightsPlugin
import InsightsTesting
import Testing

@Suite("An HTTP client that connects to nothing")
struct ScriptedHTTPTests {
    private static let url = "https://example.org/a"

    @Test("It answers as scripted, and remembers what it was asked")
    func scripted() async throws {
        let http = ScriptedHTTP { request in
            request.url.path == "/a" ? ScriptedHTTP.Answer(headers: ["ETag": "x"], json: ["n": 1]) : nil
        }
        let host = RecordingHost(ModuleDeclaration(id: "m", summary: "A module."), http: http)
        let probe = Probe { context in
            let response = try await context.http.send(HTTP.Request(.get, try HTTP.URL(Self.url)))
            #expect(response.headers["etag"] == "x")
            return try response.json()["n"]?.integer.map(String.init)
        }
        #expect(try await host.run(probe) == "1")
        #expect(http.requests.map(\.url.text) == [Self.url])
        let failure = await #expect(throws: RunFailure.self) {
            try await http.send(HTTP.Request(.get, try HTTP.URL("https://example.org/b")))
        }
        #expect(failure?.code == HTTP.FailureCode.unreachable)
    }

    @Test("It holds a module to what a host does")
    func held() async throws {
        let http = ScriptedHTTP { _ in ScriptedHTTP.Answer(text: "0123456789") }
        var large = HTTP.Request(.get, try HTTP.URL(Self.url))
        large.sizeLimit = 9
        var astray = large
        astray.credential = HTTP.Credential.bearer("sesame", at: try HTTP.Origin("https://other.example.org"))
        for (request, code) in [(large, HTTP.FailureCode.tooLarge), (astray, HTTP.FailureCode.refused)] {
            let failure = await #expect(throws: RunFailure.self) { try await http.send(request) }
            #expect(failure?.code == code)
        }
        #expect(http.requests.count == 1)
    }

    @Test("What it throws is what the module meets")
    func throwing() async throws {
        let limit = RunFailure(HTTP.FailureCode.rateLimited, "later", retryable: true)
        let http = ScriptedHTTP { _ in throw limit }
        http.allowance = HTTP.Allowance(limit: 60, remaining: 0)
        let url = try HTTP.URL(Self.url)
        let failure = await #expect(throws: RunFailure.self) { try await http.send(HTTP.Request(.get, url)) }
        #expect(failure == limit)
        #expect(await http.allowance(of: HTTP.Budget(), at: url.origin, with: nil).remaining == 0)
    }
}
