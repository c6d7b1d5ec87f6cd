import InsightsForgeServer
import InsightsPlugin
import InsightsTesting
import Testing

@testable import InsightsBuiltins

@Suite("What a run over forges could do, found out beforehand")
struct ForgeSurveyTests {
    private func fixture(_ kind: ForgeKind = .github) -> ForgeFixture {
        let fixture = ForgeFixture(kind)
        fixture.forge.addAccount("acme", kind == .gitlab ? .group : .organization)
        for number in 0..<7 { fixture.forge.addRepository("acme/r\(number)") }
        return fixture
    }

    private func survey(_ fixture: ForgeFixture, token: String? = ForgeFixture.token, _ changes: ValueObject = [:])
        async throws -> [OnlineFinding]
    {
        try await fixture.repositories.survey(
            GitRepositories(), with: ["forges": [fixture.entry(changes, token: token)]])
    }

    private func finding(_ code: String, in findings: [OnlineFinding]) throws -> OnlineFinding {
        try #require(findings.first { $0.code == code }, "\(findings.map(\.code))")
    }

    @Test("A good token: what is tracked, that traffic can be read, and what a run takes")
    func good() async throws {
        let fixture = fixture()
        let findings = try await survey(fixture)
        #expect(findings.allSatisfy { $0.severity == .note })
        #expect(try finding("tracked", in: findings).message == "7 repositories would be tracked: acme 7")
        #expect(try finding("traffic", in: findings).message == "traffic can be read (3 of 3 asked)")
        #expect(try finding("requests", in: findings).message.hasPrefix("a first run takes about 37 requests"))
        // One list and three times traffic; whose the token is costs nothing.
        #expect(fixture.forge.charged == 4)
    }

    @Test(
        "What it tells a first run takes is what a first run takes", arguments: [ForgeKind.github, .gitlab, .forgejo])
    func estimate(kind: ForgeKind) async throws {
        let fixture = fixture(kind)
        let message = try finding("requests", in: try await survey(fixture)).message
        fixture.forge.clearLog()
        try await fixture.collect()
        #expect(message.hasPrefix("a first run takes about \(fixture.forge.log.count) requests"))
    }

    @Test(
        "It reckons lists by all that is in them, a user's by both routes, and one request for each repository by name",
        arguments: [
            (ForgeKind.github, ForgeFixture.token as String?), (.github, nil), (.gitlab, ForgeFixture.token),
            (.forgejo, ForgeFixture.token),
        ])
    func estimateOfMany(kind: ForgeKind, token: String?) async throws {
        let fixture = fixture(kind)
        fixture.forge.configure { $0.limits.anonymous = nil }
        fixture.forge.addAccount("octocat", .user)
        fixture.forge.addAccount("other", kind == .gitlab ? .group : .organization)
        // Two hundred that no run reads, and some that it does.
        for number in 0..<205 { fixture.forge.addRepository("acme/fork\(number)") { $0.isFork = true } }
        for name in ["octocat/a", "octocat/b", "other/c", "other/d"] { fixture.forge.addRepository(name) }
        let changes: ValueObject = [
            "accounts": ["acme", "octocat"], "repositories": ["other/c", "other/d", "acme/r1"],
        ]
        let message = try finding("requests", in: try await survey(fixture, token: token, changes)).message
        fixture.forge.clearLog()
        try await fixture.collect(changes, token: token)
        #expect(message.hasPrefix("a first run takes about \(fixture.forge.log.count) requests"), "\(message)")
    }

    @Test("Nothing of it is kept")
    func kept() async throws {
        let fixture = fixture()
        _ = try await survey(fixture)
        #expect(fixture.repositories.emissions.isEmpty && fixture.repositories.state.isEmpty)
    }

    @Test("A token without the permission is told with the permission", arguments: [ForgeKind.github, .gitlab])
    func permission(kind: ForgeKind) async throws {
        let fixture = fixture(kind)
        fixture.forge.addToken(ForgeToken("weakling", readsTraffic: false))
        let traffic = try finding("traffic", in: try await survey(fixture, token: "weakling"))
        #expect(traffic.severity == .warning)
        #expect(traffic.help?.contains(kind == .github ? "Administration: read" : "Reporter") == true)
    }

    @Test("A token that is about to expire is a warning", arguments: [ForgeKind.github, .gitlab])
    func expiry(kind: ForgeKind) async throws {
        let fixture = fixture(kind)
        for (days, severity) in [(10, OnlineFinding.Severity.warning), (60, .note)] {
            let end = ForgeFixture.start.advanced(by: .seconds(Int64(days) * 86_400))
            fixture.forge.addToken(ForgeToken("short-lived", expiresAt: end))
            let expiry = try finding("token_expiry", in: try await survey(fixture, token: "short-lived"))
            #expect(expiry.severity == severity && expiry.message == "the token expires on \(end.dateText)")
        }
    }

    @Test("A refused token is an error", arguments: [ForgeKind.github, .gitlab, .forgejo])
    func refused(kind: ForgeKind) async throws {
        let findings = try await survey(fixture(kind), token: "wrong-one")
        #expect(findings.map(\.code) == ["credential"] && findings.map(\.severity) == [.error])
        #expect(findings.allSatisfy { !"\($0)".contains("wrong-one") })
    }

    @Test("No token, an account that is not there, and nothing left to track are told")
    func gaps() async throws {
        let fixture = fixture()
        #expect(try finding("no_token", in: try await survey(fixture, token: nil)).severity == .warning)
        let missing = try await survey(fixture, ["accounts": ["acme", "nobody"]])
        #expect(try finding("not_found", in: missing).severity == .error)
        let none = try await survey(fixture, ["include": ["nothing-*"]])
        #expect(try finding("tracked", in: none).severity == .warning)
    }

    @Test("A server that cannot be reached is told as that")
    func unreachable() async throws {
        let host = RecordingHost(GitRepositories().declaration)
        let findings = try await host.survey(GitRepositories(), with: ["forges": [fixture().entry()]])
        #expect(findings.map(\.code) == [HTTP.FailureCode.unreachable])
    }
}
