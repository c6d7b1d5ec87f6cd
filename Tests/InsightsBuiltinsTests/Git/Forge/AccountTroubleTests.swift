import InsightsForgeServer
import InsightsPlugin
import InsightsTesting
import Testing

@testable import InsightsBuiltins

extension ForgeSocketTests {
    static let troubles: [ForgeFault.Effect] = [
        .status(500), .status(503), .reset(), .reset(afterBytes: 200), .close(afterBytes: 150), .overlongLength(),
        .chunked(isCutShort: true), .raw("nonsense\r\n\r\n"), .truncatedBody, .notJSON, .redirectLoop,
        .redirect(to: "http://127.0.0.1:9"), .redirect(to: "https://evil.example"), .hugeBody(), .deepNesting(),
        .change { _ in .null },
    ]

    private func read(_ fixture: ForgeFixture, _ accounts: [Value]) async throws -> String {
        try await fixture.accounts.run(
            GitAccounts(), with: ["forges": [fixture.entry(["accounts": .array(accounts)])]]) ?? ""
    }

    /// Asks for everything anew: a 304 has nothing in it to break.
    private struct Uncached: HTTP.Client {
        let base: any HTTP.Client

        func send(_ request: HTTP.Request) async throws -> HTTP.Response {
            var request = request
            request.isCached = false
            return try await base.send(request)
        }

        func allowance(
            of budget: HTTP.Budget, at origin: HTTP.Origin, with credential: HTTP.Credential?
        ) async -> HTTP.Allowance { await base.allowance(of: budget, at: origin, with: credential) }
    }

    private func forge(ofAccounts kind: ForgeKind) -> Forge {
        let forge = forge(2, kind)
        forge.addAccount("other", kind == .gitlab ? .group : .organization) { ($0.followers, $0.members) = (5, 6) }
        forge.addAccount("third", .user) { $0.followers = 7 }
        return forge
    }

    private func pattern(_ kind: ForgeKind) -> String { kind == .gitlab ? "GET */groups/acme*" : "GET */orgs/acme*" }

    @Test(
        "What goes wrong with one account fails it alone, nothing of it is stored, and its sums are made",
        arguments: troubles, [ForgeKind.github, .gitlab, .forgejo])
    func accounts(effect: ForgeFault.Effect, kind: ForgeKind) async throws {
        let forge = forge(ofAccounts: kind)
        try await withServer(forge) { server, client in
            let fixture = fixture(forge, server, Uncached(base: client.attempt()))
            let names: [Value] = ["acme", "other", "third"]
            let first = try await read(fixture, names)
            #expect(first.hasPrefix("3 accounts read"), "\(first)")
            forge.inject(effect, on: pattern(kind))
            fixture.accounts.forget()
            fixture.advance(to: ForgeFixture.start.advanced(by: .seconds(86_400)))
            let summary = try await read(fixture, names)
            #expect(summary.hasPrefix("2 accounts read; 1 failed: \(fixture.key)/acme ("), "\(summary)")
            #expect(!fixture.accounts.samples.contains { $0.subject == fixture.account("acme") })
            #expect(fixture.accounts.value("followers", of: fixture.account("third")) == 7)
            // What is stored of its repositories is summed up all the same.
            #expect(
                Set(fixture.accounts.rollUps.map(\.subject))
                    == Set(["acme", "other", "third"].map { fixture.account($0) }))
            #expect(fixture.accounts.lines.contains { "\($0.fields["subject"] ?? "")" == "\(fixture.key)/acme" })
        }
    }

    @Test(
        "Members that cannot be counted are absent, with the reason, and never a wrong number",
        arguments: troubles, [ForgeKind.github, .gitlab, .forgejo])
    func members(effect: ForgeFault.Effect, kind: ForgeKind) async throws {
        let forge = forge(ofAccounts: kind)
        forge.inject(effect, on: "GET */members*")
        try await withServer(forge) { server, client in
            let fixture = fixture(forge, server, client.attempt())
            let summary = try await read(fixture, ["other", "third"])
            #expect(summary.hasPrefix("2 accounts read; not told: "), "\(summary)")
            // GitLab and Forgejo tell it in a header, whatever becomes of the body.
            let members = fixture.accounts.value("members", of: fixture.account("other"))
            #expect(members == nil || kind != .github && members == 6)
            #expect(members != nil || summary.contains("members of 1 account"), "\(summary)")
            if kind != .gitlab {
                #expect(fixture.accounts.value("followers", of: fixture.account("other")) == 5)
            }
        }
    }

    @Test(
        "What passes is survived by accounts, too",
        arguments: [
            .status(502), .status(503), .reset(), .chunked(), .slow(.milliseconds(50)),
            .drip(bytes: 400, pause: .milliseconds(1)), .contentType("text/plain"),
        ] as [ForgeFault.Effect])
    func passingAccounts(effect: ForgeFault.Effect) async throws {
        let forge = forge(ofAccounts: .github)
        forge.inject(effect, on: "GET */orgs/other*", times: 1)
        try await withServer(forge) { server, client in
            let fixture = fixture(forge, server, client.attempt())
            let summary = try await read(fixture, ["other"])
            #expect(summary.hasPrefix("1 account read"), "\(summary)")
            #expect(fixture.accounts.value("members", of: fixture.account("other")) == 6)
        }
    }

    @Test("A token that is refused ends the accounts' run, and one that no answer comes to in time fails it alone")
    func refusedAccounts() async throws {
        let forge = forge(ofAccounts: .github)
        try await withServer(forge) { server, client in
            let fixture = fixture(forge, server, client.attempt(within: 1))
            let failure = await #expect(throws: RunFailure.self) {
                try await fixture.accounts.run(GitAccounts(), with: ["forges": [fixture.entry(token: "expired-token")]])
            }
            #expect(failure?.code == "credential" && failure?.isRetryable == false)
            forge.inject(.hang, on: "GET */orgs/acme")
            let summary = try await read(fixture, ["acme", "other", "third"])
            #expect(summary.hasPrefix("2 accounts read; 1 failed: \(fixture.key)/acme (http_timeout"), "\(summary)")
        }
    }
}
