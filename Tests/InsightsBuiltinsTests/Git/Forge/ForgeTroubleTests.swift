import Foundation
import InsightsForgeServer
import InsightsPlugin
import InsightsTesting
import Testing

@testable import InsightsBuiltins

extension ForgeSocketTests {
    /// Asks with another version of GitHub's API.
    private struct Versioned: HTTP.Client {
        let base: any HTTP.Client
        let version: String

        func send(_ request: HTTP.Request) async throws -> HTTP.Response {
            var request = request
            request.headers["X-GitHub-Api-Version"] = version
            return try await base.send(request)
        }

        func allowance(
            of budget: HTTP.Budget, at origin: HTTP.Origin, with credential: HTTP.Credential?
        ) async -> HTTP.Allowance { await base.allowance(of: budget, at: origin, with: credential) }
    }

    @Test("Both versions of GitHub's API tell the same, by GraphQL and by REST alone", arguments: [true, false])
    func versions(hasGraphQL: Bool) async throws {
        let forge = Forge(.github, now: ForgeFixture.start)
        forge.addAccount("acme") { ($0.followers, $0.members) = (12, 40) }
        let id = forge.addRepository(
            "acme/widget", createdAt: Instant("2025-06-01T00:00:00Z"), ForgeFixture.count)
        forge.addRelease(ForgeRelease(tag: "1.0", downloads: [3, 4]), to: id)
        if !hasGraphQL { forge.inject(.status(404), on: "POST */graphql") }
        try await withServer(forge) { server, client in
            var told: [String: [String]] = [:]
            for (number, version) in ["2022-11-28", "2026-03-10"].enumerated() {
                forge.clearLog()
                let http = Versioned(base: client.attempt(UInt64(number) + 1), version: version)
                let fixture = fixture(forge, server, http)
                try await fixture.collect()
                try await fixture.accounts.run(GitAccounts(), with: ["forges": [fixture.entry()]])
                #expect(fixture.repositories.value("stars", of: fixture.repository("acme/widget")) == 50)
                #expect(fixture.repositories.value("open_issues", of: fixture.repository("acme/widget")) == 4)
                #expect(fixture.accounts.value("members", of: fixture.account("acme")) == 40)
                #expect(forge.log.allSatisfy { $0.header("x-github-api-version") == version })
                told[version] = (fixture.repositories.samples + fixture.accounts.samples).map { "\($0)" }.sorted()
            }
            #expect(told["2022-11-28"] == told["2026-03-10"] && told["2026-03-10"]?.isEmpty == false)
        }
    }

    @Test(
        "A token that expires in the middle ends the run for good; what was read stays, and a new one goes on from there",
        arguments: [ForgeKind.github, .gitlab, .forgejo])
    func expires(kind: ForgeKind) async throws {
        let forge = forge(8, kind)
        let end = ForgeFixture.start.advanced(by: .seconds(60))
        forge.addToken(ForgeToken("short-lived-token", expiresAt: end))
        let part = kind == .forgejo ? "releases" : kind == .gitlab ? "statistics" : "traffic/clones"
        // An hour passes while that is answered.
        forge.inject(
            .change { [weak forge] body in
                forge?.now = end.advanced(by: .seconds(3600))
                return body
            }, on: "GET *\(part)*", sparing: 3, times: 1)
        try await withServer(forge) { server, client in
            let fixture = fixture(forge, server, client.attempt())
            let failure = await #expect(throws: RunFailure.self) {
                try await fixture.collect(["concurrency": 1], token: "short-lived-token")
            }
            #expect(failure?.code == "credential" && failure?.isRetryable == false)
            #expect(failure?.message.contains("expired") == true && failure?.message.contains("short-lived") == false)
            let stars = { fixture.repositories.samples.filter { $0.metric == "stars" }.map(\.subject) }
            let finished = stars()
            #expect((1...4).contains(finished.count), "\(finished.count)")
            // Nothing half: who is named has all that such a forge tells.
            let named = fixture.repositories.subjects.map(\.reference).filter { $0.kind == "repository" }
            #expect(Set(named) == Set(finished))
            let daily = kind == .forgejo ? "releases" : kind == .gitlab ? "fetches" : "clones"
            for subject in finished {
                #expect(fixture.repositories.samples.contains { $0.subject == subject && $0.metric == daily })
            }
            forge.clearLog()
            try await fixture.collect(["concurrency": 1], scheduledAt: ForgeFixture.start, attempt: 2)
            #expect(stars().count == 8 && Set(stars()).count == 8)
        }
    }

    /// A refusal, what it strikes, what then stands in the run's summary or failure, and how many are read of two.
    static let refused: [(ForgeFault.Effect, String, String, Int)] = [
        (sso, "GET */orgs/acme/repos*", "single sign-on", 0),
        (sso, "GET */traffic/*", "the token is not authorised for the organisation's single sign-on", 2),
        (sso, "GET */releases*", "the token is not authorised for the organisation's single sign-on", 2),
        (.status(451), "GET */orgs/acme/repos*", "does not let account acme be read (451)", 0),
        (.status(451), "GET */traffic/*", "the token may not read traffic (451)", 2),
        (.status(451), "GET */releases*", "the token may not read releases (451)", 2),
        (.status(451), "POST */graphql", "2 repositories read", 2),
        (sso, "POST */graphql", "2 repositories read", 2),
    ]

    private static let sso = ForgeFault.Effect.status(
        403, message: "Resource protected by organization SAML enforcement.",
        headers: ["X-GitHub-SSO": "required; url=https://github.example/orgs/acme/sso?authorization_request=abc"])

    @Test(
        "Single sign-on and what the law forbids are said in words, and cost no more than they must", arguments: refused
    )
    func refusals(effect: ForgeFault.Effect, pattern: String, words: String, read: Int) async throws {
        let forge = forge(2)
        forge.inject(effect, on: pattern)
        try await withServer(forge) { server, client in
            let fixture = fixture(forge, server, client.attempt())
            var text = ""
            do { text = try await fixture.collect() } catch let failure as RunFailure {
                #expect(failure.code == "forbidden" && !failure.isRetryable)
                text = failure.message
            }
            #expect(text.contains(words), "\(text)")
            #expect(fixture.repositories.samples.count { $0.metric == "stars" } == read)
            // Not tried again: neither becomes better by that.
            #expect(forge.log.count { $0.hadFault } <= (pattern.contains("/traffic/") ? 2 : 4))
        }
    }

    /// What a list can be that never comes to an end, leads away, or is none; and the code that says so.
    static let astray: [(ForgeFault.Effect, String)] = [
        (.redirectLoop, "http_redirect"), (.redirect(to: "http://127.0.0.1:9"), "http_redirect"),
        (.redirect(to: "https://evil.example", status: 301), "http_redirect"),
        (.redirect(to: "https://evil.example", status: 307), "http_redirect"), (.endlessPages, "bad_answer"),
        (.hugeBody(), "http_too_large"), (.deepNesting(), "http_bad_answer"), (.truncatedBody, "http_bad_answer"),
        (.notJSON, "http_bad_answer"), (.status(500), "forge_failed"), (.change { _ in [:] }, "http_bad_answer"),
        (.raw("nonsense\r\n\r\n"), "http_bad_answer"), (.reset(afterBytes: 200), "http_"),
        (.close(afterBytes: 150), "http_"), (.overlongLength(), "http_"), (.chunked(isCutShort: true), "http_"),
    ]

    @Test(
        "A list that leads away, never ends or is none fails its account, and another forge is read", arguments: astray)
    func lists(effect: ForgeFault.Effect, code: String) async throws {
        let (bad, good) = (forge(2), forge(3, .forgejo))
        bad.inject(effect, on: "GET */orgs/acme/repos*")
        good.addToken(ForgeToken(ForgeFixture.token))
        try await withServer(bad) { server, client in
            try await ForgeServer.run(good) { other in
                let fixture = fixture(bad, server, client.attempt())
                let second: Value = [
                    "platform": "forgejo", "base_url": .string("http://127.0.0.1:\(other.port)"), "accounts": ["acme"],
                    "token": .string(ForgeFixture.token),
                ]
                let summary =
                    try await fixture.repositories.run(GitRepositories(), with: ["forges": [fixture.entry(), second]])
                    ?? ""
                #expect(summary.hasPrefix("3 repositories read; 1 failed: \(fixture.key)/acme (\(code)"), "\(summary)")
                let keys = Set(fixture.repositories.samples.map(\.subject.key))
                #expect(keys == Set((0..<3).map { "127.0.0.1:\(other.port)/acme/r\($0)" }))
                #expect(!fixture.everything.contains(ForgeFixture.token))
            }
        }
    }

    @Test(
        "Releases that lead away or never end cost themselves alone",
        arguments: [
            .redirectLoop, .redirect(to: "http://127.0.0.1:9"), .redirect(to: "https://evil.example", status: 307),
            .endlessPages, .deepNesting(),
        ] as [ForgeFault.Effect], [ForgeKind.github, .forgejo])
    func releases(effect: ForgeFault.Effect, kind: ForgeKind) async throws {
        let forge = forge(3, kind)
        for repository in forge.repositories {
            forge.addRelease(ForgeRelease(tag: "1", downloads: [1]), to: repository.id)
        }
        forge.inject(effect, on: "GET */releases*")
        try await withServer(forge) { server, client in
            let fixture = fixture(forge, server, client.attempt())
            let summary = try await fixture.collect()
            #expect(summary.hasPrefix("3 repositories read; not told: "), "\(summary)")
            #expect(summary.contains("releases could not be read: "), "\(summary)")
            #expect(!fixture.repositories.samples.contains { $0.metric.hasPrefix("release") })
            #expect(fixture.repositories.samples.count { $0.metric == "stars" } == 3)
            #expect(forge.log.count < 100)
        }
    }
}
